"""Provisioning and operating status: the one transition table, and what a change or a report does to a tree.

Pure: takes trees and moments, returns trees. A record
that does not change is returned as the same object, so that a store writes only what differs.

A generation numbers the changes of one load balancer. Whatever a change touches or locks is given its generation, so
that the report of an earlier generation can never pass for the answer to a later change.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import TypeVar

from evenload.model.balancer import AnyRecord, HealthMonitor, Item, Member, Record, listener_without_pools
from evenload.model.desired import Health
from evenload.model.enums import OperatingStatus, ProvisioningStatus
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.placement import applied_by_all, with_applied
from evenload.model.tree import Tree, differing, parents_of

R = TypeVar("R", bound=Item)

_UNSEEN = (HealthMonitor, L7Policy, L7Rule)
"""What has no operating status of its own in the data plane."""

LONGEST_FAULT = 1000
"""Characters of a reason that are kept: people read it, and every database has room for it."""


class Event(Enum):
    CHANGE = "change"
    """Asked for by a caller: of the object itself, or of something that it has to follow."""
    DELETE = "delete"
    APPLIED = "applied"
    GIVEN_UP = "given up"
    LOST = "lost"
    """Its host cannot do any more what it has done before."""


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
    (ProvisioningStatus.ACTIVE, Event.LOST): ProvisioningStatus.ERROR,
    (ProvisioningStatus.ERROR, Event.LOST): ProvisioningStatus.ERROR,
}
"""What is missing cannot happen: deletion is final (no change), and what is deleted and applied is gone."""


def has_operating_status(item: Item) -> bool:
    """One of its own, which the data plane shows."""
    return not isinstance(item, _UNSEEN)


PENDING = frozenset(
    {ProvisioningStatus.PENDING_CREATE, ProvisioningStatus.PENDING_UPDATE, ProvisioningStatus.PENDING_DELETE}
)


def is_pending(record: Record[Item]) -> bool:
    return record.provisioning_status in PENDING


# ---------------------------------------------------------------------------------------- what callers ask for


def locked_with(tree: Tree, identifiers: Collection[str]) -> set[str]:
    """The objects and what follows a change of theirs: everything that they are parts of, up to the load balancer, and
    the listeners that use one of these pools."""
    locked = {tree.id, *identifiers}
    found = [record for record in map(tree.get, identifiers) if record is not None]
    while found:
        above = {parent for record in found for parent in parents_of(record.item)} - locked
        locked |= above
        found = [record for record in map(tree.get, above) if record is not None]
    pools = locked & tree.pools.keys()
    locked.update(record.id for pool_id in pools for record in tree.listeners_of(pool_id))
    locked.update(record.item.listener_id for pool_id in pools for record in tree.policies_to(pool_id))
    return locked


def advance(tree: Tree, *, now: datetime, changed: Collection[str] = (), deleted: Collection[str] = ()) -> Tree:
    """The tree at its next generation, with ``changed`` and ``deleted`` (and what they lock) marked as pending.

    Records made for this generation, which carry its number already, stay as they are. What is being deleted stays
    that, unless it is named in ``deleted`` itself. Of a tree on no host everything is in force at once.
    """
    generation = tree.generation + 1
    gone = set(deleted)
    locked = locked_with(tree, {*changed, *deleted}) - gone

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

    advanced = replace(tree.stepped(step, _existing(tree, gone | locked)), generation=generation)
    if tree.hosted:
        return advanced
    everywhere = tuple(replace(placement, applied_generation=generation) for placement in advanced.placements)
    return in_force(replace(advanced, placements=everywhere), generation) or advanced


def removed(tree: Tree, identifier: str, *, now: datetime) -> Tree:
    """The tree with an object of it, and all that goes with that, on the way out.

    The same tree where that is so already. What failed to be removed is tried anew, as a change of its own.
    """
    record = tree.get(identifier)
    if record is None or (record.deleting and is_pending(record)):
        return tree
    going = tree.descendants_of({identifier})
    pools = going & tree.pools.keys()
    users = {user.id: user for pool_id in pools for user in tree.listeners_of(pool_id) if user.id not in going}
    tree = tree.with_records(replace(user, item=listener_without_pools(user.item, pools)) for user in users.values())
    return advance(tree, now=now, changed=users, deleted=going)


def is_monitored(tree: Tree, pool_id: str) -> bool:
    """Whether a health monitor checks the members of the pool, or is going to."""
    return any(map(_checks, tree.monitors_of(pool_id)))


def _checks(monitor: Record[HealthMonitor]) -> bool:
    return monitor.item.admin_state_up and not monitor.deleting


def _is_going_off(monitor: Record[HealthMonitor], generation: int) -> bool:
    return is_pending(monitor) and not monitor.item.admin_state_up and monitor.generation <= generation


# -------------------------------------------------------------------------------------------- what agents answer


def applied(tree: Tree, agent: str, generation: int, away: Set[str] = frozenset()) -> Tree | None:
    """The tree after that agent has brought its host to that generation; None: the load balancer is gone. ``away``: the
    agents that are not waited for."""
    placements = with_applied(tree.placements, agent, generation)
    return in_force(replace(tree, placements=placements), applied_by_all(placements, away))


def in_force(tree: Tree, generation: int) -> Tree | None:
    """The tree when that generation is in force; None: the load balancer is gone."""
    if tree.load_balancer.deleting and tree.load_balancer.generation <= generation:
        return None
    unsettled = {record.id: record for record in _unsettled(tree)}
    gone = tree.descendants_of(
        {record.id for record in unsettled.values() if record.deleting and record.generation <= generation}
    )
    checked = {record.item.pool_id for record in tree.monitors.values() if _checks(record)}
    no_monitor = {record.item.pool_id for record in tree.monitors.values() if record.id in gone} - checked
    off = {record.item.pool_id for record in tree.monitors.values() if _is_going_off(record, generation)} - checked
    serving = tree.load_balancer.item.admin_state_up

    def step(record: Record[R]) -> Record[R] | None:
        item = record.item
        if record.id in gone:
            return None
        result = record
        if record.generation <= generation and not record.deleting:
            if record.provisioning_status is not ProvisioningStatus.ACTIVE or record.fault is not None:
                status = TRANSITIONS[record.provisioning_status, Event.APPLIED]
                result = replace(result, provisioning_status=status, fault=None)
            result = with_operating_status(result, _operating_when_applied(record))
        # What is in service again and waits for no check was OFFLINE until now; of others the data plane says it.
        back = serving and record.generation <= generation and record.operating_status is OperatingStatus.OFFLINE
        if (
            isinstance(item, Member)
            and item.admin_state_up
            and (item.pool_id in no_monitor or (back and item.pool_id not in checked))
        ):
            result = with_operating_status(result, OperatingStatus.NO_MONITOR)
        return result

    freed = {record.id: record for pool_id in no_monitor | off for record in tree.members_of(pool_id)}
    return tree.stepped(step, _existing(tree, {**unsettled, **freed, **dict.fromkeys(gone)}))


def _unsettled(tree: Tree) -> list[AnyRecord]:
    """Those that may become another when a generation is in force: most stay as they are while one is changed."""
    active = ProvisioningStatus.ACTIVE
    found = [
        record
        for record in tree.records()
        if record.provisioning_status is not active
        or record.deleting
        or record.fault is not None
        or not record.item.admin_state_up
    ]
    return [*found, *tree.monitors.values()]


def _existing(tree: Tree, identifiers: Iterable[str]) -> Iterator[AnyRecord]:
    return (record for record in map(tree.get, identifiers) if record is not None)


def capped(reason: str) -> str:
    """A reason that is too long ends with an ellipsis."""
    return reason if len(reason) <= LONGEST_FAULT else reason[: LONGEST_FAULT - 1] + "…"


def given_up(tree: Tree, generation: int, reason: str, agent: str | None = None) -> Tree:
    """The tree after an agent has given up on that generation. Which change was at fault is unknown, so everything
    that is pending since the last generation that it applied has failed; without ``agent``: that all have applied.

    Where the agent had applied that very generation, its host has lost something since: the load balancer is at fault
    as a whole, until the agent reports that it has done it again.
    """
    fault = capped(reason)
    applied_before = _applied_by(tree, agent)
    if agent is not None and applied_before == generation == tree.generation:
        return _lost(tree, fault)

    def step(record: Record[R]) -> Record[R]:
        if not (is_pending(record) and applied_before < record.generation <= generation):
            return record
        failed = replace(
            record, provisioning_status=TRANSITIONS[record.provisioning_status, Event.GIVEN_UP], fault=fault
        )
        if isinstance(record.item, _UNSEEN):
            return with_operating_status(failed, OperatingStatus.OFFLINE)
        return failed

    return tree.stepped(step, filter(is_pending, tree.records()))


def _lost(tree: Tree, fault: str) -> Tree:
    record = tree.load_balancer
    if (record.provisioning_status, Event.LOST) not in TRANSITIONS:
        return tree
    status = TRANSITIONS[record.provisioning_status, Event.LOST]
    return tree.with_records([replace(record, provisioning_status=status, fault=fault)])


def delayed(tree: Tree, generation: int, reason: str, agent: str | None = None) -> Tree:
    """The tree after an attempt that is going to be repeated: still pending, with the reason noted."""
    fault = capped(reason)
    applied_before = _applied_by(tree, agent)

    def step(record: Record[R]) -> Record[R]:
        waits = is_pending(record) and applied_before < record.generation <= generation
        return replace(record, fault=fault) if waits and record.fault != fault else record

    return tree.stepped(step, filter(is_pending, tree.records()))


def _applied_by(tree: Tree, agent: str | None) -> int:
    return applied_by_all([each for each in tree.placements if agent in (None, each.agent)], ())


def with_verdicts(tree: Tree, health: Health) -> Tree:
    """The tree with the operating statuses that its agent saw, of what can be seen; what is disabled, and applied as
    such, is OFFLINE whatever was seen."""

    def step(record: Record[R]) -> Record[R]:
        status = health.statuses.get(record.id)
        if status is None or isinstance(record.item, _UNSEEN):
            return record
        if not record.item.admin_state_up and not is_pending(record):
            return with_operating_status(record, OperatingStatus.OFFLINE)
        reason = reasons.get(record.id)
        return with_operating_status(record, status, None if reason is None else capped(reason))

    statuses, reasons = health.statuses, health.reasons
    news = (
        record
        for record in tree.records()
        if statuses.get(record.id) is not record.operating_status
        or reasons.get(record.id) != record.operating_reason
        or not record.item.admin_state_up
    )
    return tree.stepped(step, news)


def stamped(before: Tree, after: Tree, now: datetime) -> Tree:
    """``after``, with the moment noted at what has another operating status than in ``before``."""

    def step(record: Record[R]) -> Record[R]:
        return replace(record, operating_since=now)

    changed = (
        record
        for former, record in differing(before, after)
        if former is not None and record is not None and former.operating_status is not record.operating_status
    )
    return after.stepped(step, changed)


def initial_operating_status(item: Item, *, monitored: bool = False) -> OperatingStatus:
    """``monitored``: a member's pool has a health monitor."""
    if isinstance(item, Member) and item.admin_state_up and not monitored:
        return OperatingStatus.NO_MONITOR
    return OperatingStatus.OFFLINE


def with_operating_status(record: Record[R], status: OperatingStatus | None, reason: str | None = None) -> Record[R]:
    if status is None or (record.operating_status is status and reason == record.operating_reason):
        return record
    return replace(record, operating_status=status, operating_reason=reason)


def _operating_when_applied(record: Record[Item]) -> OperatingStatus | None:
    """What is known without looking: disabled objects, and what no data plane reports on."""
    if not record.item.admin_state_up:
        return OperatingStatus.OFFLINE
    return OperatingStatus.ONLINE if isinstance(record.item, _UNSEEN) else None
