"""When certificates in use expire. What is asked for more often than once a minute comes from the last look."""

import threading
from collections.abc import Callable, Iterator

from evenload.interfaces.store import UnitOfWork
from evenload.main.metrics.exposition import Value
from evenload.model.enums import Kind
from evenload.service.expiries import Expiry, read_expiries

MOST_CERTIFICATES = 2000
"""Series; those that expire first."""
LOOK_EVERY = 60.0
"""Seconds: a look reads every load balancer with TLS."""


class Certificates:
    """May be used from any thread."""

    def __init__(self, uow: UnitOfWork, monotonic: Callable[[], float]) -> None:
        self._uow = uow
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._found: list[Expiry] = []

    def values(self) -> tuple[list[Value], int]:
        """What is shown, and how many are not. Raises StoreUnavailable: an old number would say that all is well."""
        with self._lock:
            now = self._monotonic()
            if self._looked is None or now - self._looked >= LOOK_EVERY:
                self._looked = None
                self._found = read_expiries(self._uow)
                self._looked = now
            found = self._found
        return list(_values(found[:MOST_CERTIFICATES])), max(0, len(found) - MOST_CERTIFICATES)


def _values(shown: list[Expiry]) -> Iterator[Value]:
    """Of several with equal labels the one that expires first."""
    found = {_labels_of(each): each.not_after.timestamp() for each in reversed(shown)}
    for labels, moment in reversed(found.items()):
        yield labels, (moment,)


def _labels_of(each: Expiry) -> tuple[str, ...]:
    owner = (each.id, each.name)
    places = (*owner, "", "") if each.kind is Kind.LISTENER else ("", "", *owner)
    return (each.load_balancer_id, each.load_balancer_name, *places, each.subject)
