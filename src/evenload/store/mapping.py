"""Dataclasses to rows and back, derived from the dataclasses' own type hints.

Used by the other modules of ``store``. A scalar field is a column of the same name; an enum is its value; a time is UTC
without zone; a tuple is JSON text; a field that is itself a dataclass takes one column per field of it, named
``<field>_<its field>``. A new scalar field of the model therefore costs one line in tables.py and nothing here.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

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
        self._cls = cls
        self.columns: list[Column[Any]] = []
        self._fields: list[_Field] = []
        hints = get_type_hints(cls)
        for field in fields(cls):  # type: ignore[arg-type]
            if field.name not in skip:
                self._fields.append(_field(field.name, hints[field.name], table, self.columns))

    def encode(self, value: V) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for field in self._fields:
            field.put(row, getattr(value, field.name))
        return row

    def decode(self, row: Sequence[Any], offset: int = 0, **others: Any) -> V:
        for field in self._fields:
            others[field.name] = field.get(row, offset)
        return self._cls(**others)


class _Field:
    """One field that takes one column."""

    __slots__ = ("_decode", "_encode", "_index", "name")

    def __init__(self, name: str, index: int, encode: _Codec | None, decode: _Codec | None) -> None:
        self.name = name
        self._index = index
        self._encode = encode
        self._decode = decode

    def put(self, row: dict[str, Any], value: Any) -> None:
        row[self.name] = value if self._encode is None or value is None else self._encode(value)

    def get(self, row: Sequence[Any], offset: int) -> Any:
        value = row[offset + self._index]
        return value if self._decode is None or value is None else self._decode(value)


class _Nested(_Field):
    """A field that is a dataclass, or None where its first mandatory column is NULL."""

    __slots__ = ("_cls", "_key", "_names", "_parts")

    def __init__(self, name: str, cls: type, parts: Sequence[_Field], names: Sequence[str], key: int) -> None:
        super().__init__(name, 0, None, None)
        self._cls = cls
        self._parts = parts
        self._names = names
        self._key = key

    def put(self, row: dict[str, Any], value: Any) -> None:
        for part, name in zip(self._parts, self._names, strict=True):
            part.put(row, None if value is None else getattr(value, name))

    def get(self, row: Sequence[Any], offset: int) -> Any:
        if row[offset + self._key] is None:
            return None
        return self._cls(**{name: part.get(row, offset) for part, name in zip(self._parts, self._names, strict=True)})


def _field(name: str, hint: Any, table: Table, columns: list[Column[Any]]) -> _Field:
    kind, _ = _unwrap(hint)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        start = len(columns)
        names = [part.name for part in fields(kind)]
        parts = [_field(f"{name}_{part}", hints[part], table, columns) for part in names]
        mandatory = next(index for index, part in enumerate(names) if not _unwrap(hints[part])[1])
        return _Nested(name, kind, parts, names, start + mandatory)
    columns.append(table.c[name])
    index = len(columns) - 1
    if kind in (str, int, bool):
        return _Field(name, index, None, None)
    if kind is datetime:
        return _Field(name, index, to_moment, from_moment)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Field(name, index, _enum_value, {member.value: member for member in kind}.__getitem__)
    if get_origin(kind) is tuple:
        return _Field(name, index, *_tuple(get_args(kind)[0]))
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
    return member.value


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
