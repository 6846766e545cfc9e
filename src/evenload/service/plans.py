"""What a creation with many parts, or the replacement of a pool's members, amounts to. Pure:
the rules are checked on the outcome."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from evenload.interfaces.ports import VipPort, VipRequest
from evenload.model import status
from evenload.model.balancer import AnyRecord, HealthMonitor, LoadBalancer, Member, Pool, Record, Spelling
from evenload.model.errors import Conflict, Invalid
from evenload.model.placement import alone_on
from evenload.model.rules import canonical_address
from evenload.model.tree import Tree
from evenload.service import drafts
from evenload.service.commands import BalancerDraft, Changes, Draft, ListenerDraft, PoolDraft, PoolName
from evenload.service.drafts import Birth, spelling
from evenload.service.l7_drafts import drafts_of_policy, plan_policies

NewId = Callable[[], str]


def drafts_of(draft: Draft) -> Iterator[Draft]:
    """The draft and all that are nested in it."""
    yield draft
    if isinstance(draft, PoolDraft):
        yield from draft.members
        if draft.monitor is not None:
            yield draft.monitor
    if isinstance(draft, ListenerDraft):
        for policy in draft.policies:
            yield from drafts_of_policy(policy)
        for pool in draft.pools:
            yield from drafts_of(pool)
    if isinstance(draft, BalancerDraft):
        for listener in draft.listeners:
            yield from drafts_of(listener)
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
    pools = PlannedPools(load_balancer_id, birth, new_id)
    pools.add(*draft.pools, *(pool for listener in draft.listeners for pool in listener.pools))
    made = [
        each for listener in draft.listeners for each in plan_listener(load_balancer_id, listener, birth, new_id, pools)
    ]
    return empty.with_records([*pools.records, *made])


class PlannedPools:
    """The pools that one request makes, told by the draft itself or by their name."""

    def __init__(self, load_balancer_id: str, birth: Birth, new_id: NewId) -> None:
        self.records: list[AnyRecord] = []
        self._load_balancer_id = load_balancer_id
        self._birth = birth
        self._new_id = new_id
        self._by_name: dict[str, str] = {}
        self._by_draft: dict[int, str] = {}

    def add(self, *pools: PoolDraft) -> None:
        """Raises Invalid for a name that is there already."""
        for draft in pools:
            planned = plan_pool(self._load_balancer_id, draft, self._birth, self._new_id)
            name = planned.pool.name
            if name in self._by_name:
                raise Invalid(f"The pool name '{name}' is given twice in one request.", field="name")
            if name:
                self._by_name[name] = planned.pool.id
            self._by_draft[id(draft)] = planned.pool.id
            self.records.extend(planned.records)

    def id_of(self, pool: PoolDraft | PoolName | None, field: str) -> str | None:
        """Raises Invalid for a name that nobody has."""
        if pool is None:
            return None
        if isinstance(pool, PoolDraft):
            return self._by_draft[id(pool)]
        if pool.name not in self._by_name:
            raise Invalid(f"Missing details for pool '{pool.name}'.", field=field)
        return self._by_name[pool.name]


def plan_listener(
    load_balancer_id: str, draft: ListenerDraft, birth: Birth, new_id: NewId, pools: PlannedPools
) -> list[AnyRecord]:
    """With its policies and their rules; ``pools`` are planned already."""
    item = drafts.new_listener(new_id(), load_balancer_id, draft)
    pool_id = pools.id_of(draft.default_pool, "default_pool")
    if pool_id is not None:
        item = replace(item, default_pool_id=pool_id)
    record = birth.record(item, draft)
    policies = plan_policies(
        item.id, draft.policies, birth, new_id, lambda policy: pools.id_of(policy.redirect_pool, "redirect_pool")
    )
    return [record, *policies]


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
