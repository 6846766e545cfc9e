"""Use cases of LBaaS v1's VIPs; each is one transaction. Called by the facade.

A VIP is a listener with the same id on a load balancer of its own. That load balancer is the one that held the VIP's
pool until then; it gets a port, and with it a host. When the VIP goes to another pool the load balancer stays where it
is, with its address, and the pools change places. When the VIP is deleted its load balancer goes with it, and the pool
gets a new place to stand alone in.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evenload.interfaces import AgentPart, Transaction, TreePart, VipRequest
from evenload.model import moves, rules, status
from evenload.model.balancer import Listener, Pool, Record, V1Vip
from evenload.model.enums import Kind, PersistenceType, PoolProtocol
from evenload.model.errors import (
    AddressLetGo,
    AddressTaken,
    ForeignProject,
    Invalid,
    NotFound,
    ProtocolMismatch,
    StoreUnavailable,
    VipExists,
)
from evenload.model.placement import alone_on
from evenload.model.query import Query, Value
from evenload.model.totals import totals_of
from evenload.model.tree import Tree
from evenload.service import drafts, guards, quotas
from evenload.service.commands import Changes
from evenload.service.context import Context
from evenload.service.lbaas_v1 import views
from evenload.service.lbaas_v1.commands import VipChanges, VipDraft, VipView
from evenload.service.lbaas_v1.patience import until_let_go
from evenload.service.lbaas_v1.pools import counted_now, credited, read_pool
from evenload.service.quotas import Quotas
from evenload.service.scheduler import ALIVE_FOR, choose_agent
from evenload.service.vip_ports import Reservation

_COOKIES = frozenset({PersistenceType.HTTP_COOKIE, PersistenceType.APP_COOKIE})


@dataclass(frozen=True, slots=True)
class _Step:
    """One tree to be written."""

    before: Tree | None
    after: Tree | None


class Vips:
    """``pause`` lets some seconds go by (patience.py)."""

    def __init__(self, context: Context, limits: Quotas, pause: Callable[[float], None] = time.sleep) -> None:
        self._context = context
        self._limits = limits
        self._pause = pause

    def create(self, project_id: str, draft: VipDraft) -> VipView:
        return until_let_go(lambda: self._create(project_id, draft), self._pause)

    def _create(self, project_id: str, draft: VipDraft) -> VipView:
        context = self._context
        now = context.now()

        def work(transaction: Transaction, place: str, identifier: str, reservation: Reservation) -> VipView:
            port = reservation.port
            held = read_pool(transaction, draft.pool_id)
            pool = self._require_fit(held, draft, project_id)
            self._limits.require_room(transaction, quotas.VIP, project_id)
            steps: list[_Step] = []
            if held.hosted:  # left over on a load balancer whose VIP went by Octavia's API
                rest = status.advance(moves.without_pool(held, pool.id), changed=[held.id], now=now)
                steps.append(_Step(held, rest))
                held = self._alone(held, pool.id, now, place)
                steps.append(_Step(None, held))
            if held.id != place:
                raise StoreUnavailable(f"Pool {pool.id} has changed its place meanwhile.")
            context.ports.complete(transaction, reservation)
            hosted = replace(
                held.load_balancer.item,
                network_id=port.network_id,
                port_id=port.port_id,
                own_port=port.own_port,
                vips=port.vips,
            )
            birth = drafts.Birth(project_id, held.generation + 1, now)
            named = Changes(
                record={key: value for key, value in draft.record.items() if key in ("name", "description")}
            )
            edited = replace(
                held,
                load_balancer=birth.record(hosted, named),
                placements=alone_on(_agent_for(transaction, held.home, now)),
            ).with_record(persisting(held.pools[pool.id], draft.session_persistence))
            item = {**draft.item, "default_pool_id": pool.id}
            listener = drafts.new_listener(identifier, held.id, Changes(item=item))
            edited = edited.with_record(birth.record(listener, draft, v1=V1Vip()))
            _require_valid(edited, identifier)
            after = status.advance(edited, changed=[record.id for record in edited.records()], now=now)
            steps.append(_Step(held, after))
            _write(transaction, steps)
            return views.vip_view(after, identifier)

        with context.uow.read() as reader:
            held = read_pool(reader, draft.pool_id)
            self._require_fit(held, draft, project_id)
            _agent_for(reader, held.home, now)
        place = context.new_id() if held.hosted else held.id
        identifier = context.new_id()
        with self._reserved(place, project_id, draft, f"vip-{identifier}") as reservation:
            return context.uow.write(lambda transaction: work(transaction, place, identifier, reservation))

    def update(self, identifier: str, changes: VipChanges) -> VipView:
        """A new pool is taken over without a request lost: the listener's port stays open all the while."""
        now = self._context.now()

        def work(transaction: Transaction) -> VipView:
            if changes.pool_id is not None:
                owners = (Kind.LISTENER, identifier), (Kind.POOL, changes.pool_id)
                transaction.lock_trees(transaction.owner_of(*owner) for owner in owners)
            before = _read_vip(transaction, identifier)
            listener = before.listeners[identifier]
            guards.require_living(before.load_balancer, listener)
            edited = _edited(before, identifier, changes)
            first: Sequence[_Step] = ()
            last: Sequence[_Step] = ()
            touched = [before.id, identifier]
            pool_id = listener.item.default_pool_id
            if changes.pool_id not in (None, pool_id):
                edited, first, last = self._with_other_pool(transaction, before, edited, identifier, changes, now)
                touched += moves.parts_of(edited, edited.listeners[identifier].item.default_pool_id or "").ids
            elif changes.persists:
                if pool_id is None:
                    raise Invalid("The VIP has no pool.", field="session_persistence")
                edited = edited.with_record(persisting(edited.pools[pool_id], changes.session_persistence))
                touched.append(pool_id)
            _require_valid(edited, identifier)
            after = status.advance(edited, changed=touched, now=now)
            steps = [*first, _Step(before, after), *last]
            _write(transaction, steps)
            return views.vip_view(after, identifier)

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """The pool stands alone again, at once. The address is given to nobody before the host has let go of it."""
        now = self._context.now()

        def work(transaction: Transaction) -> None:
            before = _read_vip(transaction, identifier)
            listener = before.listeners[identifier]
            if listener.deleting:
                raise NotFound("Vip", identifier)
            rest, steps = before, []
            pool_id = listener.item.default_pool_id
            if pool_id is not None and _only_user(before, pool_id, identifier) and not before.pools[pool_id].deleting:
                held = self._freed(transaction, before, pool_id, now)
                rest = moves.without_pool(before, pool_id)
                steps.append(_Step(None, held))
            shared = any(not each.deleting for each in rest.pools.values()) or any(
                not each.deleting for each in rest.listeners.values() if each.id != identifier
            )
            going = identifier if shared else before.id
            after = status.removed(rest, going, now=now)
            steps.insert(0, _Step(before, after))
            _write(transaction, steps)

        self._context.uow.write(work)

    def get(self, identifier: str) -> VipView:
        with self._context.uow.read() as transaction:
            return views.vip_view(_read_vip(transaction, identifier), identifier)

    def list(self, query: Query) -> list[VipView]:
        with self._context.uow.read() as transaction:
            return views.list_vips(transaction, replace(query, v1=True))

    def _require_fit(self, held: Tree, draft: VipDraft, project_id: str) -> Record[Pool]:
        pool = held.pools[draft.pool_id]
        guards.require_living(held.load_balancer, pool)
        if pool.project_id != project_id:
            raise ForeignProject(f"Pool {pool.id} belongs to another project.")
        _require_same_protocol(draft.item["protocol"], pool.item.protocol)
        _require_free(held, pool.id)
        return pool

    @contextmanager
    def _reserved(self, load_balancer_id: str, project_id: str, draft: VipDraft, name: str) -> Iterator[Reservation]:
        request = VipRequest(
            subnet_id=draft.subnet_id, address=draft.address, every_project=draft.every_project, port_name=name
        )
        try:
            with self._context.ports.reserved(load_balancer_id, project_id, request) as reservation:
                yield reservation
        except AddressTaken as taken:
            place: dict[str, tuple[Value, ...]] = {
                "vip_subnet_id": (draft.subnet_id,),
                "vip_address": (draft.address,),
            }
            with self._context.uow.read() as reader:
                owners = reader.find(Kind.LOAD_BALANCER, Query(filters=place)).views
                taken_now = draft.address in reader.addresses_taken(draft.subnet_id)
            if not taken_now or any(view.record.deleting for view in owners):
                raise AddressLetGo(taken.detail, field=taken.field) from taken
            raise

    def _with_other_pool(
        self,
        transaction: Transaction,
        before: Tree,
        edited: Tree,
        identifier: str,
        changes: VipChanges,
        now: datetime,
    ) -> tuple[Tree, Sequence[_Step], Sequence[_Step]]:
        """The VIP's tree with the new pool in place of the old one, what has to be written before it and what after.

        Session persistence goes where the VIP goes, unless the change says otherwise.
        """
        wanted = changes.pool_id or ""
        listener = before.listeners[identifier]
        source = read_pool(transaction, wanted)
        pool = source.pools[wanted]
        guards.require_living(source.load_balancer, pool)
        if pool.project_id != listener.project_id:
            raise ForeignProject(f"Pool {wanted} belongs to another project.")
        _require_same_protocol(listener.item.protocol, pool.item.protocol)
        _require_free(source, wanted)
        counted = totals_of(transaction.counts(before.id).get(identifier, ()))
        former_id = listener.item.default_pool_id
        former = edited.pools.get(former_id) if former_id is not None else None
        persistence: Any = changes.session_persistence if changes.persists else None
        if not changes.persists and former is not None:
            persistence = former.item.session_persistence
        steps: Sequence[_Step] = ()
        last: Sequence[_Step] = ()
        if source.id != before.id:
            rest = moves.without_pool(source, wanted)
            if source.hosted:
                rest = status.advance(rest, changed=[source.id], now=now)
            steps = [_Step(source, rest if rest.hosted or rest.pools else None)]
            edited = moves.with_pool(edited, moves.parts_of(source, wanted))
        edited = edited.with_record(credited(persisting(edited.pools[wanted], persistence), counted, sign=-1))
        if former is not None and not former.deleting and _only_user(before, former.id, identifier):
            last = [_Step(None, self._freed(transaction, before, former.id, now))]
            edited = moves.without_pool(edited, former.id)
        moved = edited.listeners[identifier]
        edited = edited.with_record(replace(moved, item=replace(moved.item, default_pool_id=wanted)))
        return edited, steps, last

    def _freed(self, transaction: Transaction, tree: Tree, pool_id: str, now: datetime) -> Tree:
        """A place for the pool alone, with what its VIP had counted for it, and without what only a VIP has."""
        counted = counted_now(transaction, tree, pool_id)
        record = persisting(credited(tree.pools[pool_id], counted), None)
        return self._alone(tree.with_record(record), pool_id, now)

    def _alone(self, tree: Tree, pool_id: str, now: datetime, identifier: str | None = None) -> Tree:
        return moves.tree_for(
            identifier or self._context.new_id(),
            moves.parts_of(tree, pool_id),
            agent=tree.home,
            provider=tree.load_balancer.item.provider,
            now=now,
        )


def persisting(record: Any, given: Any) -> Any:
    """The pool with that session persistence: a mapping, a value of the model, or None."""
    persistence = drafts.merged_persistence(None, given) if given else None
    return replace(record, item=replace(record.item, session_persistence=persistence))


def _write(transaction: TreePart, steps: Sequence[_Step]) -> None:
    """In this order: an object stands in one tree at a time, so who loses one is written before who gains it."""
    for step in steps:
        match step.before, step.after:
            case None, Tree() as after:
                transaction.insert_tree(after)
            case Tree() as before, None:
                transaction.remove_tree(before)
            case Tree() as before, Tree() as after:
                transaction.update_tree(before, after)


def _read_vip(transaction: TreePart, identifier: str) -> Tree:
    if transaction.owner_of(Kind.LISTENER, identifier) is None:
        raise NotFound("Vip", identifier)
    tree = guards.read_tree(transaction, Kind.LISTENER, identifier)
    if tree.listeners[identifier].v1 is None:
        raise NotFound("Vip", identifier)
    return tree


def _edited(tree: Tree, identifier: str, changes: VipChanges) -> Tree:
    """Name and description are the load balancer's as well, for those who look at it by Octavia's API; a VIP that is
    switched on is on, whoever had switched its load balancer off."""
    listener = drafts.changed(tree.listeners[identifier], changes)
    alike = {name: value for name, value in changes.record.items() if name in ("name", "description")}
    on = {"admin_state_up": True} if changes.item.get("admin_state_up") else {}
    load_balancer = drafts.changed(tree.load_balancer, Changes(item=on, record=alike))
    return replace(tree.with_record(listener), load_balancer=load_balancer)


def _require_same_protocol(vip: Any, pool: PoolProtocol) -> None:
    if vip.value != pool.value:
        raise ProtocolMismatch(f"Protocol {vip.value} does not match pool protocol {pool.value}.", field="protocol")


def _require_free(tree: Tree, pool_id: str) -> None:
    if any(not listener.deleting for listener in tree.listeners_of(pool_id)):
        raise VipExists(f"Another Vip already exists for pool {pool_id}.", field="pool_id")


def _require_valid(tree: Tree, identifier: str) -> None:
    listener: Listener = tree.listeners[identifier].item
    guards.require(rules.validate_listener(tree, listener))
    pool: Record[Any] | None = tree.pools.get(listener.default_pool_id or "")
    if pool is None:
        return
    guards.require(rules.validate_pool(tree, pool.item))
    kept = pool.item.session_persistence
    if kept is not None and kept.type in _COOKIES and pool.item.protocol is not PoolProtocol.HTTP:
        raise Invalid(
            f"Session persistence {kept.type.value} needs protocol HTTP: there are no cookies to see otherwise.",
            field="session_persistence",
        )
    guards.require(rules.validate_members(tree, [record.item for record in tree.members_of(pool.id)]))


def _only_user(tree: Tree, pool_id: str, identifier: str) -> bool:
    """Whether no other listener than this one uses the pool, which is one of v1's."""
    users = {record.id for record in tree.listeners_of(pool_id) if not record.deleting}
    return users <= {identifier} and tree.pools[pool_id].v1 is not None


def _agent_for(transaction: AgentPart, bound: str, now: datetime) -> str:
    """The agent that the pool is bound to, unless another one has to take its place."""
    agents = transaction.agents()
    fit = [agent for agent in agents if agent.name == bound and agent.admin_state_up]
    if fit and now - fit[0].seen_at <= ALIVE_FOR:
        return bound
    return choose_agent(agents, now=now).name
