"""Provisioning and operating status: the one transition table, and what a change or a report does to a tree.

Called by ``service`` with the tree that it is about to save. Pure: takes trees and moments, returns trees. A record
that does not change is returned as the same object, so that a store writes only what differs.

A generation numbers the changes of one load balancer. Whatever a change touches or locks is given its generation, so
that the report of an earlier generation can never pass for the answer to a later change.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Protocol, TypeVar

from evenload.model.balancer import HealthMonitor, Item, Member, Record, Tree
from evenload.model.desired import Health
from evenload.model.enums import OperatingStatus, ProvisioningStatus

R = TypeVar("R", bound=Item)


class Event(Enum):
    CHANGE = "change"
    """Asked for by a caller: of the object itself, or of something that it has to follow."""
    DELETE = "delete"
    APPLIED = "applied"
    GIVEN_UP = "given up"


TRANSITIONS: Mapping[tuple[ProvisioningStatus, Event], ProvisioningStatus] = {
    (ProvisioningStatus.PENDING_CREATE, Event.CHANGE): ProvisioningStatus.PENDING_CREATE,
    (ProvisioningStatus.PENDING_UPDATE, Event.CHANGE): ProvisioningStatus.PENDING_UPDATE,
    (ProvisioningStatus.ACTIVE, Event.CHANGE): ProvisioningStatus.PENDING_UPDATE,
    (ProvisioningStatus.ERROR, Event.CHANGE): ProvisioningStatus.PENDING_UPDATE,
    (ProvisioningStatus.PENDING_CREATE, Event.DELETE): ProvisioningStatus.PENDING_DELETE,
    (ProvisioningStatus.PENDING_UPDATE, Event.DELETE): ProvisioningStatus.PENDING_DELETE,
    (ProvisioningStatus.PENDING_DELETE, Event.DELETE): ProvisioningStatus.PENDING_DELETE,
    (ProvisioningStatus.ACTIVE, Event.DELETE): ProvisioningStatus.PENDING_DELETE,
    (ProvisioningStatus.ERROR, Event.DELETE): ProvisioningStatus.PENDING_DELETE,
    (ProvisioningStatus.PENDING_CREATE, Event.APPLIED): ProvisioningStatus.ACTIVE,
    (ProvisioningStatus.PENDING_UPDATE, Event.APPLIED): ProvisioningStatus.ACTIVE,
    (ProvisioningStatus.ACTIVE, Event.APPLIED): ProvisioningStatus.ACTIVE,
    (ProvisioningStatus.ERROR, Event.APPLIED): ProvisioningStatus.ACTIVE,
    (ProvisioningStatus.PENDING_CREATE, Event.GIVEN_UP): ProvisioningStatus.ERROR,
    (ProvisioningStatus.PENDING_UPDATE, Event.GIVEN_UP): ProvisioningStatus.ERROR,
    (ProvisioningStatus.PENDING_DELETE, Event.GIVEN_UP): ProvisioningStatus.ERROR,
    (ProvisioningStatus.ACTIVE, Event.GIVEN_UP): ProvisioningStatus.ACTIVE,
    (ProvisioningStatus.ERROR, Event.GIVEN_UP): ProvisioningStatus.ERROR,
}
"""What is missing cannot happen: deletion is final (no change), and what is deleted and applied is gone."""

PENDING = frozenset(
    {ProvisioningStatus.PENDING_CREATE, ProvisioningStatus.PENDING_UPDATE, ProvisioningStatus.PENDING_DELETE}
)


def is_pending(record: Record[Item]) -> bool:
    return record.provisioning_status in PENDING


# ---------------------------------------------------------------------------------------- what callers ask for


def locked_with(tree: Tree, identifiers: Collection[str]) -> set[str]:
    """The objects and what follows a change of theirs: the load balancer, the pool of a member or monitor, and the
    listeners that use the pool."""
    locked = {tree.id, *identifiers}
    pools = {identifier for identifier in identifiers if identifier in tree.pools}
    pools.update(tree.members[key].item.pool_id for key in identifiers if key in tree.members)
    pools.update(tree.monitors[key].item.pool_id for key in identifiers if key in tree.monitors)
    locked |= pools
    locked.update(key for key, record in tree.listeners.items() if record.item.default_pool_id in pools)
    return locked


def going_with(tree: Tree, identifier: str) -> set[str]:
    """What is deleted together with the object, itself included."""
    if identifier == tree.id:
        return {record.id for record in tree.records()}
    going = {identifier}
    if identifier in tree.pools:
        going.update(key for key, record in tree.members.items() if record.item.pool_id == identifier)
        going.update(key for key, record in tree.monitors.items() if record.item.pool_id == identifier)
    return going


def advance(tree: Tree, *, now: datetime, changed: Collection[str] = (), deleted: Collection[str] = ()) -> Tree:
    """The tree at its next generation, with ``changed`` and ``deleted`` (and what they lock) marked as pending.

    Records made for this generation, which carry its number already, stay as they are. What is being deleted stays
    that, unless it is named in ``deleted`` itself. Of a tree on no host everything is in force at once.
    """
    generation = tree.generation + 1
    gone = set(deleted)
    locked = locked_with(tree, [*changed, *deleted]) - gone

    def step(record: Record[R]) -> Record[R]:
        if record.id in gone:
            event = Event.DELETE
        elif record.id in locked and not record.deleting and record.generation < generation:
            event = Event.CHANGE
        else:
            return record
        return replace(
            record,
            provisioning_status=TRANSITIONS[record.provisioning_status, event],
            generation=generation,
            deleting=record.deleting or event is Event.DELETE,
            fault=None,
            updated_at=now,
        )

    advanced = replace(_each(tree, step), generation=generation)
    if tree.hosted:
        return advanced
    return applied(advanced, generation) or advanced


def removed(tree: Tree, identifier: str, *, now: datetime) -> Tree:
    """The tree with an object of it, and all that goes with that, on the way out.

    The same tree where that is so already. What failed to be removed is tried anew, as a change of its own.
    """
    record = tree.get(identifier)
    if record is None or (record.deleting and is_pending(record)):
        return tree
    users = {} if identifier == tree.id else {used.id: used for used in tree.listeners_of(identifier)}
    detached = {key: replace(used, item=replace(used.item, default_pool_id=None)) for key, used in users.items()}
    tree = replace(tree, listeners={**tree.listeners, **detached})
    return advance(tree, now=now, changed=detached, deleted=going_with(tree, identifier))


def watched(tree: Tree, pool_id: str) -> bool:
    """Whether a health monitor checks the members of the pool, or is going to."""
    return any(
        record.item.pool_id == pool_id and record.item.admin_state_up and not record.deleting
        for record in tree.monitors.values()
    )


# -------------------------------------------------------------------------------------------- what agents answer


def applied(tree: Tree, generation: int) -> Tree | None:
    """The tree after its agent has brought the host to that generation; None: the load balancer is gone."""
    if tree.load_balancer.deleting and tree.load_balancer.generation <= generation:
        return None
    gone = {record.id for record in tree.records() if record.deleting and record.generation <= generation}
    unwatched = {
        record.item.pool_id
        for record in tree.monitors.values()
        if record.id in gone and not watched(tree, record.item.pool_id)
    }

    def step(record: Record[R]) -> Record[R] | None:
        item = record.item
        if record.id in gone or (isinstance(item, Member | HealthMonitor) and item.pool_id in gone):
            return None
        result = record
        if record.generation <= generation and not record.deleting:
            if record.provisioning_status is not ProvisioningStatus.ACTIVE or record.fault is not None:
                status = TRANSITIONS[record.provisioning_status, Event.APPLIED]
                result = replace(result, provisioning_status=status, fault=None)
            result = with_operating_status(result, _operating_when_applied(record))
        if isinstance(item, Member) and item.pool_id in unwatched and item.admin_state_up:
            result = with_operating_status(result, OperatingStatus.NO_MONITOR)
        return result

    return _each(replace(tree, applied_generation=max(tree.applied_generation, generation)), step)


def given_up(tree: Tree, generation: int, reason: str) -> Tree:
    """The tree after its agent has given up on that generation. Which change was at fault is unknown, so everything
    that is pending since the last applied generation has failed."""

    def step(record: Record[R]) -> Record[R]:
        if not (is_pending(record) and tree.applied_generation < record.generation <= generation):
            return record
        failed = replace(
            record, provisioning_status=TRANSITIONS[record.provisioning_status, Event.GIVEN_UP], fault=reason
        )
        if isinstance(record.item, HealthMonitor):
            return with_operating_status(failed, OperatingStatus.OFFLINE)
        return failed

    return _each(tree, step)


def delayed(tree: Tree, generation: int, reason: str) -> Tree:
    """The tree after an attempt that is going to be repeated: still pending, with the reason noted."""

    def step(record: Record[R]) -> Record[R]:
        waits = is_pending(record) and tree.applied_generation < record.generation <= generation
        return replace(record, fault=reason) if waits and record.fault != reason else record

    return _each(tree, step)


def seen(tree: Tree, health: Health) -> Tree:
    """The tree with the operating statuses that its agent saw. A monitor's is not taken from the data plane; what is
    disabled, and applied as such, is OFFLINE whatever was seen."""

    def step(record: Record[R]) -> Record[R]:
        status = health.statuses.get(record.id)
        if status is None or isinstance(record.item, HealthMonitor):
            return record
        if not record.item.admin_state_up and not is_pending(record):
            status = OperatingStatus.OFFLINE
        return with_operating_status(record, status)

    return _each(tree, step)


def initial_operating_status(item: Item, *, monitored: bool = False) -> OperatingStatus:
    """``monitored``: a member's pool has a health monitor."""
    if isinstance(item, Member) and item.admin_state_up and not monitored:
        return OperatingStatus.NO_MONITOR
    return OperatingStatus.OFFLINE


def with_operating_status(record: Record[R], status: OperatingStatus | None) -> Record[R]:
    if status is None or record.operating_status is status:
        return record
    return replace(record, operating_status=status)


def _operating_when_applied(record: Record[Item]) -> OperatingStatus | None:
    """What is known without looking: disabled objects, and monitors, which no data plane reports on."""
    if not record.item.admin_state_up:
        return OperatingStatus.OFFLINE
    return OperatingStatus.ONLINE if isinstance(record.item, HealthMonitor) else None


class _Step(Protocol):
    def __call__(self, record: Record[R], /) -> Record[R] | None: ...


def _each(tree: Tree, step: _Step) -> Tree:
    """Every record taken through one step; children for which it gives None are left out."""
    load_balancer = step(tree.load_balancer) or tree.load_balancer
    return replace(
        tree,
        load_balancer=load_balancer,
        listeners=_stepped(tree.listeners, step),
        pools=_stepped(tree.pools, step),
        members=_stepped(tree.members, step),
        monitors=_stepped(tree.monitors, step),
    )


def _stepped(records: dict[str, Record[R]], step: _Step) -> dict[str, Record[R]]:
    results = ((key, step(record)) for key, record in records.items())
    return {key: record for key, record in results if record is not None}
