"""Two transactions at once, in an order that a test chooses, on the databases that let several write at a time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

from sqlalchemy import Engine, text
from tests.waiting import NET

from evenload.interfaces.store import T, Transaction, UnitOfWork
from evenload.model.errors import EvenloadError

_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


class Other:
    """A piece of work in a thread of its own. ``result``: what it returned or raised."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.result: list[object] = []
        self._act = act
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self._thread.join(NET)
        assert not self._thread.is_alive()

    def proceed(self, engine: Engine) -> None:
        """Returns when it has ended, or waits for a lock in the database."""
        self.start()
        end = time.monotonic() + NET
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            waiting = False
            while self._thread.is_alive() and not waiting:
                assert time.monotonic() < end
                # MariaDB answers from a memory that it renews when nobody asked for 0.1 s: the first answer, too, would
                # be of what waited before.
                self._thread.join(0.15)
                waiting = bool(connection.scalar(text(_WAITING[engine.dialect.name])))

    def _run(self) -> None:
        try:
            self.result.append(self._act())
        except EvenloadError as error:
            self.result.append(error)


class Interrupted:
    """A UnitOfWork whose writing transactions stop once, after the first call of ``method``, for ``meanwhile``."""

    def __init__(self, store: UnitOfWork, method: str, meanwhile: Callable[[], None]) -> None:
        self._store = store
        self._method = method
        self._meanwhile: Iterator[Callable[[], None]] = iter([meanwhile])
        self.tries = 0

    def identity(self) -> str:
        return self._store.identity()

    def read(self) -> AbstractContextManager[Transaction]:
        return self._store.read()

    def look(self, question: Callable[[Transaction], T]) -> T:
        return self._store.look(question)

    def write(self, work: Callable[[Transaction], T]) -> T:
        def counted(transaction: Transaction) -> T:
            self.tries += 1
            return work(cast(Transaction, _Stopping(transaction, self._method, self._meanwhile)))

        return self._store.write(counted)


class _Stopping:
    def __init__(self, transaction: Transaction, method: str, meanwhile: Iterator[Callable[[], None]]) -> None:
        self._transaction = transaction
        self._method = method
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transaction, name)
        if name != self._method:
            return found

        def stopping(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            for act in self._meanwhile:
                act()
            return result

        return stopping
