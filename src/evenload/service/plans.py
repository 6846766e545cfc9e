"""What a creation with many parts, or the replacement of a pool's members, amounts to. Pure:
the rules are checked on the outcome."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from evenload.interfaces import VipPort, VipRequest
from evenload.model import status
from evenload.model.balancer import AnyRecord, HealthMonitor, LoadBalancer, Member, Pool, Record, Spelling
from evenload.model.errors import Conflict, Invalid
from evenload.model.placement import alone_on
from evenload.model.rules import canonical_address
from evenload.model.tree import Tree
from evenload.service import drafts
from evenload.service.commands import BalancerDraft, Changes, Draft, PoolDraft, PoolName
from evenload.service.drafts import Birth, spelling

NewId = Callable[[], str]


def drafts_of(draft: Draft) -> Iterator[Draft]:
    """The draft and all that are nested in it."""
    yield draft
    if isinstance(draft, PoolDraft):
        yield from draft.members
        if draft.monitor is not None:
            yield draft.monitor
    if isinstance(draft, BalancerDraft):
        for listener in draft.listeners:
            yield listener
            if isinstance(listener.default_pool, PoolDraft):
                yield from drafts_of(listener.default_pool)
        for pool in draft.pools:
            yield from drafts_of(pool)


# ---------------------------------------------------------------------------------------------------------- creation


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPool:
    pool: Record[Pool]
    monitors: tuple[Record[HealthMonitor], ...]
    members: tuple[Record[Member], ...]

    @property
    def records(self) -> tuple[AnyRecord, ...]:
        return (self.pool, *self.members, *self.monitors)

    def added_to(self, tree: Tree) -> Tree:
        return tree.with_records(self.records)


def plan_pool(load_balancer_id: str, draft: PoolDraft, birth: Birth, new_id: NewId) -> PlannedPool:
    pool = drafts.new_pool(new_id(), load_balancer_id, draft)
    record = birth.record(pool, draft)
    monitors = []
    if draft.monitor is not None:
        monitors.append(birth.record(drafts.new_monitor(new_id(), pool.id, draft.monitor), draft.monitor))
    monitored = any(monitor.item.admin_state_up for monitor in monitors)
    return PlannedPool(
        pool=record,
        monitors=tuple(monitors),
        members=tuple(
            birth.record(drafts.new_member(new_id(), pool.id, member), member, monitored=monitored)
            for member in draft.members
        ),
    )


def plan_tree(load_balancer_id: str, draft: BalancerDraft, birth: Birth, new_id: NewId) -> Tree:
    """A load balancer with all its parts at its first generation, without VIP and on no host yet (``hosted_at``).
    Raises Invalid for names of pools that are ambiguous or that nobody has."""
    load_balancer = LoadBalancer(id=load_balancer_id, **draft.item)
    record = replace(birth.record(load_balancer, draft), as_sent=_vips_as_sent(draft.vip))
    empty = Tree(load_balancer=record, generation=birth.generation)
    made: list[AnyRecord] = []
    by_name: dict[str, str] = {}
    default_pools: dict[int, str] = {}

    def add_pool(pool_draft: PoolDraft) -> str:
        planned = plan_pool(load_balancer_id, pool_draft, birth, new_id)
        name = planned.pool.name
        if name in by_name:
            raise Invalid(f"The pool name '{name}' is given twice in one request.", field="name")
        if name:
            by_name[name] = planned.pool.id
        made.extend(planned.records)
        return planned.pool.id

    for pool_draft in draft.pools:
        add_pool(pool_draft)
    for index, listener in enumerate(draft.listeners):
        if isinstance(listener.default_pool, PoolDraft):
            default_pools[index] = add_pool(listener.default_pool)
    for index, listener in enumerate(draft.listeners):
        item = drafts.new_listener(new_id(), load_balancer_id, listener)
        if isinstance(listener.default_pool, PoolName):
            name = listener.default_pool.name
            if name not in by_name:
                raise Invalid(f"Missing details for pool '{name}'.", field="default_pool")
            default_pools[index] = by_name[name]
        if index in default_pools:
            item = replace(item, default_pool_id=default_pools[index])
        made.append(birth.record(item, listener))
    return empty.with_records(made)


def _vips_as_sent(request: VipRequest) -> tuple[Spelling, ...]:
    addresses = (request.address, *(address for _, address, _ in request.additional))
    return tuple(each for place, address in enumerate(addresses) for each in spelling(f"vips[{place}]", address))


def hosted_at(tree: Tree, vip: VipPort, agent: str) -> Tree:
    """The tree with its VIP, on its host."""
    record = tree.load_balancer
    item = replace(record.item, network_id=vip.network_id, port_id=vip.port_id, own_port=vip.own_port, vips=vip.vips)
    return replace(tree, load_balancer=replace(record, item=item), placements=alone_on(agent))


# ------------------------------------------------------------------------------------------------- all members at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """``put``: records made or changed; ``removed``: ids."""

    put: tuple[Record[Member], ...]
    removed: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not (self.put or self.removed)

    def put_into(self, tree: Tree) -> Tree:
        return tree.with_records(self.put)


def plan_replacement(
    tree: Tree, pool_id: str, given: Sequence[Draft], birth: Birth, new_id: NewId, *, additive_only: bool
) -> Replacement:
    """Raises Invalid where an existing member is named twice, Conflict where a new one is."""
    present = {
        (record.item.address, record.item.port): record for record in tree.members_of(pool_id) if not record.deleting
    }
    monitored = status.is_monitored(tree, pool_id)
    named: set[tuple[str, int]] = set()
    put: list[Record[Member]] = []
    for draft in given:
        place = (canonical_address(draft.item["address"]), draft.item["port"])
        known = present.get(place)
        if place in named:
            detail = f"The member at {place[0]} port {place[1]} is given twice."
            raise Conflict(detail, field="address") if known is None else Invalid(detail, field="address")
        named.add(place)
        if known is None:
            member = drafts.new_member(new_id(), pool_id, draft)
            put.append(birth.record(member, draft, monitored=monitored))
            continue
        others = {name: value for name, value in draft.item.items() if name not in ("address", "port")}
        record = drafts.respelt(drafts.changed(known, Changes(item=others, record=draft.record)), draft.item)
        if record != known:
            put.append(record)
    removed = () if additive_only else tuple(record.id for place, record in present.items() if place not in named)
    return Replacement(put=tuple(put), removed=removed)
