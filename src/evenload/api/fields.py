"""The kinds of values that stand in requests: how each is read from JSON and from a query string.

Used by the schemas of every facade. Everything here is strict about characters: no control character, line or
paragraph separator or lone surrogate gets past any of these, but that a description may have lines and tabs: it reaches
answers alone. What may reach a configuration file has a whitelist.
Lenient only where Octavia is: booleans and integers may be strings.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from evenload.api.auth.identity import is_project
from evenload.model.errors import Unsupported
from evenload.model.l7_rules import is_url
from evenload.model.query import Value

JsonSchema = Mapping[str, Any]

MAX_TEXT = 255
_SHOWN = 80
_PLAIN_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINES_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]*$"
_NO_PART_OF_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL = r"(?![-_])[A-Za-z0-9_\-]{1,63}(?<![-_])"
_CODE = r"[1-5][0-9]{2}"
_CODES = rf"{_CODE}(?: *, *{_CODE})*|{_CODE}-{_CODE}"
_MAC = r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}"
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})


@dataclass(frozen=True, slots=True)
class FieldType:
    """``annotation`` is what pydantic makes of a JSON value; ``query`` reads a filter, None: no filter by it.

    ``query`` raises ValueError for a text that no such value can be. ``json`` describes the values in JSON Schema, as
    answers show them and requests best give them; spellings that are accepted besides are left out.
    """

    annotation: Any
    query: Callable[[str], Value] | None = None
    json: JsonSchema = field(kw_only=True)


# ---------------------------------------------------------------------------------------------------------- functions


def is_plain(text: str) -> bool:
    """Whether a text is free of control characters, separators of lines and lone surrogates."""
    return _UNPRINTABLE.search(text) is None


def is_of_lines(text: str) -> bool:
    """The same, but for line feeds, carriage returns and tabs."""
    return _NO_PART_OF_LINES.search(text) is None


def _of_lines(text: str) -> str:
    if not is_of_lines(text):
        raise ValueError("Of control characters, line feeds, carriage returns and tabs alone are allowed.")
    return text


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("Control characters and line separators are not allowed.")
    return text


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str):
        return truth_of(value)
    raise ValueError("Not a boolean.")


def truth_of(text: str) -> bool:
    """Raises ValueError for what is neither yes nor no."""
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("Not a boolean.")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return integer_of(value)
    raise ValueError("Not an integer.")


def integer_of(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise ValueError("Not an integer.")
    return int(text)


def moment_of(text: str) -> str:
    """As it is: what it means is for whoever compares it."""
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("A time such as 2026-01-31T12:00:00 is expected, in UTC.") from error
    return text


def address_of(text: str) -> str:
    """The canonical form. Leading zeros, numbers without dots and zones are no addresses here."""
    if "%" in text:
        raise ValueError("An address must not name a zone.")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError("Not an IP address.") from error


def _address_as_sent(text: str) -> str:
    address_of(text)
    return text


def address_or_text(text: str) -> str:
    """For filters: what is no address equals none, which is no error."""
    try:
        return address_of(text)
    except ValueError:
        return text


def _cidr(text: str) -> str:
    """The network an address with prefix length lies in; an address alone is a network of its own."""
    address, slash, prefix = text.partition("/")
    if slash and re.fullmatch("[0-9]{1,3}", prefix) is None:
        raise ValueError("Not a network in CIDR notation.")
    try:
        return str(ipaddress.ip_network(f"{address_of(address)}{slash}{prefix}", strict=False))
    except ValueError as error:
        raise ValueError("Not a network in CIDR notation.") from error


def _subnet_cidr(text: str) -> str:
    """A network as a subnet has it: with its length, and nothing behind that."""
    network = _cidr(text)
    address, slash, _ = text.partition("/")
    if not slash or address_of(address) != network.partition("/")[0]:
        raise ValueError(f"Not the address of a network; {network} is.")
    return network


def uuid_of(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise ValueError("Not a UUID.")
    return text.lower()


def _matching(pattern: re.Pattern[str], complaint: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise ValueError(complaint)
        return text

    return check


def _project(text: str) -> str:
    if not is_project(text):
        raise ValueError("Not the name of a project.")
    return text


def _codes(text: str) -> str:
    if re.fullmatch(_CODES, text) is None:
        raise ValueError("One status code, a list of codes such as 200,202 or one range such as 200-204 is expected.")
    compact = text.replace(" ", "")
    low, dash, high = compact.partition("-")
    if dash and low > high:
        raise ValueError("The range is upside down.")
    listed = compact.split(",")
    if len(set(listed)) != len(listed):
        raise ValueError("A code stands there twice.")
    return text


def _http_version(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("1.0 or 1.1 is expected.")
    text = value if isinstance(value, str) else str(float(value))
    if text not in ("1.0", "1.1"):
        raise ValueError("1.0 or 1.1 is expected.")
    return text


def _mac(text: str) -> str:
    if re.fullmatch(_MAC, text) is None:
        raise ValueError("Not a MAC address.")
    return text.lower()


def _http_url(text: str) -> str:
    if not is_url(text):
        raise ValueError("A URL of http or https is expected, in URL characters (RFC 3986).")
    return text


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def unique(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


# -------------------------------------------------------------------------------------------------------------- types


def text(longest: int = MAX_TEXT, shortest: int = 0) -> FieldType:
    constraints = StringConstraints(strict=True, min_length=shortest, max_length=longest)
    json = {"type": "string", "pattern": _PLAIN_PATTERN, "minLength": shortest, "maxLength": longest}
    return FieldType(Annotated[str, constraints, AfterValidator(_plain)], str, json=json)


def checked_text(
    check: Callable[[str], str], longest: int = MAX_TEXT, *, filtered: bool = True, json: JsonSchema
) -> FieldType:
    """A text that ``check`` returns in canonical form or refuses with a ValueError. ``json``: what it looks like."""
    constraints = StringConstraints(strict=True, min_length=1, max_length=longest)
    annotation = Annotated[str, constraints, AfterValidator(_plain), AfterValidator(check)]
    return FieldType(annotation, check if filtered else str, json={"type": "string", "maxLength": longest, **json})


def patterned(pattern: str, complaint: str, longest: int = MAX_TEXT, *, filtered: bool = True) -> FieldType:
    """A text that matches a regular expression as a whole."""
    check = _matching(re.compile(pattern), complaint)
    return checked_text(check, longest, filtered=filtered, json={"minLength": 1, "pattern": f"^{pattern}$"})


def integer(lowest: int, highest: int) -> FieldType:
    annotation = Annotated[int, BeforeValidator(_whole), Field(ge=lowest, le=highest)]
    return FieldType(annotation, integer_of, json={"type": "integer", "minimum": lowest, "maximum": highest})


def listing(item: FieldType, longest: int = 1000) -> FieldType:
    """The first element that is wrong is the last one looked at: only one is ever named."""
    annotation = Annotated[list[item.annotation], Field(max_length=longest, fail_fast=True)]  # type: ignore[name-defined]
    return FieldType(annotation, json={"type": "array", "items": item.json, "maxItems": longest})


def one_of(*words: str) -> FieldType:
    """One of these words, which the model takes as they are."""

    def choose(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"Value should be one of: {', '.join(words)}.")

    return FieldType(Annotated[str, BeforeValidator(choose)], str, json={"type": "string", "enum": list(words)})


def choice(
    possible: type[Enum],
    known: Sequence[str] = (),
    *,
    unfit: Mapping[str, str] = MappingProxyType({}),
    without: Collection[Enum] = (),
) -> FieldType:
    """One of an enum's values. ``known`` are further words of the API, which this provider cannot do (501); ``unfit``
    such as are not for anything that exists here, with the reason; ``without``: values for which it has no word."""
    members: dict[str, Enum] = {str(member.value): member for member in possible if member not in without}
    elsewhere = frozenset(known)

    def choose(value: object, info: ValidationInfo) -> Enum:
        if isinstance(value, possible):
            return value
        chosen = members.get(value) if isinstance(value, str) else None
        if chosen is not None:
            return chosen
        if isinstance(value, str) and value in elsewhere:
            raise unsupported(str(info.field_name), value)
        if isinstance(value, str) and value in unfit:
            raise ValueError(unfit[value])
        raise ValueError(f"Value should be one of: {', '.join(members)}.")

    def query(text: str) -> str:
        if text not in members and text not in elsewhere and text not in unfit:
            raise ValueError(f"Value should be one of: {', '.join(members)}.")
        return text

    return FieldType(Annotated[Any, BeforeValidator(choose)], query, json={"type": "string", "enum": list(members)})


def unsupported(name: str, value: object) -> Unsupported:
    """For what the API knows and this version cannot do."""
    return Unsupported(f"{name} '{shown(value)}'", field=name)


def shown(value: object, most: int = _SHOWN) -> str:
    """A caller's value for an error text: short, and in characters that no terminal and no log minds."""
    text = value if isinstance(value, str) else _beginning(value)
    if len(text) > most:
        text = f"{text[: most - 3]}..."
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shown_path(path: str) -> str:
    """The same of a path or a part of one: with all ids, where it is one of ours."""
    return shown(path, 255)


def _beginning(value: object) -> str:
    """As ``repr``, but of a value of any size no more than is shown of it."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _SHOWN:
            break
    return text


def _pieces(value: object) -> Iterator[str]:
    match value:
        case list():
            yield "["
            for index, each in enumerate(value):
                yield ", " if index else ""
                yield from _pieces(each)
            yield "]"
        case dict():
            yield "{"
            for index, (name, each) in enumerate(value.items()):
                yield ", " if index else ""
                yield f"{name[:_SHOWN]!r}: "
                yield from _pieces(each)
            yield "}"
        case str():
            yield repr(value[:_SHOWN])
        case _:
            yield repr(value)


NAME = text()
DESCRIPTION = FieldType(
    Annotated[str, StringConstraints(strict=True, max_length=MAX_TEXT), AfterValidator(_of_lines)],
    str,
    json={"type": "string", "pattern": _LINES_PATTERN, "minLength": 0, "maxLength": MAX_TEXT},
)
"""Whoever prints one has to mind its lines."""
TRUTH = FieldType(Annotated[bool, BeforeValidator(_truth)], truth_of, json={"type": "boolean"})
UUID = checked_text(uuid_of, 36, filtered=False, json={"format": "uuid"})
PROJECT = checked_text(_project, 36, json={"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,35}$"})
_IP = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
_ADDRESS = checked_text(address_of, 45, json=_IP)
ADDRESS = FieldType(_ADDRESS.annotation, address_or_text, json=_ADDRESS.json)
_AS_SENT = checked_text(_address_as_sent, 45, json=_IP)
ADDRESS_AS_SENT = FieldType(_AS_SENT.annotation, address_or_text, json=_AS_SENT.json)
"""In the caller's own spelling."""
CIDR = checked_text(_cidr, 49, json={"examples": ["10.0.0.0/24", "2001:db8::/64"]})
SUBNET_CIDR = checked_text(_subnet_cidr, 49, json={"examples": ["10.0.0.0/24", "2001:db8::/64"]})
WORD = patterned(r"[A-Za-z0-9][A-Za-z0-9_.\-]*", "Letters, digits, . _ and - are expected.", 64)
PORT_NUMBER = integer(1, 65535)
TAGS = listing(text(), 200)
URL_PATH = patterned(
    r"/(?!/)(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*",
    "A path such as /health?full=1 is expected, in URL characters.",
    filtered=False,
)
COOKIE_NAME = patterned(
    r"(?!\$)[A-Za-z0-9!#$%&'*+\-.^_`|~]+", "A cookie name consists of token characters (RFC 6265).", filtered=False
)
HTTP_METHOD = one_of("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH")
HOST_NAME = patterned(rf"{_LABEL}(?:\.{_LABEL})*", "Not a host name.", 253, filtered=False)
EXPECTED_CODES = checked_text(_codes, filtered=False, json={"pattern": f"^(?:{_CODES})$"})
HTTP_VERSION = FieldType(
    Annotated[str, BeforeValidator(_http_version)], _http_version, json={"type": "number", "enum": [1.0, 1.1]}
)
HTTP_URL = checked_text(_http_url, filtered=False, json={"format": "uri", "pattern": "^https?://"})
"""Of a redirection."""


def _or_none(kind: FieldType) -> FieldType:
    """An empty text is none."""
    annotation = Annotated[kind.annotation | None, BeforeValidator(_empty_is_none)]  # type: ignore[name-defined]
    return FieldType(annotation, kind.query, json=kind.json)


RULE_KEY = _or_none(text())
"""Of a header, a cookie or a part of a name."""
REFERENCE = _or_none(text())
"""To a secret: which texts are some is the affair of whatever keeps secrets."""
CIPHERS = _or_none(
    patterned(r"[A-Za-z0-9+!:@=_.\-]+", "Names of ciphers are expected, with : between them.", 2048, filtered=False)
)
MAC_ADDRESS = checked_text(_mac, 17, json={"pattern": f"^{_MAC}$"})
