"""Answers as JSON text, written piece by piece, so that other requests are answered meanwhile.

The interpreter runs nothing else while one call of the encoder lasts: no call gets more than ``_AT_ONCE`` values.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

_AT_ONCE = 2000
_PLAIN = frozenset({str, int, bool, float, NoneType})


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value that is JSON text already. An answer that holds a value many times has it encoded once."""

    text: str


def encode(value: Any) -> str:
    """ASCII. ``value`` consists of what ``json.dumps`` takes, with text as names, and of ``Encoded``."""
    return "".join(_pieces_of_object(value) if isinstance(value, dict) and value else _pieces(value))


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, Encoded):
        yield value.text
    elif isinstance(value, (list, tuple)) and value:
        yield from _pieces_of_list(value)
    elif _weight(value) <= _AT_ONCE:
        yield json.dumps(value)
    else:
        yield from _pieces_of_object(value)


def _pieces_of_object(value: dict[str, Any]) -> Iterator[str]:
    before = "{"
    for name, each in value.items():
        yield f"{before}{json.dumps(name)}: "
        yield from _pieces(each)
        before = ", "
    yield "}"


def _pieces_of_list(values: Sequence[Any]) -> Iterator[str]:
    before = "["
    for batch in _batches(values):
        yield before
        if len(batch) == 1:
            yield from _pieces(batch[0])
        else:
            yield json.dumps(batch)[1:-1]
        before = ", "
    yield "]"


def _batches(values: Sequence[Any]) -> Iterator[list[Any]]:
    """Neighbours that can be encoded at once; an element that is too large for that is alone."""
    batch: list[Any] = []
    room = _AT_ONCE
    for each in values:
        weight = 1 + _weight(each)
        if weight > room:
            if batch:
                yield batch
            batch, room = [], _AT_ONCE
        batch.append(each)
        room -= weight
    if batch:
        yield batch


def _weight(value: Any) -> int:
    """How many values it holds; it is not counted further where they are too many for one call."""
    if isinstance(value, Encoded):
        return _AT_ONCE + 1
    if not isinstance(value, (dict, list, tuple)):
        return 0
    weight = len(value)
    for each in value.values() if isinstance(value, dict) else value:
        if type(each) in _PLAIN or not each:  # almost all are: no more is asked of these
            continue
        if weight > _AT_ONCE:
            break
        weight += _weight(each)
    return weight
