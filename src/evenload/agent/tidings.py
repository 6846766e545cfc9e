"""What happened on the host that the server has yet to hear of: kept until a report, or monitoring, brings it there.

Bounded: what is alike is folded while it waits, and where the server is away for long the oldest go. A lost one does no
harm: nothing follows from an event.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace

from evenload.model.event import HostEvent

MOST = 500
"""Of a host."""


class Tidings:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[HostEvent] = []

    def note(self, *events: HostEvent) -> None:
        with self._lock:
            self._waiting = _folded([*self._waiting, *events])[-MOST:]

    def take(self, load_balancer_id: str | None = None) -> tuple[HostEvent, ...]:
        """What waits of that load balancer, or of all; it waits no more."""
        if not self._waiting:  # nearly always
            return ()
        with self._lock:
            taken = [each for each in self._waiting if load_balancer_id in (None, each.load_balancer_id)]
            self._waiting = [each for each in self._waiting if each not in taken]
        return tuple(taken)

    def put_back(self, events: Iterable[HostEvent]) -> None:
        """What could not be told."""
        with self._lock:
            self._waiting = _folded([*events, *self._waiting])[-MOST:]


def _folded(events: Iterable[HostEvent]) -> list[HostEvent]:
    """Of what is alike the last one stays, with how often it happened."""
    found: dict[tuple[object, ...], HostEvent] = {}
    for event in events:
        key = (event.load_balancer_id, event.kind, event.state, event.reason)
        former = found.pop(key, None)
        found[key] = event if former is None else replace(event, times=event.times + former.times)
    return list(found.values())
