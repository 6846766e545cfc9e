"""Use cases of LBaaS v1's pools; each is one transaction.

A pool comes before its VIP. Until then it stands alone in a tree on no host, bound to the agent that will serve it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evenload.interfaces.store import TemplatePart, Transaction, TreePart
from evenload.model import rules, status
from evenload.model.balancer import LoadBalancer, V1Monitor, V1Pool, template_of
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.errors import ForeignProject, NotFound, PoolInUse, PoolMonitorAssociationExists
from evenload.model.placement import alone_on
from evenload.model.query import Query
from evenload.model.tree import Tree
from evenload.service import drafts, guards, quotas
from evenload.service.commands import Changes
from evenload.service.context import Context
from evenload.service.homes import take_agent
from evenload.service.lbaas_v1 import templates, views, vip_rules
from evenload.service.lbaas_v1.commands import PoolView, V1PoolDraft
from evenload.service.lbaas_v1.templates import monitor_from
from evenload.service.lbaas_v1.totals import read_totals
from evenload.service.quotas import Limits


class V1Pools:
    """``provider``: the name under which Octavia's API shows what is made here."""

    def __init__(self, context: Context, limits: Limits, provider: str) -> None:
        self._context = context
        self._limits = limits
        self._provider = provider

    def create(self, project_id: str, draft: V1PoolDraft, monitor_ids: Sequence[str] = ()) -> PoolView:
        """Raises NoHost where there is no agent that could serve it."""
        context = self._context
        now = context.now()

        def work(transaction: Transaction) -> PoolView:
            _lock_templates(transaction, monitor_ids)
            self._limits.require_room(transaction, project_id, {quotas.POOL: 1})
            agent = take_agent(context, transaction)
            birth = drafts.Birth(project_id, 1, now)
            holder = LoadBalancer(id=context.new_id(), provider=self._provider)
            pool = drafts.new_pool(context.new_id(), holder.id, draft)
            v1 = V1Pool(subnet_id=draft.subnet_id, provider=draft.provider)
            empty = Tree(load_balancer=birth.record(holder, Changes()), generation=0, placements=alone_on(agent.name))
            edited = empty.with_record(birth.record(pool, draft, v1=v1))
            edited, associated = self._associated(transaction, edited, pool.id, monitor_ids)
            guards.require(rules.validate_pool(edited, pool))
            tree = status.advance(edited, changed=[pool.id, *associated], now=now)
            transaction.insert_tree(tree)
            return views.pool_view(tree, pool.id)

        return context.uow.write(work)

    def update(self, identifier: str, changes: Changes, monitor_ids: Sequence[str] | None = None) -> PoolView:
        """``monitor_ids``: the monitors that the pool has from now on; None: those that it has."""
        now = self._context.now()

        def work(transaction: Transaction) -> PoolView:
            _lock_templates(transaction, monitor_ids or ())
            before = read_pool(transaction, identifier)
            guards.require_living(before.load_balancer, before.pools[identifier])
            record = drafts.changed(before.pools[identifier], changes)
            edited = before.with_record(record)
            associated: Sequence[str] = ()
            gone: Sequence[str] = ()
            if monitor_ids is not None:
                present = {template_of(each): each for each in views.pool_view(before, identifier).monitors}
                gone = [each.id for template_id, each in present.items() if template_id not in monitor_ids]
                fresh = [each for each in monitor_ids if each not in present]
                edited, associated = self._associated(transaction, edited, identifier, fresh)
            guards.require(rules.validate_pool(edited, record.item))
            after = status.advance(edited, changed=[identifier, *associated], deleted=gone, now=now)
            transaction.update_tree(before, after)
            return views.pool_view(after, identifier)

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """With its members; its monitors are no longer associated with it. Raises PoolInUse while it has a VIP."""

        def work(transaction: Transaction) -> None:
            templates.lock_own(transaction, [identifier])
            before = read_pool(transaction, identifier)
            if before.pools[identifier].deleting:
                raise guards.not_found(Kind.POOL, identifier)
            used = any(not listener.deleting for listener in before.listeners_of(identifier))
            if used or vip_rules.is_chosen(before, identifier):
                raise PoolInUse(f"Pool {identifier} is still in use.")
            templates.remove_own(transaction, before.monitors_of(identifier))
            after = status.removed(before, identifier, now=self._context.now())
            if after.hosted or after.pools:
                transaction.update_tree(before, after)
            else:
                transaction.remove_tree(before)

        self._context.uow.write(work)

    def associate(self, identifier: str, *monitor_ids: str) -> None:
        """All of them or none. Raises NotFound for a monitor that does not exist, ForeignProject,
        PoolMonitorAssociationExists."""

        def work(transaction: Transaction) -> None:
            _lock_templates(transaction, monitor_ids)
            before = read_pool(transaction, identifier)
            guards.require_living(before.load_balancer, before.pools[identifier])
            edited, associated = self._associated(transaction, before, identifier, monitor_ids)
            after = status.advance(edited, changed=associated, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def dissociate(self, identifier: str, monitor_id: str) -> None:

        def work(transaction: Transaction) -> None:
            before = read_pool(transaction, identifier)
            association = _association(before, identifier, monitor_id)
            after = status.removed(before, association, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def association(self, identifier: str, monitor_id: str) -> None:
        """Raises NotFound where there is none."""
        with self._context.uow.read() as transaction:
            _association(read_pool(transaction, identifier), identifier, monitor_id)

    def get(self, identifier: str) -> PoolView:
        with self._context.uow.read() as transaction:
            return views.pool_view(read_pool(transaction, identifier), identifier)

    def list(self, query: Query) -> list[PoolView]:
        with self._context.uow.read() as transaction:
            return views.list_pools(transaction, replace(query, v1=True))

    def agent_of(self, identifier: str) -> str:
        with self._context.uow.read() as transaction:
            return read_pool(transaction, identifier).home

    def of_agent(self, name: str) -> Sequence[PoolView]:
        """The pools that are bound to an agent."""
        with self._context.uow.read() as transaction:
            trees = [tree for tree in map(transaction.tree, transaction.bound_to(name)) if tree is not None]
            return [
                views.pool_view(tree, record.id)
                for tree in trees
                for record in tree.pools.values()
                if record.v1 is not None and not record.deleting
            ]

    def statistics(self, identifier: str) -> Statistics:
        """What its listeners counted for it, those that are gone too."""
        with self._context.uow.read() as transaction:
            return read_totals(transaction, read_pool(transaction, identifier), identifier)

    def _associated(
        self, transaction: Transaction, tree: Tree, pool_id: str, monitor_ids: Sequence[str]
    ) -> tuple[Tree, Sequence[str]]:
        """The tree with monitors of these templates, and their ids."""
        birth = drafts.Birth(tree.load_balancer.project_id, tree.generation + 1, self._context.now())
        made = []
        for template_id in monitor_ids:
            template = transaction.template(template_id)
            if template is None:
                raise NotFound("Health Monitor", template_id, field="health_monitor")
            if template.project_id != tree.load_balancer.project_id:
                raise ForeignProject(f"Health monitor {template_id} belongs to another project.")
            if any(template_of(each) == template_id for each in views.pool_view(tree, pool_id).monitors):
                raise PoolMonitorAssociationExists(
                    f"Health monitor {template_id} is already associated with Pool {pool_id}."
                )
            monitor = monitor_from(template, self._context.new_id(), pool_id)
            record = birth.record(monitor, Changes(), v1=V1Monitor(template_id=template_id))
            tree = tree.with_record(record)
            made.append(record.id)
        return tree, made


def _lock_templates(transaction: TemplatePart, identifiers: Iterable[str]) -> None:
    """Before the pool's tree, in one order."""
    for identifier in sorted(identifiers):
        transaction.template(identifier)


def read_pool(transaction: TreePart, identifier: str) -> Tree:
    """The tree with that pool. Raises NotFound also for a pool that LBaaS v1 does not know."""
    tree = guards.read_tree(transaction, Kind.POOL, identifier)
    if tree.pools[identifier].v1 is None:
        raise guards.not_found(Kind.POOL, identifier)
    return tree


def _association(tree: Tree, pool_id: str, template_id: str) -> str:
    for record in views.pool_view(tree, pool_id).monitors:
        if template_of(record) == template_id:
            return record.id
    raise NotFound("PoolMonitorAssociation", f"of Pool {pool_id} with Health Monitor {template_id}")
