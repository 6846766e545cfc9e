"""The order of a list in SQL, and what stands behind a marker in it.

It is total: equal sort keys are resolved by id, and NULL stands before every value, so that a marker always says where
a page begins.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, String, and_, false, literal, or_, true, tuple_
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

    def beyond(self, value: Any) -> ColumnElement[bool]:
        if value is None:
            return false() if self.descending else self.column.is_not(None)
        if not self.descending:
            after: ColumnElement[bool] = self._sorted > self._literal(value)
            return after
        before: ColumnElement[bool] = self._sorted < self._literal(value)
        return or_(before, self.column.is_(None)) if self.column.nullable else before

    def at_least(self, value: Any) -> ColumnElement[bool]:
        """Of a column that is never NULL, or in ascending order."""
        same = self._literal(value)
        found: ColumnElement[bool] = self._sorted <= same if self.descending else self._sorted >= same
        return found

    def told_by_value(self, value: Any) -> bool:
        """Whether a comparison with the value says all of what is behind it: it says nothing of NULL."""
        return value is not None and not (self.descending and self.column.nullable)

    def sides(self, value: Any) -> tuple[ColumnElement[Any], BindParameter[Any]]:
        return self._sorted, self._literal(value)

    def _literal(self, value: Any) -> BindParameter[Any]:
        """As a parameter also where it is true or false, which SQLAlchemy would otherwise not compare by order."""
        return value if isinstance(value, BindParameter) else literal(value, self.column.type)


def keys_of(kind: Kind, sort: Sequence[tuple[str, bool]], reverse: bool) -> list[Key]:
    """``sort``: (field, descending). Raises Invalid for a field that it does not know."""
    keys = [Key(column_of(kind, name), descending != reverse) for name, descending in sort]
    identifier = BY_KIND[kind].table.c.id
    return keys if any(key.column is identifier for key in keys) else [*keys, Key(identifier, reverse)]


def beyond(keys: Sequence[Key], values: Sequence[Any]) -> Iterator[ColumnElement[bool]]:
    """Behind the marker: a later first key, or an equal first and a later second one, and so on. Where all keys have
    one direction that is a comparison of rows, by which SQLite and PostgreSQL find the place in an index. That the
    first key is not an earlier one follows from it; said by itself, it is where an index of MariaDB begins to be
    read."""
    first, value = keys[0], values[0]
    if first.told_by_value(value):
        yield first.at_least(value)
    told = all(key.told_by_value(value) for key, value in zip(keys, values, strict=True))
    if told and len({key.descending for key in keys}) == 1:
        ours, theirs = zip(*(key.sides(value) for key, value in zip(keys, values, strict=True)), strict=True)
        yield tuple_(*ours) < tuple_(*theirs) if first.descending else tuple_(*ours) > tuple_(*theirs)
        return
    alternatives: list[ColumnElement[bool]] = []
    same: ColumnElement[bool] = true()
    for key, value in zip(keys, values, strict=True):
        alternatives.append(and_(same, key.beyond(value)))
        same = and_(same, key.equal(value))
    yield or_(*alternatives)
