"""Where something stored is: references as clients send them, and the ids by which agents ask.

A reference is an address in Barbican's shape, ``https://…/v1/secrets/<uuid>`` or ``…/v1/containers/<uuid>``. Which host
it names does not matter: there is one store, and its address may change.
"""

import enum
import re
import uuid
from dataclasses import dataclass

from evenload.model.secret import SecretBytes, SecretReference

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_REFERENCE = re.compile(rf"(?:https?://[!-~]{{1,255}}?)?/(?:v1/)?(secrets|containers)/({_UUID})/?")
_PLACE = re.compile(rf"(bundle|authorities|revocations)/([!-.0-~]{{1,255}})/(secrets|containers)/({_UUID})")


class PlaceKind(enum.Enum):
    SECRET = "secrets"
    CONTAINER = "containers"


class SecretUse(enum.Enum):
    """What something stored is read as."""

    BUNDLE = "bundle"
    AUTHORITIES = "authorities"
    REVOCATIONS = "revocations"


@dataclass(frozen=True, slots=True)
class Place:
    """``id``: a UUID in lower case."""

    kind: PlaceKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedPlace:
    """``project_id``: the load balancer's, which may read it. As text it is the id of a SecretReference."""

    use: SecretUse
    project_id: str
    place: Place

    def __str__(self) -> str:
        return f"{self.use.value}/{self.project_id}/{self.place}"

    def reference(self, content: SecretBytes) -> SecretReference:
        """What a document names; agents are given that very content for it, or nothing."""
        return SecretReference(id=str(self), fingerprint=content.fingerprint())


def read_place(reference: str) -> Place | None:
    """None for what is no reference."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None else Place(PlaceKind(found[1]), found[2].lower())


def place_of(reference: str) -> Place:
    """Also of what is no reference, where nobody asks what is there: a place of its own for each."""
    return read_place(reference) or Place(PlaceKind.SECRET, str(uuid.uuid5(uuid.NAMESPACE_URL, reference)))


def read_used_place(identifier: str) -> UsedPlace | None:
    """None for what ``str(UsedPlace)`` never gives."""
    found = _PLACE.fullmatch(identifier)
    if found is None:
        return None
    place = Place(PlaceKind(found[3]), found[4].lower())
    return UsedPlace(use=SecretUse(found[1]), project_id=found[2], place=place)
