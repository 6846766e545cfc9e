"""The document an agent receives, built from a tree. Pure."""

from evenload.model.desired import Desired, DesiredPort
from evenload.model.secret import SecretReference
from evenload.model.tree import Tree


def build_desired(tree: Tree, port: DesiredPort, secrets: tuple[SecretReference, ...] = ()) -> Desired:
    """Everything but what is being deleted."""
    return Desired(
        generation=tree.generation,
        project_id=tree.load_balancer.project_id,
        load_balancer=tree.load_balancer.item,
        port=port,
        secrets=secrets,
        edition=tree.edition,
        **tree.carried(),
    )
