"""Keeps what flaps from flooding: how many events of one kind of one object are told, and when the rest is.

The first ones are told one by one, later ones at most once in a while, with how often it happened since. What was held
back last is told in the end, so that the last event always says how things are.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from evenload.model.event import Event, EventKind

Key = tuple[EventKind, str | None]

BURST = 10
EVERY = 60.0
"""Seconds for one more."""
_ROOM = 10_000
"""Objects that are remembered; of those that were quiet longest nothing is held back any more."""


@dataclass(frozen=True, slots=True)
class _Account:
    """``left``: how many may be told, as it was ``at`` that moment. ``held``: the last one that was not, with all
    before it that were not."""

    left: float = BURST
    at: float = 0.0
    held: Event | None = None

    def at_moment(self, now: float) -> "_Account":
        return replace(self, left=min(BURST, self.left + max(0.0, now - self.at) / EVERY), at=now)

    def with_event(self, event: Event) -> tuple["_Account", Event | None]:
        """And what is to be told now, if anything is."""
        if self.held is not None:
            event = replace(event, times=event.times + self.held.times)
        if self.left < 1:
            return replace(self, held=event), None
        return replace(self, left=self.left - 1, held=None), event

    def released(self) -> tuple["_Account", Event | None]:
        """What was held back, where it may be told now."""
        if self.held is None or self.left < 1:
            return self, None
        return replace(self, left=self.left - 1, held=None), self.held


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
        told: list[Event] = []
        changes: dict[Key, _Change] = {}
        with self._lock:
            for event in events:
                key = event.key
                before = self._accounts.get(key)
                change = changes.get(key) or _Change(before, (before or _Account(at=now)).at_moment(now), None)
                after, shown = change.after.with_event(event)
                changes[key] = _Change(before, after, shown or change.told)
                if shown is not None:
                    told.append(shown)
        return Sifted(tuple(told), changes)

    def release(self, now: float) -> Sifted:
        """What was held back and may be told by now."""
        told: list[Event] = []
        changes: dict[Key, _Change] = {}
        with self._lock:
            for key, account in self._accounts.items():
                if account.held is not None:
                    after, shown = account.at_moment(now).released()
                    if shown is not None:
                        changes[key] = _Change(account, after, shown)
                        told.append(shown)
        return Sifted(tuple(told), changes)

    def note(self, sifted: Sifted) -> None:
        with self._lock:
            for key, change in sifted.changes.items():
                self._accounts[key] = change.noted(self._accounts.get(key))
                self._accounts.move_to_end(key)
            while len(self._accounts) > _ROOM:
                self._accounts.popitem(last=False)
