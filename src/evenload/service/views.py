"""What a caller is shown of an object: the record with the ids around it, from the tree that was just computed.

For what has just been changed; what only reads asks the store for its views. Pure.
"""

from typing import TypeVar

from evenload.model.balancer import AnyRecord, Item, Listener, LoadBalancer, Pool, pools_used_by
from evenload.model.enums import Kind
from evenload.model.l7 import L7Policy
from evenload.model.query import Relations, View
from evenload.model.tree import Tree, parents_of

R = TypeVar("R", bound=AnyRecord)


def view_of(tree: Tree, record: R) -> View[R]:
    return View(record=record, relations=relations_of(tree, record.item))


def relations_of(tree: Tree, item: Item) -> Relations:
    match item:
        case LoadBalancer():
            return Relations(load_balancer_id=tree.id, listener_ids=tuple(tree.listeners), pool_ids=tuple(tree.pools))
        case Listener():
            return Relations(
                load_balancer_id=tree.id,
                pool_ids=pools_used_by(item),
                policy_ids=tuple(record.id for record in tree.policies_of(item.id)),
            )
        case L7Policy():
            return Relations(load_balancer_id=tree.id, rule_ids=tuple(record.id for record in tree.rules_of(item.id)))
        case Pool():
            monitor = tree.monitor_of(item.id)
            return Relations(
                load_balancer_id=tree.id if tree.hosted else None,
                listener_ids=tuple(record.id for record in tree.users_of(item.id)),
                member_ids=tuple(record.id for record in tree.members_of(item.id)),
                monitor_id=None if monitor is None else monitor.id,
            )
        case _:
            return Relations(load_balancer_id=tree.id, pool_ids=parents_of(item, Kind.POOL))
