"""Use cases of LBaaS v1's VIPs; each is one transaction. How one is made stands in vip_creation.py, what each use case
amounts to is decided in vip_plans.py."""

from dataclasses import replace

from evenload.interfaces.store import Transaction, TreePart
from evenload.model.enums import Kind
from evenload.model.errors import NotFound
from evenload.model.query import Query
from evenload.model.tree import Tree
from evenload.service import guards
from evenload.service.context import Context
from evenload.service.lbaas_v1 import views
from evenload.service.lbaas_v1.commands import VipChanges, VipDraft, VipView
from evenload.service.lbaas_v1.pools import read_pool
from evenload.service.lbaas_v1.vip_creation import VipCreation
from evenload.service.lbaas_v1.vip_plans import Plan, plan_change, plan_other_pool, plan_removal, write_steps


class Vips:
    def __init__(self, context: Context, creation: VipCreation) -> None:
        self._context = context
        self._creation = creation

    def create(self, project_id: str, draft: VipDraft) -> VipView:
        return self._creation.create(project_id, draft)

    def update(self, identifier: str, changes: VipChanges) -> VipView:
        """A new pool is taken over without a request lost: the listener's port stays open all the while."""

        def work(transaction: Transaction) -> VipView:
            plan = self._planned(transaction, identifier, changes)
            write_steps(transaction, plan.steps)
            return views.vip_view(plan.tree, identifier)

        return self._context.uow.write(work)

    def _planned(self, transaction: Transaction, identifier: str, changes: VipChanges) -> Plan:
        now = self._context.now()
        if changes.pool_id is not None:
            owners = (Kind.LISTENER, identifier), (Kind.POOL, changes.pool_id)
            transaction.lock_trees(transaction.owner_of(*owner) for owner in owners)
        before = _read_vip(transaction, identifier)
        listener = before.listeners[identifier]
        guards.require_living(before.load_balancer, listener)
        counts = transaction.counts(before.id)
        if changes.pool_id in (None, listener.item.default_pool_id):
            return plan_change(before, identifier, changes, counts, now)
        source = read_pool(transaction, changes.pool_id or "")
        place = self._context.new_id()
        return plan_other_pool(before, identifier, changes, source, counts, place=place, now=now)

    def delete(self, identifier: str) -> None:
        """The pool stands alone again, at once. The address is given to nobody before the host has let go of it."""

        def work(transaction: Transaction) -> None:
            before = _read_vip(transaction, identifier)
            if before.listeners[identifier].deleting:
                raise NotFound("Vip", identifier)
            counts, place = transaction.counts(before.id), self._context.new_id()
            plan = plan_removal(before, identifier, counts, place=place, now=self._context.now())
            write_steps(transaction, plan.steps)

        self._context.uow.write(work)

    def get(self, identifier: str) -> VipView:
        with self._context.uow.read() as transaction:
            return views.vip_view(_read_vip(transaction, identifier), identifier)

    def list(self, query: Query) -> list[VipView]:
        with self._context.uow.read() as transaction:
            return views.list_vips(transaction, replace(query, v1=True))


def _read_vip(transaction: TreePart, identifier: str) -> Tree:
    if transaction.owner_of(Kind.LISTENER, identifier) is None:
        raise NotFound("Vip", identifier)
    tree = guards.read_tree(transaction, Kind.LISTENER, identifier)
    if tree.listeners[identifier].v1 is None:
        raise NotFound("Vip", identifier)
    return tree
