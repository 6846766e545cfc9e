"""What becomes of the load balancers concerned when a VIP of LBaaS v1 is made, changed or removed. Pure: raises what is
to be refused, and returns trees as they are to be written.

A VIP is a listener with the same id on a load balancer of its own. That load balancer is the one that held the VIP's
pool until then; it gets a port, and with it a host. When the VIP goes to another pool the load balancer stays where it
is, with its address, and the pools change places. When the VIP is deleted its load balancer goes with it, and the pool
gets a new place to stand alone in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evenload.interfaces.ports import VipPort
from evenload.interfaces.store import TreePart
from evenload.model import moves, status
from evenload.model.balancer import Pool, Record, SessionPersistence, V1Vip
from evenload.model.errors import Invalid
from evenload.model.placement import alone_on
from evenload.model.totals import totals_of
from evenload.model.tree import Tree
from evenload.service import drafts, guards
from evenload.service.commands import Changes
from evenload.service.lbaas_v1 import vip_rules
from evenload.service.lbaas_v1.commands import VipChanges, VipDraft
from evenload.service.lbaas_v1.totals import Counts, counted_for, credited, with_credits


@dataclass(frozen=True, slots=True)
class Step:
    """One tree to be written. ``before`` None: it is made; ``after`` None: it is removed."""

    before: Tree | None
    after: Tree | None


@dataclass(frozen=True, slots=True)
class Plan:
    """``tree``: the one with the VIP, as it is going to be. ``steps`` in the order of writing: an object stands in one
    tree at a time, so who loses one is written before who gains it."""

    tree: Tree
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVip:
    """``place``: the id of the load balancer that is to have it."""

    id: str
    project_id: str
    place: str
    port: VipPort
    agent: str


def write_steps(transaction: TreePart, steps: Sequence[Step]) -> None:
    for step in steps:
        match step.before, step.after:
            case None, Tree() as after:
                transaction.insert_tree(after)
            case Tree() as before, None:
                transaction.remove_tree(before)
            case Tree() as before, Tree() as after:
                transaction.update_tree(before, after)


def plan_creation(held: Tree, draft: VipDraft, new: NewVip, counts: Counts, now: datetime) -> Plan:
    """``held``: the tree with the pool; ``counts``: its listeners'."""
    pool_id = draft.pool_id
    steps: list[Step] = []
    if held.hosted:  # left over on a load balancer whose VIP went by Octavia's API
        rest = status.advance(moves.without_pool(held, pool_id), changed=[held.id], now=now)
        steps.append(Step(held, rest))
        held = freed(held, pool_id, counts, place=new.place, now=now)
        steps.append(Step(None, held))
    birth = drafts.Birth(new.project_id, held.generation + 1, now)
    item = replace(
        held.load_balancer.item,
        network_id=new.port.network_id,
        port_id=new.port.port_id,
        own_port=new.port.own_port,
        vips=new.port.vips,
    )
    balancer = birth.record(item, Changes(record=_names(draft.record)))
    balancer = replace(balancer, as_sent=drafts.spelling("vips[0]", draft.address))
    hosted = replace(held, load_balancer=balancer, placements=alone_on(new.agent))
    edited = hosted.with_record(persisting(hosted.pools[pool_id], draft.session_persistence))
    listener = drafts.new_listener(new.id, held.id, Changes(item={**draft.item, "default_pool_id": pool_id}))
    edited = edited.with_record(birth.record(listener, draft, v1=V1Vip()))
    vip_rules.require_valid(edited, new.id)
    after = status.advance(edited, changed=[record.id for record in edited.records()], now=now)
    return Plan(after, (*steps, Step(held, after)))


def plan_change(before: Tree, identifier: str, changes: VipChanges, counts: Counts, now: datetime) -> Plan:
    """Of a VIP that keeps its pool. ``counts``: those of the tree's listeners."""
    edited = _edited(before, identifier, changes)
    touched = [before.id, identifier]
    if changes.persists:
        pool_id = before.listeners[identifier].item.default_pool_id
        if pool_id is None:
            raise Invalid("The VIP has no pool.", field="session_persistence")
        edited = edited.with_record(persisting(edited.pools[pool_id], changes.session_persistence))
        touched.append(pool_id)
    return _planned(before, identifier, edited, touched, counts, now=now)


def plan_other_pool(
    before: Tree, identifier: str, changes: VipChanges, source: Tree, counts: Counts, *, place: str, now: datetime
) -> Plan:
    """Of a VIP that goes to another pool, which stands in ``source``. ``place``: the id of the tree in which its former
    pool stands alone, where nobody else uses that. Session persistence goes where the VIP goes, unless the change says
    otherwise."""
    wanted = changes.pool_id or ""
    listener = before.listeners[identifier]
    vip_rules.require_fit(source, wanted, listener.item.protocol, listener.project_id)
    edited = _edited(before, identifier, changes)
    former_id = listener.item.default_pool_id
    former = None if former_id is None else edited.pools.get(former_id)
    first: list[Step] = []
    last: list[Step] = []
    if source.id != before.id:
        rest = moves.without_pool(source, wanted)
        if source.hosted:
            rest = status.advance(rest, changed=[source.id], now=now)
        first.append(Step(source, rest if rest.hosted or rest.pools else None))
        edited = moves.with_pool(edited, moves.parts_of(source, wanted))
        # It begins with what the listener has counted for others taken off.
        counted = totals_of(counts.get(identifier, ()))
        edited = edited.with_record(credited(edited.pools[wanted], counted, sign=-1))
    persistence = _persistence_of(changes, former)
    edited = edited.with_record(persisting(edited.pools[wanted], persistence))
    if former is not None and vip_rules.is_only_user(before, former.id, identifier):
        last.append(Step(None, freed(before, former.id, counts, place=place, now=now)))
        edited = moves.without_pool(edited, former.id)
    moved = edited.listeners[identifier]
    edited = edited.with_record(replace(moved, item=replace(moved.item, default_pool_id=wanted)))
    touched = [before.id, identifier, *moves.parts_of(edited, wanted).ids]
    plan = _planned(before, identifier, edited, touched, counts, now=now)
    return Plan(plan.tree, (*first, *plan.steps, *last))


def plan_removal(before: Tree, identifier: str, counts: Counts, *, place: str, now: datetime) -> Plan:
    """The pool stands alone again, at once, in a tree with the id ``place``."""
    rest, last = before, []
    pool_id = before.listeners[identifier].item.default_pool_id
    if pool_id is not None and vip_rules.is_only_user(before, pool_id, identifier):
        rest = moves.without_pool(before, pool_id)
        last.append(Step(None, freed(before, pool_id, counts, place=place, now=now)))
    going = identifier if vip_rules.is_shared(rest, identifier) else before.id
    after = status.removed(rest, going, now=now)
    return Plan(after, (Step(before, after), *last))


def freed(tree: Tree, pool_id: str, counts: Counts, *, place: str, now: datetime) -> Tree:
    """A place for the pool alone, with what its listeners have counted for it, and without what only a VIP has."""
    record = persisting(credited(tree.pools[pool_id], counted_for(tree, pool_id, counts)), None)
    return moves.tree_for(
        place,
        moves.parts_of(tree.with_record(record), pool_id),
        agent=tree.home,
        provider=tree.load_balancer.item.provider,
        now=now,
    )


def persisting(record: Record[Pool], given: SessionPersistence | Mapping[str, Any] | None) -> Record[Pool]:
    """The pool with that session persistence."""
    persistence = drafts.merged_persistence(None, given) if given else None
    return replace(record, item=replace(record.item, session_persistence=persistence))


def _planned(
    before: Tree, identifier: str, edited: Tree, touched: Sequence[str], counts: Counts, *, now: datetime
) -> Plan:
    vip_rules.require_valid(edited, identifier)
    after = with_credits(before, status.advance(edited, changed=touched, now=now), counts)
    return Plan(after, (Step(before, after),))


def _persistence_of(changes: VipChanges, former: Record[Pool] | None) -> SessionPersistence | Mapping[str, Any] | None:
    if changes.persists:
        return changes.session_persistence
    return None if former is None else former.item.session_persistence


def _edited(tree: Tree, identifier: str, changes: VipChanges) -> Tree:
    """Name and description are the load balancer's as well, for those who look at it by Octavia's API; a VIP that is
    switched on is on, whoever had switched its load balancer off."""
    listener = drafts.changed(tree.listeners[identifier], changes)
    on = {"admin_state_up": True} if changes.item.get("admin_state_up") else {}
    load_balancer = drafts.changed(tree.load_balancer, Changes(item=on, record=_names(changes.record)))
    guards.require_living(tree.load_balancer, tree.listeners[identifier])
    return replace(tree.with_record(listener), load_balancer=load_balancer)


def _names(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in ("name", "description")}
