"""What the service manager is told: that Evenload serves, ends, lives (sd_notify(3), systemd.service(5)).

Light: the supervisor imports it. Quiet where no service manager asks for it.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

_PATIENCE = 1.0


class Notifier:
    """``interval``: seconds at most between two ``alive``; None where nobody waits for them."""

    def __init__(self, address: str | None, interval: float | None = None) -> None:
        self._address = address
        self.interval = None if address is None else interval

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Takes the variables away: what this process starts is not to speak for it."""
        address = environment.pop("NOTIFY_SOCKET", None)
        limit, meant = environment.pop("WATCHDOG_USEC", None), environment.pop("WATCHDOG_PID", None)
        watched = limit is not None and limit.isdigit() and meant in (None, str(os.getpid()))
        return cls(address or None, int(limit) / 1e6 / 3 if watched and limit is not None else None)

    def ready(self) -> None:
        self._send("READY=1\nSTATUS=server and agent are at work", patience=_PATIENCE)

    def alive(self) -> None:
        if self.interval is not None:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1", patience=_PATIENCE)

    def _send(self, message: str, patience: float = 0.0) -> None:
        """``patience``: seconds for a service manager that has yet to read what was sent before."""
        if self._address is None:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A service manager that does not listen is no reason to end.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(patience)
            sender.sendto(message.encode(), path)
