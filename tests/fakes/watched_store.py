"""A store that says whether the thread that asks is inside one of its transactions."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evenload.interfaces.store import T, Transaction, UnitOfWork


class WatchedStore:
    """Fulfils ``UnitOfWork`` by the one within. ``failure``: raised in place of the next writing transactions."""

    def __init__(self, within: UnitOfWork) -> None:
        self._within = within
        self._here = threading.local()
        self.failure: Exception | None = None

    def require_outside(self) -> None:
        assert not getattr(self._here, "depth", 0), "inside a transaction"

    def identity(self) -> str:
        return self._within.identity()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._inside(), self._within.read() as transaction:
            yield transaction

    def look(self, question: Callable[[Transaction], T]) -> T:
        with self._inside():
            return self._within.look(question)

    def write(self, work: Callable[[Transaction], T]) -> T:
        if self.failure is not None:
            raise self.failure
        with self._inside():
            return self._within.write(work)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._here.depth = getattr(self._here, "depth", 0) + 1
        try:
            yield
        finally:
            self._here.depth -= 1
