"""Barbican as a keeper of secrets: fulfils ``reading.Keeper`` and ``interfaces.SecretAccess``.

The service's own user reads, for which every secret has to name him in its list of readers. So whoever names a secret
has to show first that he himself may read it, by his own token: he gets nothing through the service's rights. Where he
may also say who else reads it, the service's user is added, as Octavia does.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from evenload.model.certificate import SecretFault
from evenload.model.errors import KeeperUnavailable, StoreUnavailable, UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.model.secret_place import Place, PlaceKind, read_place
from evenload.secrets.barbican_client import BarbicanClient, Reply
from evenload.secrets.reading import PARTS

AT_ONCE = 4
"""Questions of one request, or one look at what is in use."""
_PATIENCE = 20.0
"""Seconds that one request may ask for."""
_FRESH = 15.0
"""Seconds for which an answer to the service's user is taken for what is there: whoever named the secret, the request
itself, and the agent ask one after the other."""
_MOST_FRESH = 1000
_GONE = frozenset({400, 404, 410})


class Barbican:
    """Of any thread."""

    def __init__(self, client: BarbicanClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._fresh: OrderedDict[str, tuple[Reply, float]] = OrderedDict()

    # ------------------------------------------------------------------------------------------------------- reading

    def payload(self, identifier: str, project_id: str) -> SecretBytes | None:
        """A payload never changes once it is there. The project was asked about when the secret was named."""
        place = Place(PlaceKind.SECRET, identifier)
        return self._own(place, self._read(place))

    def parts(self, identifier: str, project_id: str) -> Mapping[str, str] | None:
        place = Place(PlaceKind.CONTAINER, identifier)
        found = self._own(place, self._read(place))
        return None if found is None else _parts_of(Reply(200, found))

    def _own(self, place: Place, reply: Reply) -> SecretBytes | None:
        if reply.found:
            return reply.content
        if reply.status in _GONE:
            return None
        if reply.status == 403:
            raise UnusableSecret(SecretFault.UNREADABLE, self._unshared(place))
        raise StoreUnavailable(f"Barbican answers {reply.status} for {place}")

    def _unshared(self, place: Place) -> str:
        return (
            f"Could not retrieve {place}: the user of this service may not read it. Whoever owns it lets him:"
            f" openstack acl user add --user {self._client.user_id()} --operation-type read <its reference>."
        )

    def _read(self, place: Place, *, anew: bool = False) -> Reply:
        """As the service's own user."""
        path = _content_path(place)
        now = time.monotonic()
        with self._lock:
            kept = self._fresh.get(path)
        if kept is not None and now < kept[1] and not anew:
            return kept[0]
        reply = self._client.ask("GET", path)
        with self._lock:
            self._fresh.pop(path, None)
            if reply.found:
                self._fresh[path] = reply, now + _FRESH
                if len(self._fresh) > _MOST_FRESH:
                    self._fresh.popitem(last=False)
        return reply

    # ------------------------------------------------------------------------------------------------------ admitting

    def admit(self, token: str, references: Sequence[str]) -> dict[str, UnusableSecret]:
        deadline = time.monotonic() + _PATIENCE
        faults: dict[str, UnusableSecret] = {}

        def admitted(reference: str) -> UnusableSecret | None:
            place = read_place(reference)
            if place is None:
                return None  # whoever reads it says so
            if time.monotonic() > deadline:
                raise KeeperUnavailable("Barbican takes too long for so many secrets")
            try:
                self._admit(token, place)
            except UnusableSecret as error:
                return error
            return None

        named = list(dict.fromkeys(references))
        with _several(len(named)) as each:
            for reference, fault in zip(named, each.map(admitted, named), strict=True):
                if fault is not None:
                    faults[reference] = fault
        return faults

    def _admit(self, token: str, place: Place) -> None:
        """Raises UnusableSecret."""
        reply = self._as_user(token, place)
        for each in (place, *_places_of(place, reply)):
            if each is not place:
                self._as_user(token, each)
            if self._read(each, anew=True).status == 403:
                self._share(token, each)

    def _as_user(self, token: str, place: Place) -> Reply:
        """Raises UnusableSecret where he may not, or there is none: he learns no more than Barbican tells him."""
        reply = self._client.ask("GET", _content_path(place), token=token)
        if reply.found:
            return reply
        if reply.status in _GONE | {401, 403}:
            raise UnusableSecret(
                SecretFault.UNREADABLE,
                f"Could not retrieve {place}: there is none that the caller may read. It was deleted, has expired, or"
                " is kept from the caller.",
            )
        raise StoreUnavailable(f"Barbican answers {reply.status} for {place}")

    def _share(self, token: str, place: Place) -> None:
        """Lets the service's user read it, too, by the rights of whoever named it. Raises UnusableSecret."""
        reader = self._client.user_id()
        path = f"/{place}/acl"
        there = self._client.ask("GET", path, token=token)
        if there.found:
            known = there.json().get("read", {}).get("users", [])
            read = {"users": [*dict.fromkeys((*known, reader))]}
            there = self._client.ask("PATCH", path, {"read": read}, token=token)
        if not there.found or self._read(place, anew=True).status == 403:
            raise UnusableSecret(SecretFault.UNREADABLE, self._unshared(place))


@contextmanager
def _several(questions: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max(1, min(AT_ONCE, questions)), thread_name_prefix="barbican") as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _content_path(place: Place) -> str:
    return f"/{place}/payload" if place.kind is PlaceKind.SECRET else f"/{place}"


def _places_of(place: Place, reply: Reply) -> list[Place]:
    """The secrets of a container that are used."""
    if place.kind is PlaceKind.SECRET:
        return []
    return [Place(PlaceKind.SECRET, id) for name, id in _parts_of(reply).items() if name in PARTS]


def _parts_of(reply: Reply) -> dict[str, str]:
    """Name → id. Raises StoreUnavailable for what is no container of Barbican's."""
    found: Any = reply.json()
    parts = {}
    try:
        for each in found["secret_refs"]:
            place = read_place(each["secret_ref"])
            if place is not None and place.kind is PlaceKind.SECRET:
                parts[each.get("name") or ""] = place.id
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreUnavailable("Barbican answered with something that is no container") from error
    return parts
