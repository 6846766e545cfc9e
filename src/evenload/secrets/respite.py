"""Leaves another service in peace for a moment after it did not answer.

Whoever asks meanwhile is told at once, so that one service that hangs never holds all threads of this one. When the
moment is over, one asks first and the others wait for what comes of that.
"""

import threading
from collections.abc import Callable

from evenload.model.errors import KeeperUnavailable

SECONDS = 2.0


class Respite:
    """``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], seconds: float = SECONDS) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._lock = threading.Lock()
        self._reason = ""
        self._until: float | None = None

    def require_over(self, longest: float) -> None:
        """Raises KeeperUnavailable. Whoever passes tells what came of it within so many seconds."""
        with self._lock:
            now = self._monotonic()
            if self._until is None:
                return
            if now < self._until:
                raise KeeperUnavailable(self._reason)
            self._until = now + longest

    def begin(self, reason: str) -> None:
        with self._lock:
            self._reason = reason
            self._until = self._monotonic() + self._seconds

    def end(self) -> None:
        with self._lock:
            self._until = None
