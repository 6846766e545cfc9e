"""The supervisor: starts server and agent, watches them, starts again what ends.

Light on purpose: it imports nothing of the roles, for it lives as long as they do. What can be refused before anything
is started is refused here, once: settings, the server's user, the state directory, the listening address. The listening
socket stays open here, so that clients wait for a server that is started anew instead of being turned away.

A role that serves says so every few seconds; one that has fallen silent is stuck, and is ended and started again.
The service manager hears from here that Evenload serves and that it lives.

The roles are no daemons: the kernel ends them with the supervisor. The data plane belongs to nobody and serves on.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evenload.main.accounts import find_account
from evenload.main.basics import BasicsError, read_basics
from evenload.main.control import ALIVE, READY, environment_for, make_line, send_go
from evenload.main.journal import prefix
from evenload.main.listening import listen_tcp
from evenload.main.notify import Notifier
from evenload.main.permission import in_words
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError

SERVER, AGENT = "server", "agent"
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 30.0
_HEALTHY_AFTER = 30.0
"""A role that ran for so many seconds is started again at once when it ends."""
_STOP_TIMEOUT = 20.0
_LONGEST_SILENCE = 60.0
"""Seconds: twelve times what a role takes from one word to the next."""
_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
"""Each ends all in order; SIGHUP comes when the terminal is closed."""


@dataclass(slots=True)
class Role:
    """``proven``: it served at some time. ``heard_at``: when it said so last, None before it serves. ``due``: when to
    start it."""

    name: str
    gives: dict[str, int] = field(default_factory=dict)
    pid: int | None = None
    pidfd: int = -1
    line: socket.socket | None = None
    proven: bool = False
    started_at: float = 0.0
    heard_at: float | None = None
    failures: int = 0
    due: float | None = None


def choose_delay(failures: int) -> float:
    """Seconds before the next start, after so many ends in a row that came soon after the start."""
    return 0.0 if failures == 0 else min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures - 1, 16))


def is_refusal(status: int, *, proven: bool) -> bool:
    """Whether a role that ended by that wait status said that a start cannot succeed. One that has served before may
    succeed again: the other role goes on meanwhile."""
    return not proven and os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0


def is_stuck(heard_at: float | None, now: float) -> bool:
    """Whether to end a role that spoke last at that time; None: it does not serve yet, and may take its time."""
    return heard_at is not None and now - heard_at > _LONGEST_SILENCE


class Supervisor:
    """``run`` returns the exit status of the whole."""

    def __init__(self, arguments: Sequence[str], command: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._command = list(command)
        self._roles = {name: Role(name) for name in (SERVER, AGENT)}
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._notifier = Notifier.from_environment()
        self._announced = False

    def run(self) -> int:
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        keep_descriptors()
        self._start(self._roles[SERVER])  # its imports take the longest
        try:
            with contextlib.ExitStack() as stack:
                basics = read_basics(self._arguments)
                find_account(basics.user)
                state = stack.enter_context(StateDirectory(basics.state_path))
                listener = stack.enter_context(listen_tcp(basics.bind_host, basics.bind_port))
                self._roles[SERVER].gives = {"http": listener.fileno()}
                self._roles[AGENT].gives = {"state": state.lock}
                self._go(self._roles[SERVER])
                self._start(self._roles[AGENT])
                self._go(self._roles[AGENT])
                return self._watch()
        except BasicsError as error:
            return error.status  # said already
        except (EvenloadError, OSError, ValueError) as error:
            sys.stderr.write(f"{prefix('error')}evenload: {in_words(error)}\n")
            return 1
        finally:
            self._stop()

    def _watch(self) -> int:
        """Until a signal, or a role says that its start cannot succeed."""
        while True:
            for role in self._roles.values():
                if role.pid is None and role.due is not None and role.due <= time.monotonic():
                    self._start(role)
                    self._go(role)
            events = self._poll()
            self._notifier.alive()
            if self._wake in events and self._signalled():
                self._notifier.stopping()
                say("info", "stopping")
                return 0
            for role in self._roles.values():
                if role.line is not None and role.line.fileno() in events:
                    self._listen(role)
                if role.pid is not None and role.pidfd in events:
                    status = self._reap(role)
                    if is_refusal(status, proven=role.proven):
                        return os.WEXITSTATUS(status)
                    self._again(role, status)
                elif is_stuck(role.heard_at, time.monotonic()):
                    self._kill(role)

    def _kill(self, role: Role) -> None:
        """Its end is noticed as any other."""
        say("error", "a role is stuck and is killed", role=role.name, silent=_LONGEST_SILENCE)
        role.heard_at = None
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(role.pidfd, signal.SIGKILL)

    def _poll(self) -> set[int]:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for role in self._roles.values():
            if role.pid is not None:
                poll.register(role.pidfd, select.POLLIN)
            if role.line is not None:
                poll.register(role.line.fileno(), select.POLLIN)
        now = time.monotonic()
        dues = [role.due for role in self._roles.values() if role.pid is None and role.due is not None]
        dues += [role.heard_at + _LONGEST_SILENCE for role in self._roles.values() if role.heard_at is not None]
        if self._notifier.due is not None:
            dues.append(self._notifier.due)
        wait = None if not dues else max(0.0, min(dues) - now) * 1000 + 1
        return {descriptor for descriptor, _ in poll.poll(wait)}

    def _signalled(self) -> bool:
        try:
            return any(number in _SIGNALS for number in os.read(self._wake, 64))
        except BlockingIOError:
            return False

    def _start(self, role: Role) -> None:
        """The process begins to import; it waits for ``go`` before it looks at anything."""
        ours, theirs = make_line()
        theirs.set_inheritable(True)
        environment = environment_for(theirs)
        pid = os.posix_spawn(
            self._command[0],
            [*self._command, role.name, *self._arguments],
            environment,
            setpgroup=0,  # a terminal's Ctrl-C reaches the supervisor alone
            setsigdef=_SIGNALS,
        )
        theirs.close()
        role.pid, role.pidfd, role.line = pid, os.pidfd_open(pid), ours
        role.started_at, role.heard_at, role.due = time.monotonic(), None, None

    def _go(self, role: Role) -> None:
        if role.line is not None:
            with contextlib.suppress(OSError):  # it has ended already: its descriptor will say so
                send_go(role.line, role.gives)

    def _listen(self, role: Role) -> None:
        line = role.line
        if line is None:
            return
        try:
            message = line.recv(64)
        except OSError:
            message = b""
        if message == READY:
            role.proven = True
        if message in (READY, ALIVE):
            role.heard_at = time.monotonic()
            self._announce()
        elif not message:
            line.close()
            role.line = None

    def _announce(self) -> None:
        """To the service manager, once both have served."""
        if not self._announced and all(role.proven for role in self._roles.values()):
            self._announced = True
            self._notifier.ready("server and agent are at work")

    def _reap(self, role: Role) -> int:
        if role.line is not None:
            self._listen(role)  # it may have become ready just before
        assert role.pid is not None
        _, status = os.waitpid(role.pid, 0)
        os.close(role.pidfd)
        if role.line is not None:
            role.line.close()
        role.pid, role.pidfd, role.line, role.heard_at = None, -1, None, None
        return status

    def _again(self, role: Role, status: int) -> None:
        lived = time.monotonic() - role.started_at
        role.failures = 0 if lived >= _HEALTHY_AFTER else role.failures + 1
        delay = choose_delay(role.failures)
        role.due = time.monotonic() + delay
        end = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"
        say("error", "a role has ended and is started again", role=role.name, end=end, wait=round(delay, 3))

    def _stop(self) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT
        running = [role for role in self._roles.values() if role.pid is not None]
        for role in running:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(role.pidfd, signal.SIGTERM)
        for role in running:
            poll = select.poll()
            poll.register(role.pidfd, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                say("error", "a role does not end and is killed", role=role.name)
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(role.pidfd, signal.SIGKILL)
            self._reap(role)


def keep_descriptors() -> None:
    """What whoever started this process left open is not handed on to the roles."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the descriptor of the look itself
            if int(name) > sys.stderr.fileno():
                os.set_inheritable(int(name), False)


def say(level: str, event: str, **values: object) -> None:
    """A line as the roles log them (main/logs.py)."""
    told = prefix(level)
    words = [told + event] if told else [datetime.now(UTC).isoformat().replace("+00:00", "Z"), level, event]
    words += [f"{key}={str(value)!r}" if " " in str(value) else f"{key}={value}" for key, value in values.items()]
    sys.stderr.write(" ".join(words) + "\n")
    sys.stderr.flush()
