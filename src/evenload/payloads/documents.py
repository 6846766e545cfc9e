"""``Desired`` as JSON, in its two places: the agent's memory on disk and the wire.

From the disk whatever an earlier version wrote is taken: what it did not have gets its default, what is no longer used
is passed over. From the wire nothing unknown is passed over: a field that this version does not know may be the very
thing that a tenant asked for.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from evenload.model.balancer import Listener, Member
from evenload.model.desired import Desired
from evenload.model.difference import Difference
from evenload.model.registration import PAYLOAD_VERSION
from evenload.model.tls import ClientAuthentication

_DESIRED = TypeAdapter(Desired)
_MEMBER = TypeAdapter(Member)
_LENIENT = TypeAdapter(dict[str, Desired])
_STRICT = TypeAdapter(dict[str, Desired], config=ConfigDict(extra="forbid"))
"""In a dictionary, because a setting at a dataclass itself would have to stand in the model."""

FEW = 20
"""Members, of which nothing is kept."""
_NAMES = ("since", "edition", "removed", "changed")
_DIFFERENCE = TypeAdapter(tuple[int, int, tuple[str, ...], Any])
_LATER = ("secrets", "policies", "rules")
_OF_CLIENTS = {
    "client_authentication": ClientAuthentication.NONE,
    "client_authorities": None,
    "client_revocations": None,
}
"""What came later to the TLS of a listener, with what it is where nothing is said."""
_NO_MEMBERS = b'"members":[]'
_FOR_PEOPLE = {"flavor_id", "availability_zone"}
"""Of the load balancer: no agent has a use for them."""
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


class UnknownContent(ValueError):
    """A document that this version cannot read; the message names the field."""


def dump_desired(desired: Desired) -> bytes:
    """What has none of what came later is written as versions wrote it that knew nothing of it."""
    left_out: dict[str, Any] = {name: True for name in _LATER if not getattr(desired, name)}
    of_listeners = {place: found for place, each in enumerate(desired.listeners) if (found := _unused(each))}
    of_pools = {place: {"tls"} for place, pool in enumerate(desired.pools) if pool.tls is None}
    of_balancer = _FOR_PEOPLE if desired.load_balancer.flavor is not None else _FOR_PEOPLE | {"flavor"}
    exclude = {
        **left_out,
        "edition": True,
        "load_balancer": of_balancer,
        "listeners": of_listeners,
        "pools": of_pools,
    }
    return _DESIRED.dump_json(desired, exclude=exclude)


def _unused(listener: Listener) -> dict[str, Any]:
    if listener.tls is None:
        return {"tls": True}
    unused = {name for name, default in _OF_CLIENTS.items() if getattr(listener.tls, name) == default}
    return {"tls": unused} if unused else {}


def dump_difference(difference: Difference) -> bytes:
    """An agent that knows of none takes it for a document with unknown fields, and fetches the whole."""
    return b'{"since":%d,"edition":%d,"removed":%b,"changed":%b}' % (
        difference.since,
        difference.changed.edition,
        to_json(difference.removed),
        dump_desired(difference.changed),
    )


def read_change(document: object) -> Desired | Difference:
    """A document or a difference, from the wire, JSON parsed. Raises UnknownContent."""
    if not isinstance(document, dict) or "since" not in document:
        return read_desired(document)
    try:
        since, edition, removed, changed = _DIFFERENCE.validate_python(tuple(document.get(each) for each in _NAMES))
    except ValidationError as error:
        raise UnknownContent(describe(error)) from error
    return Difference(since=since, changed=replace(read_desired(changed), edition=edition), removed=removed)


class Writer:
    """Writes the documents of one load balancer, again and again: what it has written of a member that is the very same
    as before is written again as it was. Not for several threads at once. ``write_member``: for those that are not."""

    def __init__(self, write_member: Callable[[Member], bytes] = _MEMBER.serializer.to_json) -> None:
        self._write_member = write_member
        self._members: tuple[Member, ...] = ()
        self._written: list[bytes] = []

    def dump(self, desired: Desired) -> bytes:
        """As ``dump_desired``."""
        if len(desired.members) < FEW:
            self._members, self._written = (), []
            return dump_desired(desired)
        self._members, self._written = desired.members, self._renewed(desired.members)
        # Within a string the quotation marks would be escaped.
        before, _, after = dump_desired(replace(desired, members=())).partition(_NO_MEMBERS)
        return b'%b"members":[%b]%b' % (before, b",".join(self._written), after)

    def _renewed(self, members: tuple[Member, ...]) -> list[bytes]:
        known = {id(member): each for member, each in zip(self._members, self._written, strict=True)}
        return [known.get(id(member)) or self._write_member(member) for member in members]


def load_desired(payload: bytes) -> Desired:
    """From the disk. Raises ValueError where the payload is no document of this or an earlier version."""
    return _DESIRED.validate_json(payload)


def read_desired(document: object, *, version: int = PAYLOAD_VERSION) -> Desired:
    """From the wire, JSON parsed; ``version`` is the sender's. Raises UnknownContent.

    A sender of an earlier version may name fields that are no longer used; one of this or a later version may not.
    """
    adapter = _LENIENT if version < PAYLOAD_VERSION else _STRICT
    try:
        return adapter.validate_python({"document": document})["document"]
    except ValidationError as error:
        raise UnknownContent(describe(error)) from error


def describe(error: ValidationError, skip: int = 1) -> str:
    """One fault for people, an unknown field first: its place, without the first ``skip`` parts, and what is wrong."""
    faults = error.errors(include_url=False)
    fault = next((each for each in faults if each["type"] in _UNKNOWN), faults[0])
    parts = [str(part) for part in fault["loc"][skip:]]
    place = ".".join(parts) or "the document"
    match fault["type"]:
        case kind if kind in _UNKNOWN:
            return f"the field {place} is unknown to version {PAYLOAD_VERSION}"
        case "enum":
            return f"the value {fault['input']!r} of {place} is unknown to version {PAYLOAD_VERSION}"
        case _:
            return f"{place}: {fault['msg']}"
