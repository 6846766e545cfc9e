"""The order of a list in SQL, and what stands behind a marker in it.

It is total: equal sort keys are resolved by id, and NULL stands before every value, so that a marker always says where
a page begins.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Dialect, String, and_, false, literal, or_, true, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from evenload.model.enums import Kind
from evenload.store.filters import Bytewise, column_of
from evenload.store.trees import BY_KIND


class _Ascending(FunctionElement[Any]):
    """An order in which NULL stands before every value. Only PostgreSQL has to be told."""

    inherit_cache = True


class _Descending(_Ascending):
    """The other way round."""

    inherit_cache = True


@compiles(_Ascending)
def _ascending(element: _Ascending, compiler: SQLCompiler, **options: Any) -> str:
    word = "DESC" if isinstance(element, _Descending) else "ASC"
    return f"{compiler.process(element.clauses, **options)} {word}"


@compiles(_Ascending, "postgresql")
def _nulls_told(element: _Ascending, compiler: SQLCompiler, **options: Any) -> str:
    words = "DESC NULLS LAST" if isinstance(element, _Descending) else "ASC NULLS FIRST"
    return f"{compiler.process(element.clauses, **options)} {words}"


class Key:
    """One sort key. ``NULL`` is less than every value, and texts are in the order of their bytes: databases differ in
    both."""

    __slots__ = ("_sorted", "column", "descending")

    def __init__(self, column: Column[Any], descending: bool) -> None:
        self.column = column
        self.descending = descending
        self._sorted: ColumnElement[Any] = Bytewise(column) if isinstance(column.type, String) else column

    def order(self) -> ColumnElement[Any]:
        if self.column.nullable:
            return _Descending(self._sorted) if self.descending else _Ascending(self._sorted)
        return self._sorted.desc() if self.descending else self._sorted.asc()

    def equal(self, value: Any) -> ColumnElement[bool]:
        same: ColumnElement[bool] = self._sorted == self._literal(value)
        return self.column.is_(None) if value is None else same

    def past(self, value: Any) -> ColumnElement[bool]:
        """What has a value, and that one is behind this."""
        if value is None:
            return false() if self.descending else self.column.is_not(None)
        ours, theirs = self.sides(value)
        found: ColumnElement[bool] = ours < theirs if self.descending else ours > theirs
        return found

    def nulls_follow(self, value: Any) -> bool:
        return value is not None and self.descending and bool(self.column.nullable)

    def beyond(self, value: Any) -> ColumnElement[bool]:
        past = self.past(value)
        return or_(past, self.column.is_(None)) if self.nulls_follow(value) else past

    def sides(self, value: Any) -> tuple[ColumnElement[Any], BindParameter[Any]]:
        return self._sorted, self._literal(value)

    def _literal(self, value: Any) -> BindParameter[Any]:
        """As a parameter also where it is true or false, which SQLAlchemy would otherwise not compare by order."""
        return value if isinstance(value, BindParameter) else literal(value, self.column.type)


def keys_of(kind: Kind, sort: Sequence[tuple[str, bool]], reverse: bool) -> list[Key]:
    """``sort``: (field, descending). The last one is the id: behind it nothing is left to be put in order, and no index
    has more keys. Raises Invalid for a field that it does not know."""
    identifier = BY_KIND[kind].table.c.id
    keys = [Key(column_of(kind, name), descending != reverse) for name, descending in sort]
    places = [place for place, key in enumerate(keys) if key.column is identifier]
    return keys[: places[0] + 1] if places else [*keys, Key(identifier, reverse)]


def beyond(dialect: Dialect, keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Behind the marker: a later first key, or an equal first and a later second one, and so on."""
    row = past_row(dialect, keys, values)
    if row is not None:
        return or_(row, keys[0].column.is_(None)) if keys[0].nulls_follow(values[0]) else row
    alternatives: list[ColumnElement[bool]] = []
    same: ColumnElement[bool] = true()
    for key, value in zip(keys, values, strict=True):
        alternatives.append(and_(same, key.beyond(value)))
        same = and_(same, key.equal(value))
    return or_(*alternatives)


def past_row(dialect: Dialect, keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool] | None:
    """What is behind the marker and has a first key, by a comparison of rows. SQLite and PostgreSQL find its place in
    an index then, be it in the midst of thousands that have the same first key; MariaDB finds it by alternatives. None
    where no such comparison says it."""
    if has_no_rows(dialect) or is_mixed(keys) or any(value is None for value in values):
        return None
    if any(key.nulls_follow(value) for key, value in zip(keys[1:], values[1:], strict=True)):
        return None
    ours, theirs = zip(*(key.sides(value) for key, value in zip(keys, values, strict=True)), strict=True)
    return tuple_(*ours) < tuple_(*theirs) if keys[0].descending else tuple_(*ours) > tuple_(*theirs)


def is_mixed(keys: Sequence[Key]) -> bool:
    """Whether their order is that of no index, in neither direction."""
    return len({key.descending for key in keys}) > 1


def has_no_rows(dialect: Dialect) -> bool:
    """MariaDB takes a comparison of rows, and reads all that there is for it."""
    return dialect.name in ("mysql", "mariadb")
