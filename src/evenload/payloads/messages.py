"""Calls of an agent and the server's answers, as JSON: ``{"call", "body"}`` and ``{"result"}`` or ``{"error"}``.

What either side cannot read is refused by name (UnknownContent). The domain's errors cross the wire by one table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from evenload.model.desired import Desired, Gone, Health, Report, Unreadable
from evenload.model.difference import Difference
from evenload.model.errors import EvenloadError, ForeignDatabase, SecretUnavailable, ServerUnavailable, Unwelcome
from evenload.model.event import HostEvent
from evenload.model.numbers import AgentNumbers
from evenload.model.registration import DEFAULT_ZONE, Registration, Welcome
from evenload.model.secret import SecretReference
from evenload.model.snapshot import Snapshot
from evenload.payloads.documents import (
    UnknownContent,
    describe,
    dump_desired,
    dump_difference,
    read_change,
    read_desired,
)

_CODES: list[tuple[str, type[Exception], type[EvenloadError]]] = [
    ("foreign-database", ForeignDatabase, ForeignDatabase),
    ("unwelcome", Unwelcome, Unwelcome),
    ("unavailable", ServerUnavailable, ServerUnavailable),
    ("secret-unavailable", SecretUnavailable, SecretUnavailable),
    ("unreadable", UnknownContent, ServerUnavailable),
    ("internal", Exception, ServerUnavailable),
]
"""What was raised in the server, and what the agent raises for it; the first that fits."""

_STRICT = ConfigDict(extra="forbid")
_HEALTHS: TypeAdapter[list[Health]] = TypeAdapter(list[Health], config=_STRICT)
_REPORT: TypeAdapter[tuple[Report]] = TypeAdapter(tuple[Report], config=_STRICT)
_BODIES: dict[str, TypeAdapter[Any]] = {
    "register": TypeAdapter(tuple[str, Registration], config=_STRICT),
    "fetch": TypeAdapter(list[str]),
    "assignments": TypeAdapter(None),
    "secrets": TypeAdapter(tuple[str, list[SecretReference]], config=_STRICT),
    "report": _REPORT,
    "health": _HEALTHS,
    "numbers": TypeAdapter(tuple[AgentNumbers], config=_STRICT),
    "events": TypeAdapter(list[HostEvent], config=_STRICT),
}
QUESTION = b'{"question":"numbers"}'
"""In place of a hint: the server asks for the call ``numbers``."""
_REGISTRATION = TypeAdapter(Registration)
_WELCOME: TypeAdapter[tuple[Welcome]] = TypeAdapter(tuple[Welcome], config=_STRICT)
_ASSIGNMENTS = TypeAdapter(dict[str, int])
_HINT = TypeAdapter(tuple[str, int, tuple[float, str, Any] | None])


def pack_call(call: str, body: object) -> bytes:
    return to_json({"call": call, "body": body})


def pack_report(report: Report) -> bytes:
    """As for ``pack_healths``."""
    return b'{"call":"report","body":%b}' % _REPORT.dump_json((report,), exclude_defaults=True)


def pack_healths(healths: Sequence[Health]) -> bytes:
    """What has no reasons names none: a server of an earlier version knows of none."""
    return b'{"call":"health","body":%b}' % _HEALTHS.dump_json(list(healths), exclude_defaults=True)


def pack_registration(agent: str, registration: Registration) -> bytes:
    """A host in the default zone says so to no server: one of an earlier version does not know of zones."""
    left_out = {"availability_zone"} if registration.availability_zone == DEFAULT_ZONE else set()
    return pack_call("register", (agent, _REGISTRATION.dump_python(registration, mode="json", exclude=left_out)))


def read_call(payload: bytes) -> tuple[str, Any]:
    """The call's name and its body: (agent, Registration), ids, None, (load balancer, references), (Report,), a list of
    Health or of HostEvent, or (AgentNumbers,). Raises UnknownContent."""
    request = _parse(payload)
    call = request.get("call")
    adapter = _BODIES.get(call) if isinstance(call, str) else None
    if adapter is None:
        raise UnknownContent(f"the call {call!r} is unknown")
    return str(call), _valid(adapter, request.get("body"), 0)


def pack_result(result: object) -> bytes:
    return to_json({"result": result})


def pack_answers(answers: Mapping[str, Desired | Gone]) -> bytes:
    """The generation stands beside each document, for those that cannot read it."""
    packed = (
        b'%b:{"generation":%b,%b"desired":%b}'
        % (
            to_json(identifier),
            to_json(answer.generation),
            b'"edition":%d,' % answer.edition if isinstance(answer, Desired) and answer.edition else b"",
            dump_desired(answer) if isinstance(answer, Desired) else b"null",
        )
        for identifier, answer in answers.items()
    )
    return b'{"result":{%b}}' % b",".join(packed)


def pack_error(error: BaseException) -> bytes:
    code = next((code for code, raised, _ in _CODES if isinstance(error, raised)), "internal")
    text = "internal fault in the server" if code == "internal" else str(error)
    return to_json({"error": [code, text]})


def read_result(payload: bytes) -> Any:
    """Raises the error that the server sent, ServerUnavailable for one that is not known."""
    answer = _parse(payload)
    if "error" in answer:
        code, text = answer["error"]
        raise next((error for name, _, error in _CODES if name == code), ServerUnavailable)(text)
    return answer.get("result")


def read_answers(result: Any, wanted: Sequence[str], version: int) -> dict[str, Desired | Gone | Unreadable]:
    """``version``: the server's. Raises UnknownContent where an answer is missing or is none."""
    found: dict[str, Desired | Gone | Unreadable] = {}
    for identifier in wanted:
        answer = result.get(identifier) if isinstance(result, dict) else None
        if not isinstance(answer, dict) or not isinstance(answer.get("generation"), int | None):
            raise UnknownContent(f"no answer about {identifier}")
        found[identifier] = _answer(identifier, answer, version)
    return found


def _answer(identifier: str, answer: dict[str, Any], version: int) -> Desired | Gone | Unreadable:
    generation, document = answer.get("generation"), answer.get("desired")
    if document is None:
        return Gone(load_balancer_id=identifier, generation=generation)
    try:
        edition = answer.get("edition")
        desired = read_desired(document, version=version)
        return replace(desired, edition=edition) if isinstance(edition, int) else desired
    except UnknownContent as error:
        return Unreadable(
            load_balancer_id=identifier,
            generation=generation or 0,
            reason=f"The server's document cannot be read: {error}.",
        )


def read_welcome(result: Any) -> Welcome:
    return _valid(_WELCOME, [result], 1)[0]  # type: ignore[no-any-return]


def read_assignments(result: Any) -> dict[str, int]:
    return _valid(_ASSIGNMENTS, result, 0)  # type: ignore[no-any-return]


def pack_hint(load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> bytes:
    fresh = b"null"
    if snapshot is not None:
        document = _pack_change(snapshot.document)
        fresh = b"[%b,%b,%b]" % (to_json(snapshot.moment), to_json(snapshot.database), document)
    return b"[%b,%d,%b]" % (to_json(load_balancer_id), generation, fresh)


def _pack_change(change: Desired | Difference | Gone) -> bytes:
    """An agent that expects a document finds none in ``null``, and fetches."""
    match change:
        case Gone():
            return b"null"
        case Desired():
            return dump_desired(change)
        case Difference():
            return dump_difference(change)


def read_hint(payload: bytes) -> tuple[str, int, Snapshot | None]:
    """A document that cannot be read is left out: who fetches it is told why. Raises UnknownContent."""
    identifier, generation, fresh = _valid(_HINT, _json(payload), 0)
    if fresh is None:
        return identifier, generation, None
    moment, database, document = fresh
    try:
        change = Gone(load_balancer_id=identifier, generation=generation) if document is None else read_change(document)
        snapshot = Snapshot(document=change, moment=moment, database=database)
    except UnknownContent:
        return identifier, generation, None
    return identifier, generation, snapshot


def _parse(payload: bytes) -> dict[str, Any]:
    parsed = _json(payload)
    if not isinstance(parsed, dict):
        raise UnknownContent("no message of ours")
    return parsed


def _json(payload: bytes) -> Any:
    try:
        return from_json(payload)
    except ValueError as error:
        raise UnknownContent(f"no JSON: {error}") from error


def _valid(adapter: TypeAdapter[Any], value: object, skip: int) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise UnknownContent(describe(error, skip)) from error
