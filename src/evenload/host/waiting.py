"""A thread that waits for descriptors, and tells of what they say: for deaths, networks, pings.

Whoever owns one registers descriptors under its ``lock``; ``collect`` decides under the lock what there is to tell, and
it is told outside of it, so that who hears may come back with another wish.
"""

import os
import selectors
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from evenload.threads import Faults, LastingThread


class _HasDescriptor(Protocol):
    def fileno(self) -> int: ...


Descriptor = int | _HasDescriptor


@dataclass(frozen=True, slots=True)
class News:
    """``tell`` may fail: it is noted as a fault of ``place``, and the others hear of theirs."""

    place: str
    load_balancer_id: str
    tell: Callable[[], None]


class WaitingThread:
    """``collect`` gets what the descriptors that have something to say were registered with; ``pause`` says, under the
    lock, how many seconds to wait at most: None: until something comes.

    Inert until ``start``. All but ``close`` belongs under ``lock``.
    """

    def __init__(
        self,
        name: str,
        collect: Callable[[list[Any]], Iterable[News]],
        faults: Faults,
        *,
        pause: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.lock = threading.Lock()
        self.closed = False
        self._collect = collect
        self._faults = faults
        self._pause = pause
        self._selector: selectors.BaseSelector | None = None
        self._wake = -1
        self._thread = LastingThread(name, self._step, faults)

    @property
    def running(self) -> bool:
        return self._selector is not None and not self.closed

    def start(self) -> None:
        """May be repeated; not after ``close``."""
        if self._selector is None and not self.closed:
            self._selector = selectors.DefaultSelector()
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._selector.register(self._wake, selectors.EVENT_READ, None)
            self._thread.start()

    def register(self, descriptor: Descriptor, data: Any) -> None:
        if self._selector is not None:
            self._selector.register(descriptor, selectors.EVENT_READ, data)

    def unregister(self, descriptor: Descriptor) -> None:
        """Before it is closed."""
        if self._selector is not None:
            self._selector.unregister(descriptor)

    def rouse(self) -> None:
        """``collect`` is called soon, whatever the descriptors say."""
        if self._selector is not None:
            os.eventfd_write(self._wake, 1)

    def close(self, release: Callable[[], None]) -> None:
        """``release`` unregisters and closes the descriptors, once the thread has ended."""
        with self.lock:
            self.closed = True
            self.rouse()
        self._thread.hurry()
        self._thread.join()
        with self.lock:
            release()
            if self._selector is not None:
                self._selector.close()
                os.close(self._wake)
                self._selector = None

    def _step(self) -> bool:
        with self.lock:
            selector, pause = self._selector, self._pause()
        if selector is None:
            return False
        events = selector.select(pause)
        with self.lock:
            if self.closed:
                return False
            if any(key.data is None for key, _ in events):
                os.eventfd_read(self._wake)
            news = list(self._collect([key.data for key, _ in events if key.data is not None]))
        for each in news:
            try:
                each.tell()
            except Exception:  # noqa: BLE001 it is noted, and the others hear of theirs
                self._faults.note(each.place, load_balancer=each.load_balancer_id)
        return True
