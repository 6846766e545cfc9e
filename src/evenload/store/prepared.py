"""Rows and statements that are ready for SQLite's driver before the writer's turn begins.

On SQLite everybody waits for the one who writes. What a large load balancer's rows cost is encoding them, and
SQLAlchemy's handling of each, so both are done before ``BEGIN``; the turn itself is the driver's work alone. Many new
rows go into one statement: between two statements the driver takes the interpreter's lock, for which it may have to
wait.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import Delete, Insert, Update

Row = tuple[Any, ...]
SQLITE = "sqlite"
KEY = "identifier"
ROWS_IN_A_STATEMENT = 100
"""Of new ones: with more, SQLite takes longer for the statement than it saves."""


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


class DriverInsert(DriverStatement):
    """Of any number of rows."""

    def plan(self, rows: Sequence[Row]) -> Callable[[Connection], object]:
        """What writes them, ready for the driver. A value that all rows have in common goes to the driver once in a
        statement: half the time of a large load balancer is the driver's looking at values one by one."""
        if len(rows) == 1:
            return lambda connection: connection.exec_driver_sql(self.text, rows[0])
        many = ROWS_IN_A_STATEMENT
        head, _, _ = self.text.partition(" VALUES ")
        common = [len({row[place] for row in rows}) == 1 for place in range(len(rows[0]))]
        groups = [rows[at : at + many] for at in range(0, len(rows), many)]
        parts: list[tuple[str, Any]] = []
        if full := [_parameters(group, common) for group in groups if len(group) == many]:
            parts.append((f"{head} VALUES {_places(many, common)}", full))
        if rest := len(rows) % many:
            parts.append((f"{head} VALUES {_places(rest, common)}", _parameters(groups[-1], common)))

        def run(connection: Connection) -> None:
            for text, parameters in parts:
                connection.exec_driver_sql(text, parameters)

        return run


def _places(rows: int, common: Sequence[bool]) -> str:
    """SQLite's numbered parameters of that many rows: the common ones first."""
    shared = {place: number for number, place in enumerate((p for p, same in enumerate(common) if same), 1)}
    free = itertools.count(len(shared) + 1)
    return ", ".join(
        "(" + ", ".join(f"?{shared.get(place) or next(free)}" for place in range(len(common))) + ")"
        for _ in range(rows)
    )


def _parameters(rows: Sequence[Row], common: Sequence[bool]) -> Row:
    shared = tuple(value for value, same in zip(rows[0], common, strict=True) if same)
    own = (value for row in rows for value, same in zip(row, common, strict=True) if not same)
    return (*shared, *own)


def driver_insert(table: Table, names: Iterable[str], dialect: Dialect) -> DriverInsert:
    """``names``: the columns that are given."""
    return DriverInsert(table, insert(table), dialect, list(names))


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
