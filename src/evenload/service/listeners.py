"""Use cases of listeners; each is one transaction."""

from typing import cast

from evenload.interfaces import Transaction
from evenload.model import rules, status
from evenload.model.balancer import Listener, Record
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.query import Page, Query, View
from evenload.model.totals import totals_of
from evenload.model.tree import Tree
from evenload.service import drafts, guards
from evenload.service.commands import Changes, ListenerDraft
from evenload.service.context import Context
from evenload.service.lbaas_v1 import totals
from evenload.service.quotas import wanted_by
from evenload.service.views import view_of


class Listeners:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, load_balancer_id: str, draft: ListenerDraft) -> View[Record[Listener]]:
        """Its default pool is named by id; pools are made together with listeners only by LoadBalancers.create."""
        guards.require_tags(draft)
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[Listener]]:
            before = guards.read_tree(transaction, Kind.LOAD_BALANCER, load_balancer_id)
            guards.require_living(before.load_balancer)
            self._context.limits.require_room(transaction, before.load_balancer.project_id, wanted_by([Kind.LISTENER]))
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            record = birth.record(drafts.new_listener(self._context.new_id(), before.id, draft), draft)
            edited = before.with_record(record)
            _require_valid(edited, record.item)
            after = status.advance(edited, changed=[record.id], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.listeners[record.id])

        return self._context.uow.write(work)

    def update(self, identifier: str, changes: Changes) -> View[Record[Listener]]:
        guards.require_tags(changes)

        def work(transaction: Transaction) -> View[Record[Listener]]:
            before = guards.read_tree(transaction, Kind.LISTENER, identifier)
            guards.require_living(before.load_balancer, before.listeners[identifier])
            record = drafts.changed(before.listeners[identifier], changes)
            edited = before.with_record(record)
            _require_valid(edited, record.item)
            after = status.advance(edited, changed=[identifier], now=self._context.now())
            after = totals.kept(transaction, before, after)
            transaction.update_tree(before, after)
            return view_of(after, after.listeners[identifier])

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Its default pool stays with the load balancer."""

        def work(transaction: Transaction) -> None:
            before = guards.read_tree(transaction, Kind.LISTENER, identifier)
            after = status.removed(before, identifier, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def get(self, identifier: str) -> View[Record[Listener]]:
        with self._context.uow.read() as transaction:
            return cast(View[Record[Listener]], guards.read_view(transaction, Kind.LISTENER, identifier))

    def list(self, query: Query) -> Page[Record[Listener]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[Listener]], transaction.find(Kind.LISTENER, query))

    def statistics(self, identifier: str) -> Statistics:
        with self._context.uow.read() as transaction:
            owner = transaction.owner_of(Kind.LISTENER, identifier)
            if owner is None:
                raise guards.not_found(Kind.LISTENER, identifier)
            return totals_of(transaction.counts(owner).get(identifier, ()))


def _require_valid(tree: Tree, listener: Listener) -> None:
    if listener.default_pool_id is not None:
        pool = tree.pools.get(listener.default_pool_id)
        if pool is None:
            raise guards.not_found(Kind.POOL, listener.default_pool_id, field="default_pool_id")
        guards.require_living(pool)
    guards.require(rules.validate_listener(tree, listener))
