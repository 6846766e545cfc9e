"""SQLite's log is brought back into the database beside the writers, and begins anew however busy they are."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from tests.contract.samples import a_tree
from tests.waiting import NET, ThreadsSince, eventually

from evenload.interfaces.store import Transaction
from evenload.model.enums import Kind
from evenload.model.errors import StoreUnavailable
from evenload.model.query import Query
from evenload.store.checkpoints import Checkpoints
from evenload.store.unit_of_work import SqlUnitOfWork

Workers = Callable[[], int]


@pytest.fixture
def workers() -> Workers:
    """How many there are of this test's; to be asked for before anything that may begin one."""
    threads = ThreadsSince()
    return lambda: len(threads.named("checkpoint"))


def test_no_writer_brings_the_log_back_in_its_turn(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0


def test_the_log_does_not_grow_for_ever(workers: Workers, store: SqlUnitOfWork, tmp_path: Path) -> None:
    tree = a_tree(members=300)

    def make_and_remove(transaction: Transaction) -> None:
        transaction.insert_tree(tree)
        transaction.remove_tree(tree)

    sizes = []
    for _ in range(12):
        store.write(make_and_remove)
        assert eventually(lambda: not workers())
        sizes.append((tmp_path / "evenload.db-wal").stat().st_size)
    assert max(sizes[6:]) <= max(sizes[:6])


def test_a_log_that_readers_have_let_grow_is_emptied(
    workers: Workers, store: SqlUnitOfWork, engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "evenload.db-wal"

    def grow() -> None:
        store.write(lambda transaction: transaction.insert_tree(a_tree(members=300)))
        assert eventually(lambda: not workers())

    checkpoints = Checkpoints(engine, nullcontext, lambda: log.stat().st_size, rows=1, large=100_000)

    def check() -> int:
        checkpoints.wrote(1)
        assert eventually(lambda: not workers())
        return log.stat().st_size

    with store.read() as reader:
        reader.agents()  # has a snapshot from here on
        for _ in range(2):
            grow()
        assert check() > 100_000  # and is left alone
        assert reader.agents() == []
    assert check() == 0
    grow()
    with store.read() as later:
        assert later.count(Kind.LOAD_BALANCER, Query()) == 3


def test_there_is_one_at_a_time_and_another_after_it(workers: Workers, engine: Engine) -> None:
    turns = threading.Semaphore(0)
    passed: list[int] = []

    @contextmanager
    def alone() -> Iterator[None]:
        assert turns.acquire(timeout=NET)
        passed.append(workers())
        yield

    checkpoints = Checkpoints(engine, alone, int, rows=10)
    checkpoints.wrote(9)
    assert workers() == 0
    for _ in range(5):
        checkpoints.wrote(10)
    assert workers() == 1
    turns.release(2)
    assert eventually(lambda: not workers())
    checkpoints.wrote(0)  # what was written meanwhile is due
    assert eventually(lambda: not workers())
    assert passed == [1, 1]


def test_a_failure_is_told_and_tried_again_later(workers: Workers, engine: Engine) -> None:
    def alone() -> AbstractContextManager[None]:
        raise StoreUnavailable("The database is locked by another process.")

    checkpoints = Checkpoints(engine, alone, int, rows=1)
    for _ in range(2):
        with capture_logs() as logs:
            checkpoints.wrote(1)
            assert eventually(lambda: not workers())
        assert [entry["reason"] for entry in logs] == ["The database is locked by another process."]
