"""Request bodies as JSON values, read with suspicion: size, type, nesting, duplicate keys, numbers that are none.

Raises Falcon's errors for what is not JSON, Invalid for JSON that must not be.
"""

import json
from typing import Any, NoReturn

import falcon

from evenload.api.fields import shown
from evenload.model.errors import Invalid

_MAX_DEPTH = 16
_MAX_VALUES = 200_000
"""What one call of the parser reads without letting another thread run: some ten milliseconds' worth."""
_MAX_ATTRIBUTES = 100
"""Of one object. No object of any facade has half as many, so one of them is unknown."""
_JSON = "application/json"


def read_json(request: falcon.Request, longest: int) -> Any:
    """Raises HTTPUnsupportedMediaType, HTTPBadRequest, HTTPContentTooLarge, Invalid."""
    _require_json(request.content_type)
    raw = _read(request, longest)
    if raw.count(b",") >= _MAX_VALUES:
        raise Invalid(f"The request body holds more than {_MAX_VALUES} values.")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except UnicodeDecodeError as error:
        raise falcon.HTTPBadRequest(description="The request body is not UTF-8.") from error
    except RecursionError as error:
        raise Invalid("The request body is nested too deeply.") from error
    except ValueError as error:
        raise falcon.HTTPBadRequest(description="The request body is not valid JSON.") from error
    if raw.count(b"{") + raw.count(b"[") > _MAX_DEPTH:
        _require_shallow(value)
    return value


def read_bytes(request: falcon.Request, longest: int) -> bytes:
    """A body of any type. Raises HTTPBadRequest, HTTPContentTooLarge."""
    return _read(request, longest)


def _require_json(content_type: str | None) -> None:
    if not content_type:
        raise falcon.HTTPBadRequest(description="A Content-Type of application/json is expected.")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        raise falcon.HTTPBadRequest(
            description="A form is not expected here: send JSON as Content-Type: application/json."
        )
    if kind != _JSON:
        raise falcon.HTTPUnsupportedMediaType(description="A Content-Type of application/json is expected.")


def _read(request: falcon.Request, longest: int) -> bytes:
    length = request.content_length
    if length is None:
        return b""
    if length > longest:
        raise _too_long(longest)
    raw: bytes = request.bounded_stream.read(length)
    if len(raw) != length:
        raise falcon.HTTPBadRequest(description="The request body ended early.")
    return raw


def _too_long(longest: int) -> falcon.HTTPContentTooLarge:
    return falcon.HTTPContentTooLarge(description=f"The request body is longer than {longest} bytes.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MAX_ATTRIBUTES:
        raise Invalid(f"An object of the request body has more than {_MAX_ATTRIBUTES} attributes.")
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Invalid(f"The attribute {shown(name)} is given twice.")
            seen.add(name)
    return found


def _constant(text: str) -> NoReturn:
    raise Invalid(f"{text} is not a number.")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Invalid(f"{shown(text)} is not a number that can be used.")
    return value


def _require_shallow(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                deeper.extend(part for part in each.values() if isinstance(part, (dict, list)))
            elif isinstance(each, list):
                deeper.extend(part for part in each if isinstance(part, (dict, list)))
        if not deeper:
            return
        level = deeper
    raise Invalid("The request body is nested too deeply.")
