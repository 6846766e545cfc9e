"""The document an agent receives, built from a tree. Pure."""

from dataclasses import replace

from evenload.model.balancer import LoadBalancer, Pool
from evenload.model.desired import Desired, DesiredPort
from evenload.model.secret import SecretReference
from evenload.model.tree import Tree


def build_desired(tree: Tree, port: DesiredPort, secrets: tuple[SecretReference, ...] = ()) -> Desired:
    """Everything but what is being deleted."""
    carried = tree.carried()
    carried["pools"] = tuple(map(_in_force, carried["pools"]))
    return Desired(
        generation=tree.generation,
        project_id=tree.load_balancer.project_id,
        load_balancer=_for_agents(tree.load_balancer.item),
        port=port,
        secrets=secrets,
        edition=tree.edition,
        **carried,
    )


def _in_force(pool: Pool) -> Pool:
    """Without TLS that is only kept for later."""
    return replace(pool, tls=None) if pool.tls is not None and not pool.tls.enabled else pool


def _for_agents(item: LoadBalancer) -> LoadBalancer:
    """Without what is for people alone and travels to nobody."""
    if item.flavor_id is None and item.availability_zone is None:
        return item
    return replace(item, flavor_id=None, availability_zone=None)
