"""Pools and members that go from one load balancer to another, as LBaaS v1 allows. Pure; called by ``service``.

Two trees take part: the one that loses something and the one that gains it. A store has to write the loser first, since
an object stands in one tree at a time. What is being deleted does not move: it goes with the tree it is leaving.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from evenload.model.balancer import HealthMonitor, Item, LoadBalancer, Member, Pool, Record, Tree
from evenload.model.enums import ProvisioningStatus
from evenload.model.status import initial_operating_status, watched

R = TypeVar("R", bound=Item)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolParts:
    """A pool with all that goes where it goes."""

    pool: Record[Pool]
    members: tuple[Record[Member], ...] = ()
    monitors: tuple[Record[HealthMonitor], ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.pool.id, *(record.id for record in self.members), *(record.id for record in self.monitors))


def parts_of(tree: Tree, pool_id: str) -> PoolParts:
    return PoolParts(
        pool=tree.pools[pool_id],
        members=tuple(record for record in tree.members_of(pool_id) if not record.deleting),
        monitors=tuple(record for record in tree.monitors_of(pool_id) if not record.deleting),
    )


def without_pool(tree: Tree, pool_id: str) -> Tree:
    """Listeners that used the pool have no default pool any more."""
    listeners = {
        key: replace(record, item=replace(record.item, default_pool_id=None))
        if record.item.default_pool_id == pool_id
        else record
        for key, record in tree.listeners.items()
    }
    return replace(
        tree,
        listeners=listeners,
        pools=_less(tree.pools, {pool_id}),
        members=_less(tree.members, {record.id for record in tree.members_of(pool_id)}),
        monitors=_less(tree.monitors, {record.id for record in tree.monitors_of(pool_id)}),
    )


def with_pool(tree: Tree, parts: PoolParts) -> Tree:
    """The parts are new to this tree's generations; what was seen of them was seen elsewhere."""
    pool = replace(parts.pool, item=replace(parts.pool.item, load_balancer_id=tree.id))
    watched_now = any(record.item.admin_state_up for record in parts.monitors)
    return replace(
        tree,
        pools={**tree.pools, pool.id: _arrived(pool)},
        members={**tree.members, **{record.id: _arrived(record, watched_now) for record in parts.members}},
        monitors={**tree.monitors, **{record.id: _arrived(record) for record in parts.monitors}},
    )


def without_member(tree: Tree, member_id: str) -> Tree:
    return replace(tree, members=_less(tree.members, {member_id}))


def with_member(tree: Tree, record: Record[Member], pool_id: str) -> Tree:
    moved = replace(record, item=replace(record.item, pool_id=pool_id))
    return replace(tree, members={**tree.members, record.id: _arrived(moved, watched(tree, pool_id))})


def tree_for(
    identifier: str, parts: PoolParts, *, agent: str, provider: str, now: datetime, generation: int = 1
) -> Tree:
    """A load balancer on no host that holds the pool, all of it in force."""
    project_id = parts.pool.project_id
    holder = Record(
        item=LoadBalancer(id=identifier, provider=provider),
        project_id=project_id,
        provisioning_status=ProvisioningStatus.ACTIVE,
        generation=generation,
        created_at=now,
    )
    empty = Tree(load_balancer=holder, agent=agent, generation=generation, applied_generation=generation)
    tree = with_pool(empty, parts)
    return replace(
        tree,
        pools=_in_force(tree.pools, generation),
        members=_in_force(tree.members, generation),
        monitors=_in_force(tree.monitors, generation),
    )


def _arrived(record: Record[R], monitored: bool = False) -> Record[R]:
    status = initial_operating_status(record.item, monitored=monitored)
    return replace(record, generation=0, operating_status=status)


def _in_force(records: dict[str, Record[R]], generation: int) -> dict[str, Record[R]]:
    return {
        key: replace(record, provisioning_status=ProvisioningStatus.ACTIVE, generation=generation, fault=None)
        for key, record in records.items()
    }


def _less(records: dict[str, Record[R]], identifiers: Collection[str]) -> dict[str, Record[R]]:
    return {key: record for key, record in records.items() if key not in identifiers}
