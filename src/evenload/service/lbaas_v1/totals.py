"""What a pool of LBaaS v1 has counted in all: its totals never fall, whichever listeners come to it and leave it.

A listener counts for itself. A pool's totals are those of the listeners that use it and what is noted at the pool:
what earlier listeners have left to it, less what its present ones had counted for others before they came. So whoever
changes which listeners use a pool, by either API, notes here what that makes. Pure, but for ``kept`` and ``read``.
"""

from collections.abc import Mapping
from dataclasses import fields, replace

from evenload.interfaces.store import StatisticsPart
from evenload.model.balancer import Pool, Record, V1Pool
from evenload.model.desired import Statistics
from evenload.model.totals import Count, totals_of
from evenload.model.tree import Tree

Counts = Mapping[str, tuple[Count, ...]]
"""By listener id."""


def read_totals(transaction: StatisticsPart, tree: Tree, pool_id: str) -> Statistics:
    total = _noted(tree.pools[pool_id]) + counted_for(tree, pool_id, transaction.counts(tree.id))
    # Earlier versions let listeners go without a note.
    return Statistics(**{each.name: max(0, getattr(total, each.name)) for each in fields(Statistics)})


def counted_for(tree: Tree, pool_id: str, counts: Counts) -> Statistics:
    """What the listeners that use the pool have counted."""
    return sum((totals_of(counts.get(listener.id, ())) for listener in tree.listeners_of(pool_id)), Statistics())


def credited(record: Record[Pool], counted: Statistics, sign: int = 1) -> Record[Pool]:
    """The pool with that added to what is noted at it; ``sign`` -1: taken off."""
    v1 = record.v1
    if not isinstance(v1, V1Pool):
        return record
    noted = replace(
        v1,
        bytes_in=v1.bytes_in + sign * counted.bytes_in,
        bytes_out=v1.bytes_out + sign * counted.bytes_out,
        total_connections=v1.total_connections + sign * counted.total_connections,
    )
    return replace(record, v1=noted)


def with_credits(before: Tree, after: Tree, counts: Counts) -> Tree:
    """``after``, in which pools that stand in both trees have the totals that they had, though listeners have come or
    gone. ``counts``: of the listeners, before any of them goes."""
    changed = []
    for pool_id, (left, came) in _changed_users(before, after).items():
        record = after.pools[pool_id]
        for listener_id in left:
            record = credited(record, totals_of(counts.get(listener_id, ())))
        for listener_id in came:
            record = credited(record, totals_of(counts.get(listener_id, ())), sign=-1)
        changed.append(record)
    return after.with_records(changed) if changed else after


def kept(transaction: StatisticsPart, before: Tree, after: Tree) -> Tree:
    """As ``with_credits``; the counts are read where they are needed. To be called before ``after`` is written."""
    return with_credits(before, after, transaction.counts(before.id)) if _changed_users(before, after) else after


def _changed_users(before: Tree, after: Tree) -> dict[str, tuple[set[str], set[str]]]:
    """By pool of LBaaS v1: the listeners that use it no more, and those that use it now."""
    found = {}
    for pool_id, record in after.pools.items():
        if isinstance(record.v1, V1Pool) and pool_id in before.pools:
            former = {listener.id for listener in before.listeners_of(pool_id)}
            present = {listener.id for listener in after.listeners_of(pool_id)}
            if former != present:
                found[pool_id] = former - present, present - former
    return found


def _noted(record: Record[Pool]) -> Statistics:
    v1 = record.v1
    if not isinstance(v1, V1Pool):
        return Statistics()
    return Statistics(bytes_in=v1.bytes_in, bytes_out=v1.bytes_out, total_connections=v1.total_connections)
