"""Use cases of pools; each is one transaction."""

from dataclasses import replace
from typing import cast

from evenload.interfaces.store import Transaction
from evenload.model import l7_rules, rules, status
from evenload.model.balancer import Pool, Record
from evenload.model.enums import Kind
from evenload.model.errors import Conflict, Invalid
from evenload.model.query import Page, Query, View
from evenload.model.tree import Tree, kind_of
from evenload.service import drafts, guards
from evenload.service.commands import Changes, PoolDraft
from evenload.service.context import Context
from evenload.service.lbaas_v1 import templates
from evenload.service.plans import drafts_of, plan_pool
from evenload.service.quotas import wanted_by
from evenload.service.tls_drafts import asks_for_tls, with_pool_tls
from evenload.service.views import view_of


class Pools:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, *, load_balancer_id: str | None, listener_id: str | None, draft: PoolDraft) -> View[Record[Pool]]:
        """With its members and monitor, if the draft has any. ``listener_id``: it becomes that one's default pool."""
        for part in drafts_of(draft):
            guards.require_tags(part)
        self._context.allowed.require(drafts_of(draft))
        self._context.networking.require_addresses(drafts_of(draft))
        draft = self._prepared(load_balancer_id, listener_id, draft)
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[Pool]]:
            before = _read_parent(transaction, load_balancer_id, listener_id)
            listener = before.listeners[listener_id] if listener_id is not None else None
            guards.require_living(before.load_balancer, *([listener] if listener else []))
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            planned = plan_pool(before.id, draft, birth, self._context.new_id)
            wanted = wanted_by(kind_of(record.item) for record in planned.records)
            self._context.limits.require_room(transaction, birth.project_id, wanted)
            edited = planned.added_to(before)
            pool = planned.pool
            if listener is not None:
                if listener.item.default_pool_id is not None:
                    raise Conflict("This listener already has a default pool", field="listener_id")
                edited = edited.with_record(replace(listener, item=replace(listener.item, default_pool_id=pool.id)))
            members = [record.item for record in planned.members]
            guards.require(rules.validate_pool(edited, pool.item))
            guards.require(rules.validate_members(edited, members))
            for monitor in planned.monitors:
                guards.require(rules.validate_monitor(monitor.item))
            touched = [pool.id, *([listener.id] if listener else [])]
            after = status.advance(edited, changed=touched, now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.pools[pool.id])

        return self._context.uow.write(work)

    def update(self, identifier: str, changes: Changes) -> View[Record[Pool]]:
        guards.require_tags(changes)
        if asks_for_tls(changes):
            found = self.get(identifier).record
            changes = with_pool_tls(self._context, changes, found.project_id, found.item.tls)

        def work(transaction: Transaction) -> View[Record[Pool]]:
            before = guards.read_tree(transaction, Kind.POOL, identifier)
            guards.require_living(before.load_balancer, before.pools[identifier])
            record = drafts.changed(before.pools[identifier], changes)
            edited = before.with_record(record)
            guards.require(rules.validate_pool(edited, record.item))
            after = status.advance(edited, changed=[identifier], now=self._context.now())
            transaction.update_tree(before, after)
            return view_of(after, after.pools[identifier])

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Its members and monitor go with it; listeners that used it have no default pool any more. Raises
        Conflict where an L7 policy sends requests to it."""

        def work(transaction: Transaction) -> None:
            templates.lock_own(transaction, [identifier])
            before = guards.read_tree(transaction, Kind.POOL, identifier)
            guards.require(l7_rules.validate_pool_removal(before, identifier))
            templates.remove_own(transaction, before.monitors_of(identifier))
            after = status.removed(before, identifier, now=self._context.now())
            # What holds a pool that stands alone has no other purpose.
            if after.hosted or after.pools:
                transaction.update_tree(before, after)
            else:
                transaction.remove_tree(before)

        self._context.uow.write(work)

    def get(self, identifier: str) -> View[Record[Pool]]:
        with self._context.uow.read() as transaction:
            return cast(View[Record[Pool]], guards.read_view(transaction, Kind.POOL, identifier))

    def list(self, query: Query) -> Page[Record[Pool]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[Pool]], transaction.find(Kind.POOL, query))

    def _prepared(self, load_balancer_id: str | None, listener_id: str | None, draft: PoolDraft) -> PoolDraft:
        """Before the transaction, since the port provider and the store of secrets may take their time."""
        named = [member.item.get("subnet_id") for member in draft.members]
        if not any(named) and not asks_for_tls(draft):
            return draft
        with self._context.uow.read() as transaction:
            project_id = _read_parent(transaction, load_balancer_id, listener_id).load_balancer.project_id
        if any(named):
            self._context.ports.check_subnets(named, project_id, every_project=False)
        return with_pool_tls(self._context, draft, project_id)


def _read_parent(transaction: Transaction, load_balancer_id: str | None, listener_id: str | None) -> Tree:
    if load_balancer_id is None:
        if listener_id is None:
            raise Invalid("A pool needs a load balancer or a listener.", field="load_balancer_id")
        return guards.read_tree(transaction, Kind.LISTENER, listener_id)
    tree = guards.read_tree(transaction, Kind.LOAD_BALANCER, load_balancer_id)
    if listener_id is not None and listener_id not in tree.listeners:
        raise guards.not_found(Kind.LISTENER, listener_id, field="listener_id")
    return tree
