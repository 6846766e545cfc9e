"""What a caller is shown of an object: the record with the ids around it, from the tree that was just computed.

Called by the use cases that change something; what only reads asks the store for its views. Pure.
"""

from typing import TypeVar

from evenload.model.balancer import AnyRecord, HealthMonitor, Item, Listener, LoadBalancer, Member, Pool, Tree
from evenload.model.query import Relations, View

R = TypeVar("R", bound=AnyRecord)


def view_of(tree: Tree, record: R) -> View[R]:
    return View(record=record, relations=relations_of(tree, record.item))


def relations_of(tree: Tree, item: Item) -> Relations:
    match item:
        case LoadBalancer():
            return Relations(load_balancer_id=tree.id, listener_ids=tuple(tree.listeners), pool_ids=tuple(tree.pools))
        case Listener():
            return Relations(load_balancer_id=tree.id, pool_ids=(item.default_pool_id,) if item.default_pool_id else ())
        case Pool():
            return Relations(
                load_balancer_id=tree.id,
                listener_ids=tuple(record.id for record in tree.listeners_of(item.id)),
                member_ids=tuple(record.id for record in tree.members_of(item.id)),
                monitor_id=_monitor_id(tree, item.id),
            )
        case Member() | HealthMonitor():
            return Relations(load_balancer_id=tree.id, pool_ids=(item.pool_id,))


def _monitor_id(tree: Tree, pool_id: str) -> str | None:
    """The newest, since a pool may have a new monitor while the old one is still being deleted."""
    monitors = [record.id for record in tree.monitors.values() if record.item.pool_id == pool_id]
    return monitors[-1] if monitors else None
