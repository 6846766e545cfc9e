"""The writers of one process on one SQLite file, one at a time.

SQLite itself lets writers poll with growing pauses; in one process they simply queue. Nobody waits longer than the
time set, and nobody stands behind a writer that waits for another process to let go of the file: whoever waits
keeps a thread from those that only want to read.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from evenload.model.errors import StoreUnavailable

_PATIENCE = 1.0
"""Seconds that the first in the queue may wait for another process before the others are sent away."""

_LOOK_AGAIN = 0.1


class WriterQueue:
    """``longest``: seconds that a writer waits in all, for this process's writers and for other processes."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._entered = 0.0
        self._held_since: float | None = None

    def enter(self) -> None:
        """Raises StoreUnavailable where the time is over, or the file is held by another process."""
        begun = time.monotonic()
        while not self._lock.acquire(timeout=min(_LOOK_AGAIN, self._longest)):
            now, held_since = time.monotonic(), self._held_since
            if held_since is not None and now - held_since >= _PATIENCE:
                raise StoreUnavailable("The database is locked by another process.")
            if now - begun >= self._longest:
                raise StoreUnavailable(f"Waited {self._longest} s for other changes to be written.")
        self._entered = begun

    def leave(self) -> None:
        self._lock.release()

    def left(self) -> float:
        """Seconds that the writer whose turn it is may still wait."""
        return max(0.0, self._longest - (time.monotonic() - self._entered))

    @contextmanager
    def waiting_for_others(self) -> Iterator[None]:
        self._held_since = time.monotonic()
        try:
            yield
        finally:
            self._held_since = None
