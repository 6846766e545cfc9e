"""The SQLite file and its connections."""

import stat
import threading
from pathlib import Path

import pytest
from tests.contract.samples import a_tree, moment
from tests.fakes.hints import NotedHints

from evenload.interfaces import Transaction
from evenload.model.errors import EvenloadError, StoreUnavailable
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import upgrade
from evenload.store.unit_of_work import SqlUnitOfWork


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_logs_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "evenload"
    engine = open_engine(StoreSettings(url=f"sqlite:///{directory}/evenload.db"))
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_agent("a", moment(0))

    assert mode(directory) == 0o700
    modes = {path.name: mode(path) for path in directory.iterdir()}
    assert modes == {"evenload.db": 0o600, "evenload.db-wal": 0o600, "evenload.db-shm": 0o600}
    store.close()
    assert [path.name for path in directory.iterdir()] == ["evenload.db"]


def test_an_existing_file_keeps_its_content(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db")
    tree = a_tree()
    for _ in range(2):
        engine = open_engine(settings)
        upgrade(engine)
        store = SqlUnitOfWork(engine, NotedHints())
        with store.read() as transaction:
            found = transaction.tree(tree.id)
        if found is None:
            store.write(lambda transaction: transaction.insert_tree(tree))
        engine.dispose()
    assert found == tree


def test_every_connection_is_prepared(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db", busy_timeout=3.5))
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
            assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 3500}
    engine.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_connections_cannot_share_is_refused(url: str) -> None:
    with pytest.raises(EvenloadError, match="database file"):
        open_engine(StoreSettings(url=url))


def test_another_process_that_writes_too_long_is_reported(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db", busy_timeout=0.05)
    mine, other = open_engine(settings), open_engine(settings)
    upgrade(mine)
    store = SqlUnitOfWork(mine, NotedHints())

    @SqlUnitOfWork(other, NotedHints()).write
    def _(_: Transaction) -> None:
        with pytest.raises(StoreUnavailable, match="locked"):
            store.write(lambda transaction: transaction.insert_agent("a", moment(0)))

    store.write(lambda transaction: transaction.insert_agent("a", moment(0)))
    mine.dispose()
    other.dispose()


def test_a_writer_in_this_process_that_takes_too_long_is_reported(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints(), busy_timeout=0.05)
    caught: list[Exception] = []

    def write() -> None:
        try:
            store.write(lambda _: None)
        except StoreUnavailable as error:
            caught.append(error)

    @store.write
    def _(_: Transaction) -> None:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()

    assert "Waited 0.05 s" in str(caught[0])
    engine.dispose()


def test_readers_do_not_wait_for_the_writer(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db", busy_timeout=0))
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())

    @store.write
    def _(writer: Transaction) -> None:
        writer.insert_agent("a", moment(0))
        with store.read() as reader:
            assert reader.agents() == []

    with store.read() as reader:
        assert [agent.name for agent in reader.agents()] == ["a"]
    engine.dispose()


def test_a_lost_database_speaks_the_domains_words(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    with (
        pytest.raises(StoreUnavailable, match="no such table"),
        SqlUnitOfWork(engine, NotedHints()).read() as transaction,
    ):
        transaction.agents()
    engine.dispose()
