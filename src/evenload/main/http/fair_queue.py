"""Who is next: addresses take turns, and within one address the user names. Pure.

Whoever floods waits behind himself: one login from elsewhere waits for one of each other address, one by another name
from the same address for one of each of that address' names.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_Names = OrderedDict[str, deque[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many may wait: with one name from one address, from one address, in all."""

    name: int = 16
    address: int = 32
    all: int = 256


class FairQueue(Generic[T]):
    def __init__(self, room: Room) -> None:
        self._room = room
        self._addresses: OrderedDict[str, _Names[T]] = OrderedDict()

    def put(self, address: str, name: str, item: T) -> T | None:
        """Where there is no room, what gives way: the newest of the longest line, or ``item`` itself."""
        names = self._addresses.get(address, OrderedDict())
        own = len(names.get(name, ()))
        if own >= self._room.name:
            return item
        gone: T | None = None
        if _count(names) >= self._room.address:
            longest = max(names, key=lambda each: len(names[each]))
            if len(names[longest]) <= own + 1:
                return item
            gone = self._drop(address, longest)
        elif sum(map(_count, self._addresses.values())) >= self._room.all:
            fullest = max(self._addresses, key=lambda each: _count(self._addresses[each]))
            others = self._addresses[fullest]
            if _count(others) <= _count(names) + 1:
                return item
            gone = self._drop(fullest, max(others, key=lambda each: len(others[each])))
        self._addresses.setdefault(address, names).setdefault(name, deque()).append(item)
        return gone

    def take(self) -> T | None:
        """None where nobody waits."""
        if not self._addresses:
            return None
        address, names = next(iter(self._addresses.items()))
        name, line = next(iter(names.items()))
        item = line.popleft()
        names.move_to_end(name)
        self._addresses.move_to_end(address)
        self._tidy(address, name)
        return item

    def discard(self, address: str, name: str, item: T) -> None:
        """Quiet about one that waits no longer."""
        line = self._addresses.get(address, OrderedDict()).get(name, deque())
        if item in line:
            line.remove(item)
            self._tidy(address, name)

    def _drop(self, address: str, name: str) -> T:
        item = self._addresses[address][name].pop()
        self._tidy(address, name)
        return item

    def _tidy(self, address: str, name: str) -> None:
        names = self._addresses[address]
        if not names[name]:
            del names[name]
        if not names:
            del self._addresses[address]


def _count(names: _Names[T]) -> int:
    return sum(map(len, names.values()))
