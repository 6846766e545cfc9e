"""A backup has all of a database, of each kind, and each kind takes it: row by row the same."""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from tests.contract.samples import START, a_network, a_tree, moment
from tests.contract.test_store_secrets import CONTAINER, FULL
from tests.databases import KINDS, Databases
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite

from evenload.interfaces.store import Transaction
from evenload.model.enums import Kind
from evenload.model.errors import EvenloadError
from evenload.model.stored_secret import Sealed
from evenload.store.backup import check_backup, count_rows, remove_schema, restore_backup, write_backup
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import Migrations
from evenload.store.schema import current_revision
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork

ALL = ("sqlite", *KINDS)
MIGRATIONS = Migrations()


@contextmanager
def without_schema(kind: str, directory: Path, databases: Databases) -> Iterator[Engine]:
    if kind != "sqlite":
        with databases.without_schema(kind) as engine:
            yield engine
        return
    engine = open_engine(StoreSettings(url=f"sqlite:///{directory}/other.sqlite"))
    yield engine
    engine.dispose()


@contextmanager
def filled(kind: str, directory: Path, databases: Databases) -> Iterator[Engine]:
    if kind == "sqlite":
        engine = open_engine(StoreSettings(url=newest_sqlite(directory / "filled.sqlite")))
    else:
        engine = databases.empty(kind).engine
    tree = a_tree(members=3, policies=2, name="Ünlü \\ 'quoted' \"x\"\n", tags=("a", "b"))

    def fill(transaction: Transaction) -> None:
        transaction.insert_network(a_network())
        transaction.insert_tree(tree)
        transaction.insert_stored(FULL)
        transaction.insert_stored(CONTAINER)
        transaction.save_sealed("full", Sealed(key_id="k1", content=bytes(range(256)) * 300))

    SqlUnitOfWork(engine, NotedHints()).write(fill)
    yield engine
    if kind == "sqlite":
        engine.dispose()


def rows(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in METADATA.sorted_tables
        }


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("source", ALL)
def test_each_kind_gives_it_and_takes_it(source: str, target: str, tmp_path: Path, databases: Databases) -> None:
    file = io.BytesIO()
    with filled(source, tmp_path, databases) as engine:
        expected = rows(engine)
        written = write_backup(engine, file, START, MIGRATIONS)
    assert sum(written.rows.values()) == sum(map(len, expected.values())) > 20
    file.seek(0)
    assert check_backup(file, MIGRATIONS) == written
    with without_schema(target, tmp_path, databases) as engine:
        file.seek(0)
        restore_backup(engine, file, MIGRATIONS)
        assert rows(engine) == expected
        assert count_rows(engine)["members"] == 3
        # Numbers that the database gives go on behind those that were put in.
        more = a_tree(name="one more", address="10.0.0.9", created_at=moment(5))
        store = SqlUnitOfWork(engine, NotedHints())
        store.write(lambda transaction: transaction.insert_tree(more))
        with store.read() as transaction:
            found = transaction.view(Kind.LOAD_BALANCER, more.id)
        assert found is not None
        remove_schema(engine)
        assert count_rows(engine) == {}


@pytest.mark.parametrize("kind", ALL)
def test_it_is_of_one_moment(kind: str, tmp_path: Path, databases: Databases) -> None:
    """What others write while it is made is not in it."""
    with filled(kind, tmp_path, databases) as engine:
        expected = rows(engine)
        store = SqlUnitOfWork(engine, NotedHints())
        busy: list[bool] = []

        def meddle(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if not busy and "FROM identity" in statement:  # the first that it reads
                busy.append(True)
                store.write(lambda transaction: transaction.insert_tree(a_tree(created_at=moment(9))))

        event.listen(engine, "after_cursor_execute", meddle)
        file = io.BytesIO()
        try:
            write_backup(engine, file, START, MIGRATIONS)
        finally:
            event.remove(engine, "after_cursor_execute", meddle)
        assert len(rows(engine)["load_balancers"]) == len(expected["load_balancers"]) + 1
        file.seek(0)
        assert check_backup(file, MIGRATIONS).rows == {name: len(found) for name, found in expected.items()}


def whole(tmp_path: Path) -> bytes:
    file = io.BytesIO()
    engine = open_engine(StoreSettings(url=newest_sqlite(tmp_path / "empty.sqlite")))
    write_backup(engine, file, START, MIGRATIONS)
    engine.dispose()
    return file.getvalue()


def test_what_is_no_whole_backup_is_refused(tmp_path: Path) -> None:
    content = whole(tmp_path)
    lines = gzip.decompress(content).splitlines(keepends=True)
    later = [json.dumps({**json.loads(lines[0]), "evenload": 2}).encode() + b"\n", *lines[1:]]
    for bad, words in (
        (b"", "no whole backup"),
        (b"cheese", "no whole backup"),
        (content[:-20], "no whole backup"),
        (content[:-8] + bytes([content[-8] ^ 1]) + content[-7:], "no whole backup"),  # gzip's own sum
        (content + b"more", "no whole backup"),
        (content[:200] + bytes(40) + content[240:], "no whole backup"),
        (gzip.compress(b"[" * 200_000), "no whole backup"),
        (gzip.compress(b"[]"), "no whole backup"),
        (gzip.compress(b"".join(lines[:-1])), "no whole backup"),
        (gzip.compress(b"".join([*lines[:-1], b"[1]\n", lines[-1]])), "no whole backup"),
        (gzip.compress(b"".join(later)), "the format 2"),
    ):
        with pytest.raises(EvenloadError, match=words):
            check_backup(io.BytesIO(bad), MIGRATIONS)


def test_a_schema_of_another_version(tmp_path: Path) -> None:
    """An older database is not written, an older backup is taken; one of a later version is not."""
    first = "0001"
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/old.sqlite"))
    MIGRATIONS.upgrade(engine, to=first)
    with pytest.raises(EvenloadError, match=r"has schema 0001.*evenload-migrate"):
        write_backup(engine, io.BytesIO(), START, MIGRATIONS)
    engine.dispose()
    head = {"evenload": 1, "revision": first, "made_at": START.isoformat(), "database": "d"}
    lines = [head, {"table": "agents", "columns": ["name"]}, {"end": 0}]
    for revision, good in ((first, True), ("9999", False), (None, False)):
        lines[0] = {**head, "revision": revision}
        file = io.BytesIO(gzip.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode()))
        if not good:
            with pytest.raises(EvenloadError, match=f"has schema {revision}, which this version does not know"):
                check_backup(file, MIGRATIONS)
            continue
        assert check_backup(file, MIGRATIONS).revision == revision
        file.seek(0)
        engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/new.sqlite"))
        restore_backup(engine, file, MIGRATIONS)
        assert current_revision(engine) == MIGRATIONS.newest
        engine.dispose()


@pytest.mark.parametrize("kind", ALL)
def test_what_an_earlier_restore_has_left_half_done_goes(kind: str, tmp_path: Path, databases: Databases) -> None:
    """Tables that this version has no more, and that refer to those it has."""
    with without_schema(kind, tmp_path, databases) as engine:
        MIGRATIONS.upgrade(engine, to="0001")
        MIGRATIONS.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE older (id VARCHAR(36) NOT NULL PRIMARY KEY)"))
        remove_schema(engine)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE older"))  # somebody else's
        MIGRATIONS.upgrade(engine, to="0001")
        remove_schema(engine)
        MIGRATIONS.upgrade(engine)
        assert current_revision(engine) == MIGRATIONS.newest
