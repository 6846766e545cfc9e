"""The document an agent receives, built from a tree. Pure; called by the gateway."""

from typing import TypeVar

from evenload.model.balancer import Item, Record, Tree
from evenload.model.desired import Desired, DesiredPort

R = TypeVar("R", bound=Item)


def build_desired(tree: Tree, port: DesiredPort) -> Desired:
    """Everything but what is being deleted."""
    return Desired(
        generation=tree.generation,
        project_id=tree.load_balancer.project_id,
        load_balancer=tree.load_balancer.item,
        port=port,
        listeners=_living(tree.listeners),
        pools=_living(tree.pools),
        members=_living(tree.members),
        monitors=_living(tree.monitors),
    )


def _living(records: dict[str, Record[R]]) -> tuple[R, ...]:
    return tuple(record.item for record in records.values() if not record.deleting)
