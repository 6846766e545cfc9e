"""Dataclasses to rows and back, derived from the dataclasses' own type hints.

Used by the other modules of ``store``. A scalar field is a column of the same name; an enum is its value; a time is UTC
without zone; a tuple is JSON text; a field that is itself a dataclass takes one column per field of it, named
``<field>_<its field>``, or where there is a column of its own name that one, as JSON text. A new scalar field of the
model therefore costs one line in ``tables`` and nothing here.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from sqlalchemy import Column, Table

V = TypeVar("V")
_Codec = Callable[[Any], Any]


def to_moment(value: datetime) -> datetime:
    """Raises ValueError for a naive time, which could mean anything."""
    if value.tzinfo is None:
        raise ValueError(f"A time without zone cannot be stored: {value!r}")
    return value.astimezone(UTC).replace(tzinfo=None)


def from_moment(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


class RowCodec(Generic[V]):
    """Turns one dataclass into columns of one table and back.

    ``columns`` are the table's columns in the order in which ``decode`` expects their values, from ``offset`` on.
    ``skip`` names fields that are kept elsewhere; ``decode`` takes them as keywords.
    """

    def __init__(self, cls: type[V], table: Table, *, skip: Sequence[str] = ()) -> None:
        hints = get_type_hints(cls)
        self._cls = cls
        self._fields = [
            _field(field.name, hints[field.name], table)
            for field in fields(cls)  # type: ignore[arg-type]
            if field.name not in skip
        ]
        self._names = [column.name for field in self._fields for column in field.columns]
        self.columns: list[Column[Any]] = [table.c[name] for name in self._names]
        # Most fields are their column's value as it is; the rest is found once, rows are many.
        self._decoded = [(field.name, field.read) for field in self._fields if field.read is not None]
        self._nested = [field for field in self._fields if isinstance(field, _Nested)]

    def encode(self, value: V) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for field in self._fields:
            field.put(row, getattr(value, field.name))
        return row

    def decode(self, row: Sequence[Any], offset: int = 0, **others: Any) -> V:
        values = dict(zip(self._names, row[offset : offset + len(self._names)], strict=True))
        for name, read in self._decoded:
            value = values[name]
            if value is not None:
                values[name] = read(value)
        for nested in self._nested:
            nested.fold(values)
        return self._cls(**values, **others)


class _Field:
    """A field that takes one column. ``read`` and ``write`` None: the column's value is the field's."""

    def __init__(self, name: str, column: Column[Any], write: _Codec | None, read: _Codec | None) -> None:
        self.name = name
        self.columns = [column]
        self.read = read
        self._write = write

    def put(self, row: dict[str, Any], value: Any) -> None:
        row[self.name] = value if self._write is None or value is None else self._write(value)


class _Nested(_Field):
    """A field that is a dataclass, or None where the column of its first mandatory field is NULL."""

    def __init__(self, name: str, cls: type, parts: Sequence[tuple[str, _Field]], mandatory: str) -> None:
        super().__init__(name, parts[0][1].columns[0], None, None)
        self.columns = [column for _, part in parts for column in part.columns]
        self._cls = cls
        self._parts = parts
        self._mandatory = mandatory

    def put(self, row: dict[str, Any], value: Any) -> None:
        for name, part in self._parts:
            part.put(row, None if value is None else getattr(value, name))

    def fold(self, values: dict[str, Any]) -> None:
        """Puts the object in place of its columns' values."""
        taken = {name: (part.read, values.pop(part.name)) for name, part in self._parts}
        if taken[self._mandatory][1] is None:
            values[self.name] = None
            return
        values[self.name] = self._cls(
            **{name: value if read is None or value is None else read(value) for name, (read, value) in taken.items()}
        )


def _field(name: str, hint: Any, table: Table) -> _Field:
    kind, _ = _unwrap(hint)
    if is_dataclass(kind) and name in table.c:
        return _Field(name, table.c[name], *_document(kind))
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        names = [part.name for part in fields(kind)]
        parts = [(part, _field(f"{name}_{part}", hints[part], table)) for part in names]
        if any(isinstance(part, _Nested) for _, part in parts):
            raise TypeError(f"No column form for a dataclass within {name}: {hint!r}")
        return _Nested(name, kind, parts, next(part for part in names if not _unwrap(hints[part])[1]))
    column = table.c[name]
    if kind in (str, int, bool):
        return _Field(name, column, None, None)
    if kind is datetime:
        return _Field(name, column, to_moment, from_moment)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Field(name, column, _enum_value, {member.value: member for member in kind}.__getitem__)
    if get_origin(kind) is tuple:
        return _Field(name, column, *_tuple(get_args(kind)[0]))
    raise TypeError(f"No column form for {name}: {hint!r}")


def _unwrap(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was there."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        if len(kinds) == 1:
            return kinds[0], True
        raise TypeError(f"No column form for a choice of types: {hint!r}")
    return hint, False


def _enum_value(member: Enum) -> Any:
    return member._value_  # as ``value`` without its descriptor: there is one for each row and column


def _document(kind: Any) -> tuple[_Codec, _Codec]:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return lambda value: adapter.dump_json(value).decode(), adapter.validate_json


def _tuple(element: Any) -> tuple[_Codec, _Codec]:
    if element is str:
        return _encode_texts, _decode_texts
    if isinstance(element, type) and issubclass(element, Enum):
        members: dict[Any, Enum] = {member.value: member for member in element}
        return (
            lambda value: _encode_texts([member.value for member in value]),
            lambda text: tuple(members[word] for word in _decode_texts(text)),
        )
    if isinstance(element, type) and is_dataclass(element):
        names = [field.name for field in fields(element)]
        if any(kind is not str for kind in get_type_hints(element).values()):
            raise TypeError(f"Only text fields go into JSON: {element!r}")
        return (
            lambda value: _encode_texts([{name: getattr(part, name) for name in names} for part in value]),
            lambda text: tuple(element(**part) for part in _decode_texts(text)),
        )
    raise TypeError(f"No JSON form for a tuple of {element!r}")


def _encode_texts(value: Sequence[str | Mapping[str, str]]) -> str:
    return json.dumps(list(value), ensure_ascii=False, separators=(",", ":")) if value else "[]"


def _decode_texts(text: str) -> tuple[Any, ...]:
    return () if text == "[]" else tuple(json.loads(text))
