"""Which pool may stand behind which VIP of LBaaS v1, and who else uses a pool or a load balancer. Pure."""

from typing import Any

from evenload.model import rules
from evenload.model.balancer import Listener, Pool, Record
from evenload.model.enums import ListenerProtocol, PersistenceType, PoolProtocol
from evenload.model.errors import ForeignProject, Invalid, PoolInUse, ProtocolMismatch, VipExists
from evenload.model.tree import Tree
from evenload.service import guards

_COOKIES = frozenset({PersistenceType.HTTP_COOKIE, PersistenceType.APP_COOKIE})


def require_fit(held: Tree, pool_id: str, protocol: ListenerProtocol, project_id: str) -> Record[Pool]:
    """The pool, which a VIP of that protocol and project may get. Raises Immutable, ForeignProject, ProtocolMismatch,
    VipExists, PoolInUse."""
    pool = held.pools[pool_id]
    guards.require_living(held.load_balancer, pool)
    if pool.project_id != project_id:
        raise ForeignProject(f"Pool {pool_id} belongs to another project.")
    if protocol.value != pool.item.protocol.value:
        raise ProtocolMismatch(
            f"Protocol {protocol.value} does not match pool protocol {pool.item.protocol.value}.", field="protocol"
        )
    if any(not listener.deleting for listener in held.listeners_of(pool_id)):
        raise VipExists(f"Another Vip already exists for pool {pool_id}.", field="pool_id")
    if is_chosen(held, pool_id):
        raise PoolInUse(f"Pool {pool_id} is still in use.")
    return pool


def require_valid(tree: Tree, identifier: str) -> None:
    """``tree``: with the VIP as it would be."""
    listener: Listener = tree.listeners[identifier].item
    guards.require(rules.validate_listener(tree, listener))
    pool: Record[Any] | None = tree.pools.get(listener.default_pool_id or "")
    if pool is None:
        return
    guards.require(rules.validate_pool(tree, pool.item))
    kept = pool.item.session_persistence
    if kept is not None and kept.type in _COOKIES and pool.item.protocol is not PoolProtocol.HTTP:
        raise Invalid(
            f"Session persistence {kept.type.value} needs protocol HTTP: there are no cookies to see otherwise.",
            field="session_persistence",
        )
    guards.require(rules.validate_members(tree, [record.item for record in tree.members_of(pool.id)]))


def is_only_user(tree: Tree, pool_id: str, identifier: str) -> bool:
    """Whether no other listener than this one uses the pool, which is one of v1's and is to stay, and no L7 policy."""
    users = {record.id for record in tree.listeners_of(pool_id) if not record.deleting}
    pool = tree.pools[pool_id]
    return users <= {identifier} and pool.v1 is not None and not pool.deleting and not is_chosen(tree, pool_id)


def is_chosen(tree: Tree, pool_id: str) -> bool:
    """Whether an L7 policy sends requests to the pool."""
    return any(not policy.deleting for policy in tree.policies_to(pool_id))


def is_shared(tree: Tree, identifier: str) -> bool:
    """Whether the load balancer has something beside the VIP that has to stay."""
    return any(not pool.deleting for pool in tree.pools.values()) or any(
        not listener.deleting for listener in tree.listeners.values() if listener.id != identifier
    )
