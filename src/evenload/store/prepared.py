"""Rows that are ready for SQLite's driver before the writer's turn begins.

On SQLite everybody waits for the one who writes. What a large load balancer's rows cost is encoding them, and
SQLAlchemy's handling of each, so both are done before ``BEGIN``; the turn itself is the driver's ``executemany`` alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """``rows``: by the identity of the record, which ``records`` keep alive."""

    records: list[Any] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)

    def add(self, record: Any, row: Row) -> None:
        self.records.append(record)
        self.rows[id(record)] = row


class DriverInsert:
    """An INSERT into the table in the driver's own words. ``names``: the columns that are given."""

    def __init__(self, table: Table, names: Iterable[str], dialect: Dialect) -> None:
        compiled = insert(table).compile(dialect=dialect, column_keys=list(names))
        self.text = str(compiled)
        given = [(name, table.c[name].type.dialect_impl(dialect)) for name in compiled.positiontup or ()]
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = [
            (name, kind.bind_processor(dialect)) for name, kind in given
        ]

    def row(self, values: Mapping[str, Any]) -> Row:
        return tuple(values[name] if process is None else process(values[name]) for name, process in self._columns)

    def run(self, connection: Connection, rows: list[Row]) -> None:
        connection.exec_driver_sql(self.text, rows)
