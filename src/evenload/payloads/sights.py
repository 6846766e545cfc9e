"""Questions of who looks at an agent, and its answers, as JSON. Command and agent may be of different versions: what
either does not know is passed over."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from evenload.model.sight import Sight
from evenload.payloads.documents import UnknownContent

_SIGHT = TypeAdapter(Sight)


def pack_question(load_balancer_id: str | None) -> bytes:
    return to_json({"load_balancer": load_balancer_id})


def read_question(payload: bytes) -> str | None:
    """The load balancer that is asked for with its parts, None for all without. Raises UnknownContent."""
    question = _object(payload)
    asked = question.get("load_balancer")
    if asked is not None and not isinstance(asked, str):
        raise UnknownContent("no question of ours")
    return asked


def pack_sight(sight: Sight) -> bytes:
    return _SIGHT.dump_json(sight)


def read_sight(payload: bytes) -> Sight:
    """Raises UnknownContent."""
    try:
        return _SIGHT.validate_python(_object(payload))
    except ValidationError as error:
        raise UnknownContent(f"no sight of ours: {error.error_count()} faults") from error


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = from_json(payload)
    except ValueError as error:
        raise UnknownContent(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnknownContent("no message of ours")
    return found
