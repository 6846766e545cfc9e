"""A unit of work that counts what is asked of it: how long writing takes, how much goes on, what fails."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evenload.interfaces.store import T, Transaction, UnitOfWork
from evenload.model.errors import StoreUnavailable
from evenload.tally import Counting


class CountedUnitOfWork:
    """Fulfils UnitOfWork, and is ``uow`` in all else."""

    def __init__(self, uow: UnitOfWork, counting: Counting) -> None:
        self._uow = uow
        self._counting = counting

    def identity(self) -> str:
        with self._counted("read"):
            return self._uow.identity()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._counted("read"), self._uow.read() as transaction:
            yield transaction

    def look(self, question: Callable[[Transaction], T]) -> T:
        with self._counted("read"):
            return self._uow.look(question)

    def write(self, work: Callable[[Transaction], T]) -> T:
        begun = time.monotonic()
        with self._counted("write"):
            result = self._uow.write(work)
        self._counting.observe("database_write_duration_seconds", (), time.monotonic() - begun)
        return result

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self._counting.add("database_transactions_in_progress", (kind,))
        try:
            yield
        except StoreUnavailable:
            self._counting.add("database_errors_total", (kind,))
            raise
        finally:
            self._counting.add("database_transactions_in_progress", (kind,), -1.0)
