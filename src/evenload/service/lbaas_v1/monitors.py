"""Use cases of LBaaS v1's health monitors, which belong to a project and not to a pool; each is one transaction.

How pools are associated with them: pools.py.
"""

from collections.abc import Mapping
from typing import Any

from evenload.interfaces.store import Transaction
from evenload.model import rules
from evenload.model.errors import HealthMonitorInUse, NotFound
from evenload.service import drafts, guards, quotas
from evenload.service.commands import Changes
from evenload.service.context import Context
from evenload.service.lbaas_v1 import templates, views
from evenload.service.lbaas_v1.commands import MonitorView
from evenload.service.quotas import Limits


class V1Monitors:
    """``item`` is a HealthMonitor's fields; ``http`` in it a mapping of HttpCheck's."""

    def __init__(self, context: Context, limits: Limits) -> None:
        self._context = context
        self._limits = limits

    def create(self, project_id: str, item: Mapping[str, Any]) -> MonitorView:
        identifier = self._context.new_id()
        monitor = drafts.new_monitor(identifier, "", Changes(item=item))
        template = templates.template_from(monitor, identifier, project_id, self._context.now())
        guards.require(rules.validate_template(template))

        def work(transaction: Transaction) -> MonitorView:
            self._limits.require_room(transaction, project_id, {quotas.HEALTH_MONITOR: 1})
            transaction.insert_template(template)
            return MonitorView(template=template, associations=())

        return self._context.uow.write(work)

    def update(self, identifier: str, item: Mapping[str, Any]) -> MonitorView:
        """In every pool that has it."""
        now = self._context.now()

        def work(transaction: Transaction) -> MonitorView:
            present = transaction.template(identifier)
            if present is None:
                raise NotFound("Health Monitor", identifier)
            template = templates.changed_template(present, item, now)
            # Octavia's API lets checks overlap: who changes something else here is not held to that.
            timed = not item.keys().isdisjoint(("delay", "timeout"))
            guards.require(rules.validate_template(template) if timed else rules.validate_monitor(template))
            transaction.update_template(template)
            templates.change_monitors(transaction, identifier, item, now=now)
            associations = views.associations_of(transaction, identifier)
            return MonitorView(template=template, associations=associations)

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Raises HealthMonitorInUse while a pool has it."""

        def work(transaction: Transaction) -> None:
            if transaction.template(identifier) is None:
                raise NotFound("Health Monitor", identifier)
            if views.associations_of(transaction, identifier):
                raise HealthMonitorInUse(f"Health monitor {identifier} still has associations with pools.")
            transaction.remove_template(identifier)

        self._context.uow.write(work)

    def get(self, identifier: str) -> MonitorView:
        with self._context.uow.read() as transaction:
            template = transaction.template(identifier)
            if template is None:
                raise NotFound("Health Monitor", identifier)
            return MonitorView(template=template, associations=views.associations_of(transaction, identifier))

    def list(self, project_id: str | None) -> list[MonitorView]:
        with self._context.uow.read() as transaction:
            return views.list_monitors(transaction, project_id)
