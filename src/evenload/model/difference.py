"""What has changed between two documents of one load balancer, for an agent that has the first of them.

A document is told by its edition, a number that the server has given to that very content: who has another edition, or
none, fetches the whole. So a difference that comes late, twice or not at all does no harm.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from evenload.model.balancer import Member
from evenload.model.desired import Desired
from evenload.model.tree import KINDS

CARRIED = tuple(line.carried_as for line in KINDS.values() if line.carried_as is not None)
"""The fields of ``Desired`` that hold objects with an id of their own."""

Children = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``since``: the edition of the document before. ``changed``: the document after, with those objects alone that are
    new or others than before. ``removed``: the ids of those that went."""

    since: int
    changed: Desired
    removed: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many objects it names."""
        return len(self.removed) + sum(len(getattr(self.changed, name)) for name in CARRIED)

    def applied_to(self, before: Desired) -> Desired | None:
        """The document after; what has not changed in it is the very same. None where ``before`` has another
        edition."""
        if not self.since or before.edition != self.since or before.id != self.changed.id:
            return None
        return _merged(before, self.changed, self.removed)

    def followed_by(self, later: "Difference") -> "Difference | None":
        """Both in one; None where ``later`` is about another document than that to which this one leads."""
        if not later.since or later.since != self.changed.edition:
            return None
        changed = _merged(self.changed, later.changed, later.removed)
        return Difference(since=self.since, changed=changed, removed=(*self.removed, *later.removed))


def difference_of(before: Desired, after: Desired) -> Difference:
    """Both of one load balancer; children that stand in both are in one and the same order."""
    found = {name: _changes(getattr(before, name), getattr(after, name)) for name in CARRIED}
    changed: dict[str, Any] = {name: others for name, (others, _) in found.items()}
    gone = tuple(identifier for _, ids in found.values() for identifier in ids)
    return Difference(since=before.edition, changed=replace(after, **changed), removed=gone)


def sharing(before: Desired, after: Desired) -> Desired:
    """The equal of ``after`` whose members are those of ``before`` where they are equal: what is made of a member is
    not made anew for an equal one."""
    known = {member.id: member for member in before.members}
    members = tuple(_same_if_equal(known.get(member.id), member) for member in after.members)
    return replace(after, members=members)


def _same_if_equal(former: Member | None, member: Member) -> Member:
    return former if former is not None and former == member else member


def _merged(before: Desired, after: Desired, gone: Collection[str]) -> Desired:
    removed = frozenset(gone)
    children: dict[str, Any] = {name: _united(getattr(before, name), getattr(after, name), removed) for name in CARRIED}
    return replace(after, **children)


def _united(before: Children, changed: Children, removed: frozenset[str]) -> Children:
    """Changed ones have their former places, new ones come last."""
    if not changed and not removed:
        return before
    by_id = {child.id: child for child in before if child.id not in removed}
    by_id.update({child.id: child for child in changed})
    return tuple(by_id.values())


def _changes(before: Children, after: Children) -> tuple[Children, list[str]]:
    """Those that are new or others, and the ids of those that went."""
    if len(before) == len(after):
        pairs = [(one, other) for one, other in zip(before, after, strict=True) if one is not other]
        if all(one.id == other.id for one, other in pairs):
            return tuple(other for one, other in pairs if one != other), []
    known = {child.id: child for child in before}
    others = tuple(child for child in after if known.get(child.id) is not child and known.get(child.id) != child)
    present = {child.id for child in after}
    return others, [identifier for identifier in known if identifier not in present]
