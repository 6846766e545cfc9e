"""The places of a listener's L7 policies: 1 to n without a gap. Pure. Policies that are being deleted have none."""

from collections.abc import Sequence
from dataclasses import replace

from evenload.model.tree import Tree


def inserted(order: Sequence[str], identifier: str, wanted: int | None) -> list[str]:
    """The ids in order, with this one at the place wanted, counted from 1; at the end where that is beyond it, or
    None."""
    others = [each for each in order if each != identifier]
    at = len(others) if wanted is None else min(wanted - 1, len(others))
    return [*others[:at], identifier, *others[at:]]


def with_policy_at(tree: Tree, policy_id: str, wanted: int | None) -> Tree:
    """The others make room and close the gap."""
    listener_id = tree.policies[policy_id].item.listener_id
    return _numbered(tree, inserted(_living(tree, listener_id), policy_id, wanted))


def closed_up(tree: Tree, listener_id: str) -> Tree:
    """Without the gap of a policy that goes."""
    return _numbered(tree, _living(tree, listener_id))


def _living(tree: Tree, listener_id: str) -> list[str]:
    return [record.id for record in tree.policies_of(listener_id) if not record.deleting]


def _numbered(tree: Tree, order: Sequence[str]) -> Tree:
    records = ((tree.policies[identifier], place) for place, identifier in enumerate(order, 1))
    moved = [
        replace(record, item=replace(record.item, place=place))
        for record, place in records
        if record.item.place != place
    ]
    return tree.with_records(moved) if moved else tree
