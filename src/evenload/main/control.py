"""The line between the supervisor and a role: a socket pair. Light: the supervisor imports it.

The supervisor says ``go`` once, with the sockets and locks that the role shall use; the role says ``ready`` when it
serves, and ``alive`` every few seconds from then on. Where there is no supervisor a role opens everything itself, and
tells the service manager the same, where it has one.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Mapping

from evenload.main.notify import Notifier

READY, ALIVE = b"ready", b"alive"
BEAT = 5.0
"""Seconds between two ``alive``."""
_VARIABLE = "EVENLOAD_CONTROL"
_MOST = 8
_SIZE = 4096


class Control:
    """The role's end. ``go`` returns the descriptors by name. ``supervisor``: its process, None where there is none;
    then ``notifier`` hears what the supervisor would."""

    def __init__(
        self, line: socket.socket | None, supervisor: int | None = None, notifier: Notifier | None = None
    ) -> None:
        self._line = line
        self._notifier = notifier or Notifier(None)
        self.supervisor = supervisor

    @classmethod
    def from_environment(cls) -> "Control":
        """Takes the variable away, for what this process starts."""
        given = os.environ.pop(_VARIABLE, None)
        if given is None:
            return cls(None, notifier=Notifier.from_environment())
        number, supervisor = map(int, given.split(":"))
        line = socket.socket(fileno=number)
        line.set_inheritable(False)
        return cls(line, supervisor)

    @property
    def supervised(self) -> bool:
        return self._line is not None

    def wait_for_go(self) -> dict[str, int]:
        """Raises OSError where the supervisor is gone."""
        if self._line is None:
            return {}
        message, descriptors, _, _ = socket.recv_fds(self._line, _SIZE, _MOST)
        if not message:
            raise OSError("the supervisor is gone")
        names = message.decode().split()[1:]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return dict(zip(names, descriptors, strict=True))

    def ready(self, status: str = "serving") -> None:
        """``status``: what the service manager shows. May be said again with another."""
        self._notifier.ready(status)
        if self._line is not None:
            self._line.send(READY)

    def serve_until(self, ended: threading.Event) -> None:
        """Waits; the supervisor, or the service manager, hears that this process is not stuck."""
        while not ended.wait(self._pause()):
            self._notifier.alive()
            if self._line is not None:
                with contextlib.suppress(OSError):  # it is gone, or hears nothing: the kernel ends this process with it
                    self._line.send(ALIVE, socket.MSG_DONTWAIT)
        self._notifier.stopping()

    def _pause(self) -> float:
        interval = self._notifier.interval
        return BEAT if interval is None else min(BEAT, interval)


def make_line() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the role's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def environment_for(line: socket.socket) -> dict[str, str]:
    return {**os.environ, _VARIABLE: f"{line.fileno()}:{os.getpid()}"}


def send_go(line: socket.socket, descriptors: Mapping[str, int]) -> None:
    """Raises OSError where the role is gone."""
    names, numbers = list(descriptors), list(descriptors.values())
    socket.send_fds(line, [" ".join(["go", *names]).encode()], numbers)
