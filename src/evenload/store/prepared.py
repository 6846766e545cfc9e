"""Rows and statements that are ready for SQLite's driver before the writer's turn begins.

On SQLite everybody waits for the one who writes. What a large load balancer's rows cost is encoding them, and
SQLAlchemy's handling of each, so both are done before ``BEGIN``; the turn itself is the driver's work alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import Delete, Insert, Update

Row = tuple[Any, ...]
SQLITE = "sqlite"
KEY = "identifier"


@dataclass(frozen=True, slots=True)
class Prepared:
    """``rows``: by the identity of the record, which ``records`` keep alive."""

    records: list[Any] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)

    def add(self, record: Any, row: Row) -> None:
        self.records.append(record)
        self.rows[id(record)] = row


class DriverStatement:
    """A statement on the table in the driver's own words, with the parameters in the driver's order and forms."""

    def __init__(
        self, table: Table, statement: Insert | Update | Delete, dialect: Dialect, names: Sequence[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled)
        self._parameters: list[tuple[str, Callable[[Any], Any] | None]] = [
            (name, None if name == KEY else table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]

    def row(self, values: Mapping[str, Any]) -> Row:
        return tuple(values[name] if process is None else process(values[name]) for name, process in self._parameters)

    def run(self, connection: Connection, rows: list[Row]) -> int:
        """How many rows of the table were written."""
        return connection.exec_driver_sql(self.text, rows[0] if len(rows) == 1 else rows).rowcount


def driver_insert(table: Table, names: Iterable[str], dialect: Dialect) -> DriverStatement:
    """``names``: the columns that are given."""
    return DriverStatement(table, insert(table), dialect, list(names))


def driver_update(table: Table, names: Iterable[str], dialect: Dialect, *, many: bool) -> DriverStatement:
    """Of those columns, in the row with the id ``KEY``; ``many``: in all rows with an id in that JSON list."""
    statement = update(table).where(_chosen(table.c.id, many=many)).values({name: bindparam(name) for name in names})
    return DriverStatement(table, statement, dialect)


def driver_delete(column: Column[Any], dialect: Dialect) -> DriverStatement:
    """Of the rows that have one of a JSON list of ids in that column."""
    return DriverStatement(column.table, delete(column.table).where(_chosen(column, many=True)), dialect)


def _chosen(column: Column[Any], *, many: bool) -> Any:
    if not many:
        return column == bindparam(KEY)
    return column.in_(select(func.json_each(bindparam(KEY)).table_valued("value").c.value))
