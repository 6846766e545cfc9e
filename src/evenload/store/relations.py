"""The ids around the objects that a page shows. Read in bulk, a statement per relation and page however long.

Inside a transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, bindparam, exists, select

from evenload.model.balancer import pools_used_by
from evenload.model.enums import Kind
from evenload.model.query import Relations
from evenload.model.tree import parents_of
from evenload.store.tables.trees import (
    HEALTH_MONITORS,
    L7_POLICIES,
    L7_RULES,
    LISTENERS,
    LOAD_BALANCERS,
    MEMBERS,
    POOLS,
)

# Bound parameters of one statement; SQLite's own limit was 999 for long.
_CHUNK = 900


class _Ids:
    """The ids of the children of some parents, in their order. One parent, as where a single object is shown, has a
    statement of its own: it is compiled once, where a list of parents is written into the text each time."""

    def __init__(self, parent: Column[Any], child: Column[Any], *order: Any, where: ColumnElement[bool] | None = None):
        statement = select(parent, child).order_by(*order)
        if where is not None:
            statement = statement.where(where)
        self._of_one = statement.where(parent == bindparam("parent"))
        self._of_many = statement.where(parent.in_(bindparam("parents", expanding=True)))

    def by_parent(self, connection: Connection, parents: Sequence[str]) -> dict[str, list[str]]:
        if len(parents) == 1:
            rows = connection.execute(self._of_one, {"parent": parents[0]})
            children = [child for _, child in rows]
            return {parents[0]: children} if children else {}
        found: dict[str, list[str]] = {}
        for start in range(0, len(parents), _CHUNK):
            for parent, child in connection.execute(self._of_many, {"parents": parents[start : start + _CHUNK]}):
                found.setdefault(parent, []).append(child)
        return found


_LISTENERS, _POOLS = LISTENERS.c, POOLS.c
_MEMBERS, _MONITORS, _LOAD_BALANCERS = MEMBERS.c, HEALTH_MONITORS.c, LOAD_BALANCERS.c
_LISTENERS_OF_TREE = _Ids(_LISTENERS.load_balancer_id, _LISTENERS.id, _LISTENERS.position)
_POOLS_OF_TREE = _Ids(_POOLS.load_balancer_id, _POOLS.id, _POOLS.position)
_LISTENERS_OF_POOL = _Ids(_LISTENERS.default_pool_id, _LISTENERS.id, _LISTENERS.position)
_MEMBERS_OF_POOL = _Ids(_MEMBERS.pool_id, _MEMBERS.id, _MEMBERS.position)
# The first is the one that Tree.monitor_of would choose.
_MONITORS_OF_POOL = _Ids(
    _MONITORS.pool_id, _MONITORS.id, _MONITORS.deleting, _MONITORS.admin_state_up.desc(), _MONITORS.position
)
_POLICIES, _RULES = L7_POLICIES.c, L7_RULES.c
_POLICIES_OF_LISTENER = _Ids(
    _POLICIES.listener_id, _POLICIES.id, _POLICIES.deleting, _POLICIES.place, _POLICIES.position
)
_RULES_OF_POLICY = _Ids(_RULES.policy_id, _RULES.id, _RULES.position)
_HAS_RULE = exists().where(_RULES.policy_id == _POLICIES.id, _RULES.admin_state_up.is_(True))
# As Tree.users_of and Tree.pools_of have them.
_IN_FORCE = _POLICIES.admin_state_up.is_(True) & _HAS_RULE
_CHOOSING_LISTENERS = _Ids(_POLICIES.redirect_pool_id, _POLICIES.listener_id, _POLICIES.position, where=_IN_FORCE)
_STANDING_ALONE = _Ids(_LOAD_BALANCERS.id, _LOAD_BALANCERS.id, where=_LOAD_BALANCERS.port_id.is_(None))


def read_relations(
    connection: Connection, kind: Kind, found: Sequence[Any], records: Sequence[Any]
) -> Iterable[Relations]:
    ids = [record.item.id for record in records]
    match kind:
        case Kind.LOAD_BALANCER:
            listeners = _LISTENERS_OF_TREE.by_parent(connection, ids)
            pools = _POOLS_OF_TREE.by_parent(connection, ids)
            return [
                Relations(
                    load_balancer_id=key,
                    listener_ids=tuple(listeners.get(key, ())),
                    pool_ids=tuple(pools.get(key, ())),
                )
                for key in ids
            ]
        case Kind.LISTENER:
            policies = _POLICIES_OF_LISTENER.by_parent(connection, ids)
            return [
                Relations(
                    load_balancer_id=record.item.load_balancer_id,
                    pool_ids=pools_used_by(record.item),
                    policy_ids=tuple(policies.get(record.item.id, ())),
                )
                for record in records
            ]
        case Kind.L7_POLICY:
            rules = _RULES_OF_POLICY.by_parent(connection, ids)
            return [
                Relations(load_balancer_id=row[-1], rule_ids=tuple(rules.get(record.item.id, ())))
                for row, record in zip(found, records, strict=True)
            ]
        case Kind.POOL:
            listeners = _LISTENERS_OF_POOL.by_parent(connection, ids)
            choosing = _CHOOSING_LISTENERS.by_parent(connection, ids)
            members = _MEMBERS_OF_POOL.by_parent(connection, ids)
            monitors = _MONITORS_OF_POOL.by_parent(connection, ids)
            owners = sorted({record.item.load_balancer_id for record in records})
            alone = _STANDING_ALONE.by_parent(connection, owners)
            return [
                Relations(
                    load_balancer_id=None if record.item.load_balancer_id in alone else record.item.load_balancer_id,
                    listener_ids=tuple(
                        dict.fromkeys((*listeners.get(record.item.id, ()), *choosing.get(record.item.id, ())))
                    ),
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
