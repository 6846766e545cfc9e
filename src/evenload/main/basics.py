"""What the supervisor has to know of the settings, read in a child so that the parser's memory goes with it.

Light: the supervisor imports it. What is wrong in the settings is said here, once.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evenload.main.journal import prefix


class BasicsError(Exception):
    """The settings cannot be used, or only help was asked for; everything has been said. ``status``: to exit with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Basics:
    user: str
    state_path: Path
    bind_host: str
    bind_port: int


def read_basics(arguments: Sequence[str]) -> Basics:
    """Raises BasicsError. To be called while the process has one thread."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _tell(arguments, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status or not told:
        raise BasicsError(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
    user, state_path, host, port = json.loads(told)
    return Basics(user, Path(state_path), host, port)


def _tell(arguments: Sequence[str], writing: int) -> None:
    """In the child; never returns."""
    status = 1
    try:
        from evenload.main.settings import SettingsError, read_settings

        try:
            settings = read_settings(arguments)
        except SettingsError as error:
            sys.stderr.write(f"{prefix('error')}evenload: {error}\n")
            status = 2
        except SystemExit as error:  # --help, --version, or an argument that is none
            status = error.code if isinstance(error.code, int) else 1
        else:
            serving = settings.serving
            told = [settings.server.user, str(settings.state_path), serving.host, serving.port]
            os.write(writing, json.dumps(told).encode())
            status = 0
    except BaseException:  # noqa: BLE001 the child of a fork says what happened and ends
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
