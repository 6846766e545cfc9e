"""Health monitors that any number of pools have: one template, and what it amounts to in each pool's tree.

Inside a writing transaction. Whoever changes one of the monitors changes the template and all the others with it: LBaaS
v1 could not say otherwise. A template that came with a monitor of Octavia's API has its id, and goes with it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.model.balancer import HealthMonitor, MonitorTemplate, Record, template_of
from evenload.model.enums import Kind
from evenload.model.query import Query
from evenload.model.tree import Tree
from evenload.service import drafts
from evenload.service.commands import Changes

_SHARED = frozenset(each.name for each in fields(HealthMonitor)) & frozenset(
    each.name for each in fields(MonitorTemplate)
) - {"id"}


def monitor_from(template: MonitorTemplate, identifier: str, pool_id: str) -> HealthMonitor:
    shared = {name: getattr(template, name) for name in _SHARED}
    return HealthMonitor(id=identifier, pool_id=pool_id, **shared)


def template_from(monitor: HealthMonitor, identifier: str, project_id: str, now: datetime) -> MonitorTemplate:
    shared = {name: getattr(monitor, name) for name in _SHARED}
    return MonitorTemplate(id=identifier, project_id=project_id, created_at=now, **shared)


def changed_template(template: MonitorTemplate, item: Mapping[str, Any], now: datetime) -> MonitorTemplate:
    monitor = drafts.changed_monitor(monitor_from(template, template.id, ""), item)
    return replace(template, updated_at=now, **{name: getattr(monitor, name) for name in _SHARED})


def change_monitors(
    transaction: Transaction, template_id: str, item: Mapping[str, Any], *, now: datetime, but: str | None = None
) -> None:
    """Brings the change to every pool that has the monitor, but for the tree ``but``."""
    views = transaction.find(Kind.HEALTH_MONITOR, Query(filters={"template_id": (template_id,)})).views
    owners = {transaction.owner_of(Kind.HEALTH_MONITOR, view.record.id) for view in views}
    for owner in sorted(owner for owner in owners if owner not in (None, but)):  # the order of locks
        before = transaction.tree(owner)
        if before is None:
            continue
        edited, touched = put_into(before, template_id, item)
        if touched:
            after = status.advance(edited, changed=touched, now=now)
            transaction.update_tree(before, after)


def lock_own(transaction: Transaction, pool_ids: Sequence[str]) -> None:
    """Before the pools' trees are read: locks the templates that came with their monitors."""
    if not pool_ids:
        return
    views = transaction.find(Kind.HEALTH_MONITOR, Query(filters={"pool_id": tuple(pool_ids)})).views
    for identifier in sorted(view.record.id for view in views if template_of(view.record) == view.record.id):
        transaction.template(identifier)


def remove_own(transaction: Transaction, going: Collection[Record[HealthMonitor]]) -> None:
    """The templates that came with these monitors, but for those that other pools have by now. One whose pool was
    parted from it before stays: its monitor only waits there for the host."""
    leaving = {record.id for record in going}
    own = [record.id for record in going if template_of(record) == record.id and not record.deleting]
    for identifier in sorted(own):
        alike = transaction.find(Kind.HEALTH_MONITOR, Query(filters={"template_id": (identifier,)})).views
        if leaving.issuperset(view.record.id for view in alike):
            transaction.remove_template(identifier)


def put_into(tree: Tree, template_id: str, item: Mapping[str, Any]) -> tuple[Tree, list[str]]:
    """The tree with its monitors of that template changed, and their ids."""
    edited = [
        drafts.changed(record, Changes(item=item))
        for record in tree.monitors.values()
        if template_of(record) == template_id and not record.deleting
    ]
    return tree.with_records(edited), [record.id for record in edited]
