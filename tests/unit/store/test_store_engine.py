"""The SQLite file and its connections."""

import stat
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from tests.contract.samples import a_tree, moment
from tests.fakes.hints import NotedHints
from tests.waiting import NET

from evenload.interfaces.store import Transaction
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
    store = SqlUnitOfWork(mine, NotedHints(), busy_timeout=0.05)

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


def test_who_stands_behind_a_writer_that_waits_for_another_process_is_sent_away(tmp_path: Path) -> None:
    """Ten writers while another process holds the file: the first waits, the others soon give their threads back, and
    readers wait for nobody."""
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db")
    engine, other = open_engine(settings), open_engine(settings)
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints(), busy_timeout=2 * NET)
    results: SimpleQueue[Exception | None] = SimpleQueue()

    def write(name: str) -> None:
        try:
            store.write(lambda transaction: transaction.insert_agent(name, moment(0)))
        except StoreUnavailable as error:
            results.put(error)
        else:
            results.put(None)

    threads = [threading.Thread(target=write, args=(f"agent-{number}",)) for number in range(10)]

    @SqlUnitOfWork(other, NotedHints()).write
    def _(_: Transaction) -> None:
        for thread in threads:
            thread.start()
        refused = [results.get(timeout=NET) for _ in range(9)]
        assert all("another process" in str(error) for error in refused)
        with store.read() as reader:
            assert reader.agents() == []

    for thread in threads:
        thread.join()
    assert results.get() is None, "the first one got through when the file was let go"
    store.write(lambda transaction: transaction.insert_agent("later", moment(0)))
    with store.read() as reader:
        assert len(reader.agents()) == 2
    engine.dispose()
    other.dispose()


def test_a_full_disk_is_reported_and_leaves_nothing_stuck(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())
    tree = a_tree()
    store.write(lambda transaction: transaction.insert_tree(tree))

    def limit(connection: Any, _entry: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "checkout", limit)
    pages = 1  # SQLite takes the present size where it is more
    with pytest.raises(StoreUnavailable, match="full"):
        store.write(lambda transaction: transaction.insert_tree(a_tree(members=3000)))
    with store.read() as reader:
        assert reader.tree(tree.id) == tree
    pages = 1_000_000
    store.write(lambda transaction: transaction.insert_tree(a_tree(members=3000)))
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


@pytest.mark.parametrize("kind", ["sqlite", "postgresql+psycopg", "mysql+pymysql"])
def test_an_error_never_holds_what_was_to_be_written(tmp_path: Path, kind: str) -> None:
    """It goes into the log."""
    place = f"/{tmp_path}/x.sqlite" if kind == "sqlite" else "evenload@/x"
    engine = open_engine(StoreSettings(url=f"{kind}://{place}"))
    assert engine.hide_parameters
    if kind == "sqlite":
        with pytest.raises(OperationalError) as caught, engine.begin() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "aSecret"})
        assert "aSecret" not in str(caught.value)
    engine.dispose()
