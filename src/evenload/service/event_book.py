"""Where events go: into the database with the change that they tell of, and into the log once that is committed.

A use case calls ``enter`` inside its transaction, which may be run again, and ``close`` with what that returned after
the commit. ``main`` calls ``sweep`` every few seconds: it tells what was held back, and removes what is old.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from evenload.interfaces.clock import Clock
from evenload.interfaces.store import EventPart, UnitOfWork
from evenload.model.event import Event, EventQuery, Weight, sentence
from evenload.service.event_restraint import Restraint, Sifted

log = structlog.get_logger(__name__)

_AT_ONCE = 500
"""Rows that are removed in one transaction: nobody waits long behind that."""
_PIECES = 20
"""Such transactions in one sweep."""
_REMOVE_EVERY = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """``keep``: how many events at most. ``keep_for``: and for how long."""

    keep: int = 100_000
    keep_for: timedelta = timedelta(days=30)


class EventBook:
    """May be used from any thread."""

    def __init__(self, clock: Clock, settings: EventSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or EventSettings()
        self._restraint = Restraint()
        self._next_removal = 0.0

    def enter(self, transaction: EventPart, events: Iterable[Event]) -> Sifted:
        """Writes what is to be told of these."""
        sifted = self._restraint.sift(events, self._clock.monotonic())
        if sifted.told:
            transaction.insert_events(sifted.told)
        return sifted

    def close(self, entry: Sifted, *, logged: bool = True) -> None:
        """After the commit of what ``enter`` has written. ``logged`` False: the log has it in other words."""
        self._restraint.note(entry)
        for event in entry.told if logged else ():
            log_event(event)

    def sweep(self, uow: UnitOfWork) -> None:
        """Raises StoreUnavailable."""
        held = self._restraint.release(self._clock.monotonic())
        if held.told:
            uow.write(lambda transaction: transaction.insert_events(held.told))
            self.close(held)
        if self._clock.monotonic() >= self._next_removal:
            self._next_removal = self._clock.monotonic() + _REMOVE_EVERY
            self._remove_old(uow)

    def _remove_old(self, uow: UnitOfWork) -> None:
        before = self._clock.now() - self._settings.keep_for
        with uow.read() as transaction:
            oldest = transaction.events(EventQuery(limit=1, after=0))
            newest = transaction.events(EventQuery(limit=1))
        if not oldest or (
            oldest[0].event.at >= before and newest[0].position - oldest[0].position < self._settings.keep
        ):
            return
        for _ in range(_PIECES):
            gone = uow.write(
                lambda transaction: transaction.remove_events(before=before, keep=self._settings.keep, most=_AT_ONCE)
            )
            if gone < _AT_ONCE:
                return


def log_event(event: Event) -> None:
    """One line. What is not said of an event is left out."""
    write = {Weight.NOTE: log.info, Weight.WARNING: log.warning, Weight.ERROR: log.error}[event.weight]
    kind = event.object_kind
    fields = {
        "kind": event.kind.value,
        "load_balancer": event.load_balancer_id,
        kind.value if kind is not None else "object": event.object_id,
        "project": event.project_id,
        "agent": event.agent,
    }
    write(sentence(event), **{name: value for name, value in fields.items() if value})
