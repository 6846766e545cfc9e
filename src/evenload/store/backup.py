"""A database as one stream of lines, whatever its kind: written from one snapshot, restored into another database.

Used by ``main/backups.py``. The lines are JSON in gzip: what it is and of which schema; of each table its name and
columns, and a line for each row; at the end how many rows there are, so that half a file is none. Secrets are in it as
they lie in the database, encrypted.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Connection, Engine, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import EvenloadError
from evenload.store.identity import read_identity
from evenload.store.migrate import Migrations
from evenload.store.reading import reading
from evenload.store.schema import current_revision
from evenload.store.tables import METADATA

_FORMAT = 1
_ROWS_AT_ONCE = 500
_VERSION = "alembic_version"
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error)
"""What comes of reading something that is no backup."""
_MADE_BY_SCHEMA = frozenset({_VERSION, "identity"})
"""Tables that have rows in a database nobody has used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """``revision``: the schema. ``database``: its identity. ``rows``: by table."""

    revision: str
    database: str
    made_at: datetime
    rows: dict[str, int]


def write_backup(engine: Engine, file: IO[bytes], now: datetime, migrations: Migrations) -> Contents:
    """Of a database with the newest schema, also while others change it. Raises EvenloadError, OSError."""
    revision, newest = current_revision(engine), migrations.newest
    if revision is None or revision != newest:
        raise EvenloadError(f"the database has schema {revision or 'none'}, not {newest}: run evenload-migrate first")
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as stream, reading(engine) as connection:
        head = {"evenload": _FORMAT, "revision": revision, "made_at": now.isoformat()}
        identity = read_identity(connection)
        _write(stream, {**head, "database": identity})
        rows = {table.name: _write_table(stream, connection, table) for table in METADATA.sorted_tables}
        _write(stream, {"end": sum(rows.values())})
    return Contents(revision=revision, database=str(identity), made_at=now, rows=rows)


def check_backup(file: IO[bytes], migrations: Migrations) -> Contents:
    """Reads all of it. Raises EvenloadError for what is no whole backup, or one of a later version."""
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            contents = _check(stream)
            if stream.read(1):  # to the very end, where gzip's own sum is
                raise ValueError
    except (*_MALFORMED, OSError, EOFError) as error:
        raise EvenloadError(f"the file is no whole backup ({type(error).__name__})") from error
    if not migrations.know(contents.revision):
        raise EvenloadError(f"the backup has schema {contents.revision}, which this version does not know")
    return contents


def restore_backup(engine: Engine, file: IO[bytes], migrations: Migrations) -> None:
    """Into a database without a schema; brings it to the newest one. The file is one that ``check_backup`` has read.

    Raises EvenloadError; what is there by then is to be thrown away.
    """
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            head = json.loads(stream.readline())
            migrations.upgrade(engine, to=head["revision"])
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                _insert_all(connection, stream)
                connection.commit()
        migrations.upgrade(engine)
    except SQLAlchemyError as error:
        raise EvenloadError(f"the rows cannot be put in: {getattr(error, 'orig', None) or error}") from error
    except _MALFORMED as error:
        raise EvenloadError(f"the rows cannot be put in ({type(error).__name__}: {error})") from error


def count_rows(engine: Engine) -> dict[str, int]:
    """By table, of those that have any; of a database of any schema."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        counted = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in found.tables.items()
            if name not in _MADE_BY_SCHEMA
        }
    return {name: number for name, number in counted.items() if number}


def remove_schema(engine: Engine) -> None:
    """All tables that are ours, with their rows, and what refers to them: those of an earlier version, too."""
    found = MetaData()
    found.reflect(engine)
    ours = {name for name in found.tables if name == _VERSION or name in METADATA.tables}
    while more := {table.name for table in found.tables.values() if _refers_to(table, ours)} - ours:
        ours |= more
    found.drop_all(engine, [found.tables[name] for name in ours])


def _refers_to(table: Table, names: set[str]) -> bool:
    return any(key.column.table.name in names for key in table.foreign_keys)


def _write(stream: gzip.GzipFile, line: object) -> None:
    stream.write(json.dumps(line, default=_encode, separators=(",", ":")).encode() + b"\n")


def _write_table(stream: gzip.GzipFile, connection: Connection, table: Table) -> int:
    columns = [column.name for column in table.columns]
    _write(stream, {"table": table.name, "columns": columns})
    number = 0
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table)):
        _write(stream, list(row))
        number += 1
    return number


def _encode(value: object) -> dict[str, str]:
    match value:
        case datetime():
            return {"at": value.isoformat()}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
    raise TypeError(type(value).__name__)


def _decode(value: Any) -> Any:
    match value:
        case {"at": str(moment)}:
            return datetime.fromisoformat(moment)
        case {"bytes": str(content)}:
            return base64.b64decode(content)
    return value


def _check(stream: gzip.GzipFile) -> Contents:
    head = json.loads(stream.readline())
    if head["evenload"] != _FORMAT:
        raise EvenloadError(f"it has the format {head['evenload']}, which this version does not know")
    rows: dict[str, int] = {}
    table = ""
    for line in stream:
        match json.loads(line):
            case {"table": str(name), "columns": [*_]}:
                table = name
                rows[table] = 0
            case {"end": int(number)} if number == sum(rows.values()):
                made_at = datetime.fromisoformat(head["made_at"])
                return Contents(revision=head["revision"], database=head["database"], made_at=made_at, rows=rows)
            case [*_] if table:
                rows[table] += 1
            case _:
                raise ValueError(table)
    raise EOFError


def _insert_all(connection: Connection, stream: gzip.GzipFile) -> None:
    tables = MetaData()
    tables.reflect(connection)
    for table in reversed(tables.sorted_tables):
        if table.name != _VERSION:
            connection.execute(table.delete())
    for table, rows in _by_table(stream, tables):
        connection.execute(insert(table), rows)
    if connection.dialect.name == "postgresql":
        for table in tables.sorted_tables:
            _go_on_counting(connection, table)


def _by_table(stream: gzip.GzipFile, tables: MetaData) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Some rows at a time, never none."""
    table = ""
    columns: list[str] = []
    rows: list[dict[str, Any]] = []
    for line in stream:
        found = json.loads(line)
        if isinstance(found, list):
            rows.append(dict(zip(columns, map(_decode, found), strict=True)))
        if rows and (isinstance(found, dict) or len(rows) == _ROWS_AT_ONCE):
            yield tables.tables[table], rows
            rows = []
        if isinstance(found, dict):
            table, columns = found.get("table", ""), found.get("columns", [])


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Behind the numbers that were put in; the other databases see to that themselves."""
    for column in table.primary_key:
        if isinstance(column.type, Integer):
            sequence = connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            ).scalar()
            last = connection.execute(select(func.max(column))).scalar()
            if sequence is not None and last is not None:
                connection.execute(select(func.setval(sequence, last)))
