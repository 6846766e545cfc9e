"""Follows references to what is stored, and reads it: Certificates and SecretStore over whatever keeps secrets."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

from evenload.model.certificate import Authorities, Bundle, Revocations, SecretFault
from evenload.model.errors import SecretUnavailable, StoreUnavailable, UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.model.secret_place import Place, PlaceKind, SecretUse, read_place, read_used_place
from evenload.secrets.parsing import parse_authorities, parse_parts, parse_revocations, parse_single, require_signed

MOST_OPENED = 1000
"""Some five kilobytes each."""
_PASSPHRASE = "private_key_passphrase"
PARTS = ("certificate", "private_key", "intermediates", _PASSPHRASE)
"""What is read of a container."""


class Keeper(Protocol):
    """Whatever keeps secrets. Both raise StoreUnavailable where nobody could look, and UnusableSecret where more can be
    said than that there is none."""

    def payload(self, identifier: str, project_id: str) -> SecretBytes | None:
        """None where there is none, or the project may not read it."""

    def parts(self, identifier: str, project_id: str) -> Mapping[str, str] | None:
        """The secrets of a container by their names there; None as above."""


class StoredCertificates:
    """Whether the project may read it, and what it holds, is asked each time; only what was opened before is not opened
    anew where the content is the same: to test a RSA key takes sixty milliseconds, and an agent asks right after the
    request that named it."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[tuple[str, str], ...], Bundle] = OrderedDict()

    def bundle(self, reference: str, project_id: str) -> Bundle:
        return self._bundle(_place(reference), project_id)

    def authorities(self, reference: str, project_id: str) -> Authorities:
        return parse_authorities(self._single(_place(reference), project_id))

    def revocations(self, reference: str, project_id: str) -> Revocations:
        return parse_revocations(self._single(_place(reference), project_id))

    def verify(self, revocations: Revocations, authorities: Authorities) -> None:
        require_signed(revocations.content, authorities.content)

    def read(self, identifier: str) -> SecretBytes:
        wanted = read_used_place(identifier)
        if wanted is None:
            raise SecretUnavailable(f"{identifier} names no secret.")
        try:
            match wanted.use:
                case SecretUse.BUNDLE:
                    return self._bundle(wanted.place, wanted.project_id).content
                case SecretUse.AUTHORITIES:
                    return parse_authorities(self._single(wanted.place, wanted.project_id)).content
                case SecretUse.REVOCATIONS:
                    return parse_revocations(self._single(wanted.place, wanted.project_id)).content
        except (UnusableSecret, StoreUnavailable) as error:
            raise SecretUnavailable(f"{wanted.place} cannot be read: {error}") from error

    def _bundle(self, place: Place, project_id: str) -> Bundle:
        if place.kind is PlaceKind.SECRET:
            content = self._payload(place, project_id)
            return self._open({"": content}, lambda: parse_single(content))
        named = self._keeper.parts(place.id, project_id)
        if named is None:
            raise _unreadable(place)
        found = {
            name: self._payload(Place(PlaceKind.SECRET, named[name]), project_id) for name in PARTS if name in named
        }
        certificate = found.get("certificate")
        if certificate is None:
            raise UnusableSecret(SecretFault.NO_CERTIFICATE, f"{place} has no secret called certificate.")
        return self._open(
            found,
            lambda: parse_parts(
                certificate=certificate,
                private_key=found.get("private_key"),
                intermediates=found.get("intermediates"),
                passphrase=found.get(_PASSPHRASE),
            ),
        )

    def _open(self, parts: Mapping[str, SecretBytes], parse: Callable[[], Bundle]) -> Bundle:
        key = tuple((name, content.fingerprint()) for name, content in parts.items())
        with self._lock:
            found = self._opened.get(key)
            if found is not None:
                self._opened.move_to_end(key)
                return found
        made = parse()
        with self._lock:
            self._opened[key] = made
            if len(self._opened) > MOST_OPENED:
                self._opened.popitem(last=False)
        return made

    def _single(self, place: Place, project_id: str) -> SecretBytes:
        if place.kind is not PlaceKind.SECRET:
            raise UnusableSecret(SecretFault.UNREADABLE, f"{place} is a container; a secret is expected here.")
        return self._payload(place, project_id)

    def _payload(self, place: Place, project_id: str) -> SecretBytes:
        found = self._keeper.payload(place.id, project_id)
        if found is None:
            raise _unreadable(place)
        return found


def _place(reference: str) -> Place:
    found = read_place(reference)
    if found is None:
        raise UnusableSecret(
            SecretFault.UNREADABLE,
            "It is no reference to a secret or container: …/v1/secrets/<id> or …/v1/containers/<id> is expected,"
            " not a name.",
        )
    return found


def _unreadable(place: Place) -> UnusableSecret:
    return UnusableSecret(
        SecretFault.UNREADABLE,
        f"Could not retrieve {place}: there is none that the project may read. It was deleted, has expired, or"
        " is another project's.",
    )
