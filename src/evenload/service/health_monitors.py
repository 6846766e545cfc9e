"""Use cases of health monitors; each is one transaction. Called by the facades."""

from typing import cast

from evenload.model import rules, status
from evenload.model.balancer import HealthMonitor, Record
from evenload.model.enums import Kind
from evenload.model.query import Page, Query, View
from evenload.service import drafts, guards
from evenload.service.commands import Changes, Draft
from evenload.service.context import Context
from evenload.service.views import view_of


class HealthMonitors:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, pool_id: str, draft: Draft) -> View[Record[HealthMonitor]]:
        """Members keep their operating status until they have been checked."""
        guards.require_tags(draft)
        now = self._context.now()
        with self._context.uow.write() as transaction:
            before = guards.read_tree(transaction, Kind.POOL, pool_id)
            guards.require_living(before.load_balancer, before.pools[pool_id])
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            record = birth.record(drafts.new_monitor(self._context.new_id(), pool_id, draft), draft)
            edited = before.with_record(record)
            guards.require(rules.validate_monitor(edited, record.item))
            after = status.advance(edited, changed=[record.id], now=now)
            transaction.save_tree(before, after)
        self._context.announce(after)
        return view_of(after, after.monitors[record.id])

    def update(self, identifier: str, changes: Changes) -> View[Record[HealthMonitor]]:
        guards.require_tags(changes)
        with self._context.uow.write() as transaction:
            before = guards.read_tree(transaction, Kind.HEALTH_MONITOR, identifier)
            present = before.monitors[identifier]
            guards.require_living(before.load_balancer, before.pools[present.item.pool_id], present)
            record = drafts.changed(present, changes)
            edited = before.with_record(record)
            guards.require(rules.validate_monitor(edited, record.item))
            after = status.advance(edited, changed=[identifier], now=self._context.now())
            transaction.save_tree(before, after)
        self._context.announce(after)
        return view_of(after, after.monitors[identifier])

    def delete(self, identifier: str) -> None:
        with self._context.uow.write() as transaction:
            before = guards.read_tree(transaction, Kind.HEALTH_MONITOR, identifier)
            after = status.removed(before, identifier, now=self._context.now())
            transaction.save_tree(before, after)
        self._context.announce(after)

    def get(self, identifier: str) -> View[Record[HealthMonitor]]:
        with self._context.uow.read() as transaction:
            return cast(View[Record[HealthMonitor]], guards.read_view(transaction, Kind.HEALTH_MONITOR, identifier))

    def list(self, query: Query) -> Page[Record[HealthMonitor]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[HealthMonitor]], transaction.find(Kind.HEALTH_MONITOR, query))
