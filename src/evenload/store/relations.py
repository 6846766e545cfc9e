"""The ids around the objects that a page shows. Read in bulk, a statement per relation and page however long.

Called by queries.py inside a transaction, with its connection.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from evenload.model.balancer import pools_used_by
from evenload.model.enums import Kind
from evenload.model.query import Relations
from evenload.model.tree import parents_of
from evenload.store import tables

# Bound parameters of one statement; SQLite's own limit was 999 for long.
_CHUNK = 900


def _children(table: Any, parent: Any) -> Select[Any]:
    return select(parent, table.c.id).where(parent.in_(bindparam("parents", expanding=True))).order_by(table.c.position)


_LISTENERS_OF_TREE = _children(tables.LISTENERS, tables.LISTENERS.c.load_balancer_id)
_POOLS_OF_TREE = _children(tables.POOLS, tables.POOLS.c.load_balancer_id)
_LISTENERS_OF_POOL = _children(tables.LISTENERS, tables.LISTENERS.c.default_pool_id)
_MEMBERS_OF_POOL = _children(tables.MEMBERS, tables.MEMBERS.c.pool_id)
# The first is the one that Tree.monitor_of would choose.
_MONITORS_OF_POOL = (
    _children(tables.HEALTH_MONITORS, tables.HEALTH_MONITORS.c.pool_id)
    .order_by(None)
    .order_by(
        tables.HEALTH_MONITORS.c.deleting,
        tables.HEALTH_MONITORS.c.admin_state_up.desc(),
        tables.HEALTH_MONITORS.c.position,
    )
)
_STANDING_ALONE = select(tables.LOAD_BALANCERS.c.id, tables.LOAD_BALANCERS.c.id).where(
    tables.LOAD_BALANCERS.c.port_id.is_(None),
    tables.LOAD_BALANCERS.c.id.in_(bindparam("parents", expanding=True)),
)


def _ids_by_parent(connection: Connection, statement: Select[Any], parents: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for start in range(0, len(parents), _CHUNK):
        for parent, child in connection.execute(statement, {"parents": parents[start : start + _CHUNK]}):
            found.setdefault(parent, []).append(child)
    return found


def read_relations(
    connection: Connection, kind: Kind, found: Sequence[Any], records: Sequence[Any]
) -> Iterable[Relations]:
    ids = [record.item.id for record in records]
    match kind:
        case Kind.LOAD_BALANCER:
            listeners = _ids_by_parent(connection, _LISTENERS_OF_TREE, ids)
            pools = _ids_by_parent(connection, _POOLS_OF_TREE, ids)
            return [
                Relations(
                    load_balancer_id=key,
                    listener_ids=tuple(listeners.get(key, ())),
                    pool_ids=tuple(pools.get(key, ())),
                )
                for key in ids
            ]
        case Kind.LISTENER:
            return [
                Relations(
                    load_balancer_id=record.item.load_balancer_id,
                    pool_ids=pools_used_by(record.item),
                )
                for record in records
            ]
        case Kind.POOL:
            listeners = _ids_by_parent(connection, _LISTENERS_OF_POOL, ids)
            members = _ids_by_parent(connection, _MEMBERS_OF_POOL, ids)
            monitors = _ids_by_parent(connection, _MONITORS_OF_POOL, ids)
            owners = sorted({record.item.load_balancer_id for record in records})
            alone = _ids_by_parent(connection, _STANDING_ALONE, owners)
            return [
                Relations(
                    load_balancer_id=None if record.item.load_balancer_id in alone else record.item.load_balancer_id,
                    listener_ids=tuple(listeners.get(record.item.id, ())),
                    member_ids=tuple(members.get(record.item.id, ())),
                    monitor_id=next(iter(monitors.get(record.item.id, ())), None),
                )
                for record in records
            ]
        case _:  # rows end with the tree's id
            return [
                Relations(load_balancer_id=row[-1], pool_ids=parents_of(record.item, Kind.POOL))
                for row, record in zip(found, records, strict=True)
            ]
