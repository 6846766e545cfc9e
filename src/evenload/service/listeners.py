"""Use cases of listeners; each is one transaction."""

from collections.abc import Sequence
from typing import cast

from evenload.interfaces.store import Transaction
from evenload.model import rules, status
from evenload.model.balancer import AnyRecord, HealthMonitor, Listener, Member, Pool, Record
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.query import Page, Query, View
from evenload.model.totals import totals_of
from evenload.model.tree import Tree, kind_of
from evenload.service import drafts, guards, l7_guards
from evenload.service.commands import Changes, ListenerDraft
from evenload.service.context import Context
from evenload.service.lbaas_v1 import totals
from evenload.service.plans import PlannedPools, drafts_of, plan_listener
from evenload.service.quotas import wanted_by
from evenload.service.tls_drafts import asks_for_tls, with_all_tls, with_tls
from evenload.service.views import view_of


class Listeners:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, load_balancer_id: str, draft: ListenerDraft) -> View[Record[Listener]]:
        """With its default pool and its policies, and the pools of these, where the draft has them."""
        for part in drafts_of(draft):
            guards.require_tags(part)
        context = self._context
        context.allowed.require(drafts_of(draft))
        context.networking.require_addresses(drafts_of(draft))
        draft = self._prepared(load_balancer_id, draft)
        now = context.now()

        def work(transaction: Transaction) -> View[Record[Listener]]:
            before = guards.read_tree(transaction, Kind.LOAD_BALANCER, load_balancer_id)
            guards.require_living(before.load_balancer)
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            pools = PlannedPools(before.id, birth, context.new_id)
            pools.add(*draft.pools)
            made = [*pools.records, *plan_listener(before.id, draft, birth, context.new_id, pools)]
            wanted = wanted_by(kind_of(record.item) for record in made)
            context.limits.require_room(transaction, birth.project_id, wanted)
            edited = before.with_records(made)
            listener_id = next(record.id for record in made if isinstance(record.item, Listener))
            _require_valid(edited, edited.listeners[listener_id].item)
            _require_parts(edited, made)
            policies = [record.item for record in edited.policies_of(listener_id)]
            l7_guards.require_policies(edited, policies)
            rules_made = (record.item for policy in policies for record in edited.rules_of(policy.id))
            l7_guards.require_rules(rules_made, context.find_regex_fault)
            after = status.advance(edited, changed=[listener_id, *(record.id for record in pools.records)], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.listeners[listener_id])

        return self._context.uow.write(work)

    def update(self, identifier: str, changes: Changes) -> View[Record[Listener]]:
        guards.require_tags(changes)
        if asks_for_tls(changes):
            record = self.get(identifier).record
            changes = with_tls(self._context, changes, record.item.protocol, record.project_id, record.item.tls)

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

    def _prepared(self, load_balancer_id: str, draft: ListenerDraft) -> ListenerDraft:
        """Before the transaction, since the port provider and the store of secrets may take their time."""
        named = [member.item.get("subnet_id") for pool in draft.pools for member in pool.members]
        if not any(named) and not any(map(asks_for_tls, (draft, *draft.pools))):
            return draft
        with self._context.uow.read() as transaction:
            project_id = guards.read_tree(transaction, Kind.LOAD_BALANCER, load_balancer_id).load_balancer.project_id
        if any(named):
            self._context.ports.check_subnets(named, project_id, every_project=False)
        return with_all_tls(self._context, draft, project_id)


def _require_parts(tree: Tree, made: Sequence[AnyRecord]) -> None:
    """The pools that are made with a listener, and theirs."""
    for record in made:
        if isinstance(record.item, Pool):
            guards.require(rules.validate_pool(tree, record.item))
        if isinstance(record.item, HealthMonitor):
            guards.require(rules.validate_monitor(record.item))
    guards.require(rules.validate_members(tree, [each.item for each in made if isinstance(each.item, Member)]))


def _require_valid(tree: Tree, listener: Listener) -> None:
    if listener.default_pool_id is not None:
        pool = tree.pools.get(listener.default_pool_id)
        if pool is None:
            raise guards.not_found(Kind.POOL, listener.default_pool_id, field="default_pool_id")
        guards.require_living(pool)
    guards.require(rules.validate_listener(tree, listener))
