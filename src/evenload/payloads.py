"""Domain documents as JSON and back, for the agent's memory on disk and for a bus between machines.

Layer 1, beside the interfaces: ``host`` and ``bus`` both speak it and may not import each other.
"""

from pydantic import TypeAdapter

from evenload.model.desired import Desired

_DESIRED = TypeAdapter(Desired)


def dump_desired(desired: Desired) -> bytes:
    return _DESIRED.dump_json(desired)


def load_desired(payload: bytes) -> Desired:
    """Raises ValueError where the payload is not a document of this version."""
    return _DESIRED.validate_json(payload)
