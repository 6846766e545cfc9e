"""VIPs, pools and monitors with what stands around them, from one tree or, for lists, from the store in bulk.

Inside a transaction. A list costs a handful of statements, however long.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar, cast

from evenload.interfaces.store import Transaction
from evenload.model.balancer import HealthMonitor, Item, Listener, LoadBalancer, Member, Pool, Record, template_of
from evenload.model.enums import Kind
from evenload.model.query import Query, Value
from evenload.model.tree import Tree
from evenload.service.lbaas_v1.commands import MonitorView, PoolView, VipView

R = TypeVar("R", bound=Item)
_CHUNK = 500


def vip_view(tree: Tree, identifier: str) -> VipView:
    listener = tree.listeners[identifier]
    return VipView(
        listener=listener,
        load_balancer=tree.load_balancer,
        pool=tree.pools.get(listener.item.default_pool_id or ""),
    )


def pool_view(tree: Tree, identifier: str) -> PoolView:
    return PoolView(
        pool=tree.pools[identifier],
        vip_id=vip_of(tree, identifier),
        # In the order of lists: one that came from another pool stands last in the tree, however old it is.
        member_ids=tuple(record.id for record in sorted(_living(tree.members_of(identifier)), key=_age)),
        monitors=tuple(_living(tree.monitors_of(identifier))),
    )


def vip_of(tree: Tree, pool_id: str) -> str | None:
    """The VIP that a pool has; one that is going is none any more."""
    return next((record.id for record in _living(tree.listeners_of(pool_id)) if record.v1 is not None), None)


def list_vips(transaction: Transaction, query: Query) -> list[VipView]:
    listeners = cast(list[Record[Listener]], _all(transaction, Kind.LISTENER, query))
    balancers = _by_id(transaction, Kind.LOAD_BALANCER, (record.item.load_balancer_id for record in listeners))
    pools = _by_id(transaction, Kind.POOL, (record.item.default_pool_id for record in listeners))
    return [
        VipView(
            listener=record,
            load_balancer=cast(Record[LoadBalancer], balancers[record.item.load_balancer_id]),
            pool=cast("Record[Pool] | None", pools.get(record.item.default_pool_id or "")),
        )
        for record in listeners
    ]


def list_pools(transaction: Transaction, query: Query) -> list[PoolView]:
    pools = cast(list[Record[Pool]], _all(transaction, Kind.POOL, query))
    ids = [record.id for record in pools]
    listeners = cast(list[Record[Listener]], _where(transaction, Kind.LISTENER, "default_pool_id", ids))
    vips = {record.item.default_pool_id: record.id for record in listeners if record.v1 is not None}
    members: dict[str, list[str]] = {}
    for member in cast(list[Record[Member]], _where(transaction, Kind.MEMBER, "pool_id", ids)):
        members.setdefault(member.item.pool_id, []).append(member.id)
    monitors: dict[str, list[Record[HealthMonitor]]] = {}
    for monitor in cast(list[Record[HealthMonitor]], _where(transaction, Kind.HEALTH_MONITOR, "pool_id", ids)):
        monitors.setdefault(monitor.item.pool_id, []).append(monitor)
    return [
        PoolView(
            pool=record,
            vip_id=vips.get(record.id),
            member_ids=tuple(members.get(record.id, ())),
            monitors=tuple(monitors.get(record.id, ())),
        )
        for record in pools
    ]


def list_members(transaction: Transaction, query: Query) -> list[Record[Member]]:
    return cast(list[Record[Member]], _all(transaction, Kind.MEMBER, query))


def list_monitors(transaction: Transaction, project_id: str | None) -> list[MonitorView]:
    templates = transaction.templates(project_id)
    found: dict[str | None, list[Record[HealthMonitor]]] = {}
    for record in _where(transaction, Kind.HEALTH_MONITOR, "template_id", [template.id for template in templates]):
        monitor = cast(Record[HealthMonitor], record)
        found.setdefault(template_of(monitor), []).append(monitor)
    return [MonitorView(template=each, associations=tuple(found.get(each.id, ()))) for each in templates]


def associations_of(transaction: Transaction, template_id: str) -> tuple[Record[HealthMonitor], ...]:
    found = _where(transaction, Kind.HEALTH_MONITOR, "template_id", [template_id])
    return tuple(cast(list[Record[HealthMonitor]], found))


def _all(transaction: Transaction, kind: Kind, query: Query) -> list[Record[Item]]:
    return _living(view.record for view in transaction.find(kind, query).views)


def _where(transaction: Transaction, kind: Kind, field: str, values: list[str]) -> list[Record[Item]]:
    """Many values take several questions: databases allow only so many parameters in one."""
    found: list[Record[Item]] = []
    for start in range(0, len(values), _CHUNK):
        chunk: tuple[Value, ...] = tuple(values[start : start + _CHUNK])
        found += _all(transaction, kind, Query(filters={field: chunk}))
    return found


def _by_id(transaction: Transaction, kind: Kind, identifiers: Iterable[str | None]) -> dict[str, Record[Item]]:
    """Those that are being deleted, too: they may still be around what is not."""
    wanted = sorted({identifier for identifier in identifiers if identifier is not None})
    found: dict[str, Record[Item]] = {}
    for start in range(0, len(wanted), _CHUNK):
        page = transaction.find(kind, Query(filters={"id": tuple(wanted[start : start + _CHUNK])}))
        found.update((view.record.id, view.record) for view in page.views)
    return found


def _age(record: Record[Member]) -> tuple[datetime, str]:
    return record.created_at, record.id


def _living(records: Iterable[Record[R]]) -> list[Record[R]]:
    return [record for record in records if not record.deleting]
