"""What the service manager is told: that Evenload serves, ends, lives (sd_notify(3), systemd.service(5)).

The supervisor speaks for both roles; a role without one speaks for itself (main/control.py). Light: the supervisor
imports it. Quiet where no service manager asks for it.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, MutableMapping

_PATIENCE = 1.0
_RETRY = 0.1
"""Of the interval."""


class Notifier:
    """``interval``: seconds between two signs of life; None where nobody waits for them.

    ``due``: when the next one is, by ``monotonic``; None where none is.
    """

    def __init__(
        self, address: str | None, interval: float | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = address
        self._monotonic = monotonic
        self.interval = None if address is None else interval
        self.due = None if self.interval is None else monotonic()

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Takes the variables away: what this process starts is not to speak for it. A sign of life comes twice in the
        time after which the manager misses it, as sd_watchdog_enabled(3) advises."""
        address = environment.pop("NOTIFY_SOCKET", None)
        limit, meant = environment.pop("WATCHDOG_USEC", None), environment.pop("WATCHDOG_PID", None)
        watched = limit is not None and limit.isdigit() and meant in (None, str(os.getpid()))
        return cls(address or None, int(limit) / 1e6 / 2 if watched and limit is not None else None)

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}", patience=_PATIENCE)

    def alive(self) -> None:
        """May be called as often as one likes; says so when it is due. What the manager could not take is said again
        soon."""
        if self.interval is None or self.due is None or (now := self._monotonic()) < self.due:
            return
        self.due = now + (self.interval if self._send("WATCHDOG=1") else self.interval * _RETRY)

    def stopping(self) -> None:
        self._send("STOPPING=1", patience=_PATIENCE)

    def _send(self, message: str, patience: float = 0.0) -> bool:
        """Whether it was sent. ``patience``: seconds for a service manager that has yet to read what came before."""
        if self._address is None:
            return False
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A service manager that does not listen is no reason to end.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(patience)
            sender.sendto(message.encode(), path)
            return True
        return False
