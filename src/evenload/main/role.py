"""How a role's process begins, be it server or agent: signals, the supervisor's word, settings, log; and how it fails.

A role ends with the supervisor, and with a thread that could not go on.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evenload.host.privileges import end_with_parent
from evenload.main import logs, lost_threads
from evenload.main.control import Control
from evenload.main.journal import prefix
from evenload.main.memory import keep_few_arenas
from evenload.main.permission import in_words
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.model.errors import EvenloadError

_SWITCH_INTERVAL = 0.0005
"""Seconds a thread keeps the interpreter while another waits. Python's 5 ms would be a fifth of a creation's budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """``given``: descriptors from the supervisor, by name. ``ended`` is set by SIGTERM, SIGINT and SIGHUP."""

    settings: Settings
    control: Control
    given: dict[str, int]
    ended: threading.Event


Serve = Callable[[Begun], int]
"""Returns the exit status."""


def run_role(arguments: Sequence[str], prepare: Callable[[], Serve]) -> int:
    """Until what ``prepare`` gives returns; it is called before the supervisor's word is awaited. Returns the exit
    status."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # SIGHUP: the terminal is gone
        signal.signal(number, lambda *_: ended.set())
    lost_threads.end_the_process()
    keep_few_arenas()
    control = Control.from_environment()
    if not tied_to(control):
        return 1
    serve = prepare()
    try:
        given = control.wait_for_go()
    except OSError:
        return 1  # the supervisor is gone, and says why
    try:
        settings = read_settings(arguments)
        logs.configure(debug=settings.debug)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        return serve(Begun(settings=settings, control=control, given=given, ended=ended))
    except (EvenloadError, SettingsError, OSError, ValueError) as error:
        return refuse(error)


def tied_to(control: Control) -> bool:
    """From now on this process ends with the supervisor, where it has one; False where that has ended already."""
    if control.supervisor is None:
        return True
    end_with_parent(signal.SIGKILL)
    return os.getppid() == control.supervisor


def refuse(error: Exception) -> int:
    """Says why, and returns the exit status: 2 for settings, 1 for what may be otherwise next time."""
    sys.stderr.write(f"{prefix('error')}evenload: {in_words(error)}\n")
    return 2 if isinstance(error, SettingsError) else 1
