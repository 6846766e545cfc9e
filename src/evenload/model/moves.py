"""Pools and members that go from one load balancer to another, as LBaaS v1 allows. Pure.

Two trees take part: the one that loses something and the one that gains it. A store has to write the loser first, since
an object stands in one tree at a time. What is being deleted does not move: it goes with the tree it is leaving.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from evenload.model.balancer import HealthMonitor, Item, LoadBalancer, Member, Pool, Record, listener_without_pools
from evenload.model.enums import ProvisioningStatus
from evenload.model.placement import alone_on
from evenload.model.status import initial_operating_status, is_monitored
from evenload.model.tree import Tree

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
    """Listeners that used the pool do so no more."""
    leaving = tree.descendants_of({pool_id})
    users = [
        replace(record, item=listener_without_pools(record.item, leaving)) for record in tree.listeners_of(pool_id)
    ]
    return tree.with_records(users).without(*leaving)


def with_pool(tree: Tree, parts: PoolParts) -> Tree:
    """The parts are new to this tree's generations; what was observed of them was observed elsewhere."""
    pool = replace(parts.pool, item=replace(parts.pool.item, load_balancer_id=tree.id))
    monitored = any(record.item.admin_state_up for record in parts.monitors)
    return tree.with_records(
        [
            _arrived(pool),
            *(_arrived(record, monitored) for record in parts.members),
            *(_arrived(record) for record in parts.monitors),
        ]
    )


def without_member(tree: Tree, member_id: str) -> Tree:
    return tree.without(member_id)


def with_member(tree: Tree, record: Record[Member], pool_id: str) -> Tree:
    moved = replace(record, item=replace(record.item, pool_id=pool_id))
    return tree.with_record(_arrived(moved, is_monitored(tree, pool_id)))


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
    empty = Tree(load_balancer=holder, generation=generation, placements=alone_on(agent, generation))

    def in_force(record: Record[R]) -> Record[R]:
        return replace(record, provisioning_status=ProvisioningStatus.ACTIVE, generation=generation, fault=None)

    tree = with_pool(empty, parts)
    return tree.stepped(in_force, tree.records())


def _arrived(record: Record[R], monitored: bool = False) -> Record[R]:
    status = initial_operating_status(record.item, monitored=monitored)
    return replace(record, generation=0, operating_status=status)
