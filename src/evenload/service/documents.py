"""The document an agent receives, built from a tree. Pure."""

from typing import Any

from evenload.model.desired import Desired, DesiredPort
from evenload.model.secret import SecretReference
from evenload.model.tree import KINDS, Tree


def build_desired(tree: Tree, port: DesiredPort, secrets: tuple[SecretReference, ...] = ()) -> Desired:
    """Everything but what is being deleted."""
    carried: dict[str, Any] = {
        line.carried_as: tuple(record.item for record in tree.of_kind(kind).values() if not record.deleting)
        for kind, line in KINDS.items()
        if line.carried_as is not None
    }
    return Desired(
        generation=tree.generation,
        project_id=tree.load_balancer.project_id,
        load_balancer=tree.load_balancer.item,
        port=port,
        secrets=secrets,
        **carried,
    )
