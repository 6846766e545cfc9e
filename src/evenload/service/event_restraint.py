"""Keeps what flaps from flooding: how many events of one kind of one object are told, and when the rest is.

The first ones are told one by one, later ones at most once in a while, with how often it happened since. What was held
back last is told in the end, so that the last event always says how things are. The parts of one load balancer have
besides a bound in common: else one with many parts that flap would soon have pushed out all that is kept of others.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from evenload.model.event import Event, EventKind

Key = tuple[EventKind, str | None]

BURST = 10
EVERY = 60.0
"""Seconds for one more."""
BURST_OF_PARTS = 200
EVERY_OF_PARTS = 2.0
_ROOM = 10_000
"""Objects that are remembered; of those that were quiet longest nothing is held back any more."""


@dataclass(frozen=True, slots=True)
class _Pace:
    burst: int
    every: float


_OF_ONE = _Pace(BURST, EVERY)
_OF_PARTS = _Pace(BURST_OF_PARTS, EVERY_OF_PARTS)


@dataclass(frozen=True, slots=True)
class _Account:
    """``left``: how many may be told, as it was ``at`` that moment. ``held``: the last one that was not, with all
    before it that were not."""

    pace: _Pace
    left: float
    at: float
    held: Event | None = None

    def at_moment(self, now: float) -> "_Account":
        gained = max(0.0, now - self.at) / self.pace.every
        return replace(self, left=min(self.pace.burst, self.left + gained), at=now)

    def has_room(self) -> bool:
        return self.left >= 1

    def spent(self) -> "_Account":
        return replace(self, left=self.left - 1, held=None)

    def with_event(self, event: Event) -> Event:
        """It, with all that was held back before."""
        return event if self.held is None else replace(event, times=event.times + self.held.times)


@dataclass(frozen=True, slots=True)
class _Change:
    """Of one account. ``told``: the last one that is to be written."""

    before: _Account | None
    after: _Account
    told: Event | None

    def noted(self, known: _Account | None) -> _Account:
        """``known``: what is remembered by now, which another transaction may have changed meanwhile. What that one
        holds back is not lost, unless it is older than what was told."""
        if known is None or known is self.before:
            return self.after
        before = None if self.before is None else self.before.held
        held = self.after.held
        if held is None and known.held is not before and known.held is not None:
            held = known.held if self.told is None or known.held.at >= self.told.at else None
        return replace(self.after, left=min(known.left, self.after.left), held=held)


@dataclass(frozen=True, slots=True)
class Sifted:
    """``told``: what is to be written. ``changes``: what is to be remembered once it is."""

    told: tuple[Event, ...]
    changes: dict[Key, _Change]


NOTHING = Sifted((), {})


class Restraint:
    """``sift`` and ``release`` change nothing: the transaction that they are for may be run again. ``note`` does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: OrderedDict[Key, _Account] = OrderedDict()

    def sift(self, events: Iterable[Event], now: float) -> Sifted:
        """``now``: seconds of a clock that never goes back."""
        with self._lock:
            sifting = _Sifting(self._accounts, now)
            for event in events:
                sifting.take(event)
        return sifting.result()

    def release(self, now: float) -> Sifted:
        """What was held back and may be told by now."""
        with self._lock:
            sifting = _Sifting(self._accounts, now)
            for account in self._accounts.values():
                if account.held is not None:
                    sifting.release(account.held)
        return sifting.result()

    def note(self, sifted: Sifted) -> None:
        with self._lock:
            for key, change in sifted.changes.items():
                self._accounts[key] = change.noted(self._accounts.get(key))
                self._accounts.move_to_end(key)
            while len(self._accounts) > _ROOM:
                self._accounts.popitem(last=False)


class _Sifting:
    """One pass; what is known is only read."""

    def __init__(self, known: Mapping[Key, _Account], now: float) -> None:
        self._known = known
        self._now = now
        self._told: list[Event] = []
        self._changes: dict[Key, _Change] = {}

    def take(self, event: Event) -> None:
        account = self._account(event.key, _OF_ONE)
        event = account.with_event(event)
        if not self._tell(event, account):
            self._change(event.key, replace(account, held=event))

    def release(self, held: Event) -> None:
        self._tell(held, self._account(held.key, _OF_ONE))

    def result(self) -> Sifted:
        return Sifted(tuple(self._told), self._changes)

    def _tell(self, event: Event, account: _Account) -> bool:
        """Where there is room for it."""
        key = _key_of_parts(event)
        parts = None if key is None else self._account(key, _OF_PARTS)
        if not account.has_room() or (parts is not None and not parts.has_room()):
            return False
        if key is not None and parts is not None:
            self._change(key, parts.spent())
        self._change(event.key, account.spent(), event)
        self._told.append(event)
        return True

    def _account(self, key: Key, pace: _Pace) -> _Account:
        change = self._changes.get(key)
        if change is not None:
            return change.after
        known = self._known.get(key)
        return _Account(pace, pace.burst, self._now) if known is None else known.at_moment(self._now)

    def _change(self, key: Key, after: _Account, told: Event | None = None) -> None:
        former = self._changes.get(key)
        if former is None:
            self._changes[key] = _Change(self._known.get(key), after, told)
        else:
            self._changes[key] = replace(former, after=after, told=told or former.told)


def _key_of_parts(event: Event) -> Key | None:
    """Of all parts of a load balancer together; None for what nobody has to hold back: changes are made one by one."""
    if event.kind is not EventKind.OPERATING or event.object_id is None:
        return None
    return event.kind, f"parts of {event.load_balancer_id}"
