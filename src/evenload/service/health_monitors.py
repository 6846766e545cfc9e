"""Use cases of health monitors; each is one transaction.

A monitor of a pool that was made by LBaaS v1 is what a template amounts to there (lbaas_v1/templates.py): it is changed
together with that, and with the monitors of other pools that have the same.
"""

from collections.abc import Sequence
from typing import cast

from evenload.interfaces.store import ListPart, Transaction
from evenload.model import rules, status
from evenload.model.balancer import AnyRecord, HealthMonitor, MonitorTemplate, Record, V1Monitor, template_of
from evenload.model.enums import Kind
from evenload.model.query import Page, Query, View
from evenload.service import drafts, guards
from evenload.service.commands import Changes, Draft
from evenload.service.context import Context
from evenload.service.lbaas_v1 import templates
from evenload.service.quotas import wanted_by
from evenload.service.views import view_of


class HealthMonitors:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, pool_id: str, draft: Draft) -> View[Record[HealthMonitor]]:
        """Members keep their operating status until they have been checked."""
        guards.require_tags(draft)
        self._context.allowed.require([draft])
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[HealthMonitor]]:
            before = guards.read_tree(transaction, Kind.POOL, pool_id)
            pool = before.pools[pool_id]
            guards.require_living(before.load_balancer, pool)
            self._context.limits.require_room(transaction, pool.project_id, wanted_by([Kind.HEALTH_MONITOR]))
            birth = drafts.Birth(pool.project_id, before.generation + 1, now)
            identifier = self._context.new_id()
            monitor = drafts.new_monitor(identifier, pool_id, draft)
            v1: V1Monitor | None = None
            if pool.v1 is not None:
                template = templates.template_from(monitor, identifier, pool.project_id, now)
                transaction.insert_template(template)
                v1 = V1Monitor(template_id=template.id)
            record = birth.record(monitor, draft, v1=v1)
            edited = before.with_record(record)
            guards.require(rules.validate_only_monitor(edited, monitor))
            guards.require(rules.validate_monitor(monitor))
            after = status.advance(edited, changed=[record.id], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.monitors[record.id])

        return self._context.uow.write(work)

    def update(self, identifier: str, changes: Changes) -> View[Record[HealthMonitor]]:
        guards.require_tags(changes)
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[HealthMonitor]]:
            template = _template_of(transaction, identifier) if changes.item else None
            before = guards.read_tree(transaction, Kind.HEALTH_MONITOR, identifier)
            present = before.monitors[identifier]
            guards.require_living(before.load_balancer, before.pools[present.item.pool_id], present)
            record = drafts.changed(present, changes)
            edited, touched = before.with_record(record), [identifier]
            guards.require(rules.validate_monitor(record.item))
            if template is not None:
                transaction.update_template(templates.changed_template(template, changes.item, now))
                edited, alike = templates.put_into(edited, template.id, changes.item)
                touched += alike
                templates.change_monitors(transaction, template.id, changes.item, now=now, but=before.id)
            after = status.advance(edited, changed=touched, now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.monitors[identifier])

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Of a pool made by LBaaS v1: the pool is no longer associated with it; other pools keep theirs. A template
        that came with a monitor of this API goes with it, unless others have it by now."""

        def work(transaction: Transaction) -> None:
            transaction.template(identifier)  # locked before the tree, where there is one
            before = guards.read_tree(transaction, Kind.HEALTH_MONITOR, identifier)
            after = status.removed(before, identifier, now=self._context.now())
            transaction.update_tree(before, after)
            if not any(view.record.id != identifier for view in _alike(transaction, identifier)):
                transaction.remove_template(identifier)

        self._context.uow.write(work)

    def get(self, identifier: str) -> View[Record[HealthMonitor]]:
        with self._context.uow.read() as transaction:
            return cast(View[Record[HealthMonitor]], guards.read_view(transaction, Kind.HEALTH_MONITOR, identifier))

    def list(self, query: Query) -> Page[Record[HealthMonitor]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[HealthMonitor]], transaction.find(Kind.HEALTH_MONITOR, query))


def _template_of(transaction: Transaction, identifier: str) -> MonitorTemplate | None:
    """Locked, and with it the trees of all pools that have it, before any of these is read: two who change monitors of
    the same template by different pools would wait for each other otherwise."""
    view = transaction.view(Kind.HEALTH_MONITOR, identifier)
    template_id = None if view is None else template_of(view.record)
    if template_id is None:
        return None
    template = transaction.template(template_id)
    transaction.lock_trees(each.relations.load_balancer_id for each in _alike(transaction, template_id))
    return template


def _alike(transaction: ListPart, template_id: str) -> Sequence[View[AnyRecord]]:
    return transaction.find(Kind.HEALTH_MONITOR, Query(filters={"template_id": (template_id,)})).views
