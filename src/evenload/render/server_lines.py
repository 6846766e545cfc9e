"""The lines of servers as they were rendered last, so that those of members that stay as they were are not put together
anew at every change of another. What is kept never changes a text.
"""

import hashlib
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from evenload.model.balancer import Member

FEW = 20
"""Members, of which nothing is kept."""
_REMEMBERED = 8192
_IDS = 1 << 20
FROM_BACKUP = f"srv_id ge {_IDS}"
"""A backup member's number is this or more, so that rules can tell who answered; the hash sees no more bits."""

Render = Callable[[Member, int], str]
"""The line of a member and its number."""


@dataclass(frozen=True, slots=True)
class _Kept:
    terms: Hashable
    members: tuple[Member, ...]
    numbers: Mapping[str, int]
    lines: list[str]


class ServerLines:
    """Of one load balancer. Not for several threads at once."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, backend: str, terms: Hashable, members: tuple[Member, ...], render: Render) -> list[str]:
        """In the order of the members. ``terms``: whatever else the lines are made of; where it is another, all are
        rendered."""
        if len(members) < FEW:
            numbers = number_servers(members)
            return [render(member, numbers[member.id]) for member in members]
        kept = self._kept.get(backend)
        now = _anew(terms, members, render) if kept is None or kept.terms != terms else _renewed(kept, members, render)
        self._kept[backend] = now
        return now.lines

    def keep_only(self, backends: Collection[str]) -> None:
        for gone in self._kept.keys() - backends:
            del self._kept[gone]


def number_servers(members: tuple[Member, ...]) -> dict[str, int]:
    """By the member's own id alone, 1 to 2^20 - 1 (the hash looks at no more bits), unless two fall together; 2^20 more
    for a backup member. It places the server in a consistent hash: it must not depend on when the server came."""
    taken: dict[int, str] = {}
    for identifier in sorted(member.id for member in members):
        number = _first_number(identifier)
        while number in taken:
            number = number % (_IDS - 1) + 1
        taken[number] = identifier
    backups = {member.id for member in members if member.backup}
    return {identifier: number + _IDS * (identifier in backups) for number, identifier in taken.items()}


def _anew(terms: Hashable, members: tuple[Member, ...], render: Render) -> _Kept:
    numbers = number_servers(members)
    return _Kept(terms, members, numbers, [render(member, numbers[member.id]) for member in members])


def _renewed(kept: _Kept, members: tuple[Member, ...], render: Render) -> _Kept:
    """Members are compared by identity: who brings equal ones as other objects has their lines rendered."""
    if len(members) != len(kept.members):
        return _renumbered(kept, members, render)
    others = [place for place, pair in enumerate(zip(kept.members, members, strict=True)) if pair[0] is not pair[1]]
    if any(_numbered_by(kept.members[place]) != _numbered_by(members[place]) for place in others):
        return _renumbered(kept, members, render)
    lines = kept.lines.copy()
    for place in others:
        lines[place] = render(members[place], kept.numbers[members[place].id])
    return _Kept(kept.terms, members, kept.numbers, lines)


def _renumbered(kept: _Kept, members: tuple[Member, ...], render: Render) -> _Kept:
    numbers = number_servers(members)
    known = {id(member): line for member, line in zip(kept.members, kept.lines, strict=True)}
    lines = [
        known[id(member)]
        if id(member) in known and numbers[member.id] == kept.numbers[member.id]
        else render(member, numbers[member.id])
        for member in members
    ]
    return _Kept(kept.terms, members, numbers, lines)


@lru_cache(maxsize=_REMEMBERED)
def _first_number(identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:4]) % (_IDS - 1) + 1


def _numbered_by(member: Member) -> tuple[str, bool]:
    return member.id, member.backup
