"""Which backends a load balancer needs: pools as the listeners in service use them.

A pool's connect and server timeouts come from its listeners, and its mode from their protocol; HAProxy has all three
in the backend. So the listeners of a pool are put into groups that agree in these, one backend each, with
names that lead back to the objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from evenload.model.balancer import Listener, Pool, pools_used_by
from evenload.model.desired import Desired
from evenload.render.haproxy_policies import policies_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One backend: a pool for some of its listeners. Times in milliseconds, 0 for no limit."""

    name: str
    pool: Pool
    http: bool
    connect: int
    server: int
    listener_ids: tuple[str, ...]


def listeners_in_service(desired: Desired) -> tuple[Listener, ...]:
    """Those that have their port open. None at all means that there is nothing for HAProxy to do."""
    if not desired.load_balancer.admin_state_up:
        return ()
    return tuple(listener for listener in desired.listeners if listener.admin_state_up)


def choose_groups(desired: Desired) -> tuple[Group, ...]:
    """In the order of the pools, within a pool of the listeners. Disabled and unused pools have none."""
    users = _users_by_pool(desired)
    return tuple(group for pool in desired.pools if pool.admin_state_up for group in _groups_of(pool, users))


def pool_of(backend: str) -> str:
    """The id of the pool that a backend of that name belongs to."""
    return backend.partition(":")[0]


_Terms = tuple[bool, int, int]
"""What listeners of one backend agree in: HTTP or not, connect and server timeout."""


def _users_by_pool(desired: Desired) -> dict[str, dict[_Terms, list[str]]]:
    """Pool id → terms → ids of the listeners in service that use the pool on these terms."""
    users: dict[str, dict[_Terms, list[str]]] = {}
    for listener in listeners_in_service(desired):
        http = listener.protocol.speaks_http
        terms = (http, listener.timeout_member_connect, listener.timeout_member_data)
        redirected = (each.pool_id for each in policies_in_force(desired, listener) if each.pool_id is not None)
        for pool_id in dict.fromkeys((*pools_used_by(listener), *redirected)):
            users.setdefault(pool_id, {}).setdefault(terms, []).append(listener.id)
    return users


def _groups_of(pool: Pool, users: Mapping[str, Mapping[_Terms, list[str]]]) -> list[Group]:
    return [
        Group(
            name=pool.id if place == 0 else f"{pool.id}:{ids[0]}",
            pool=pool,
            http=http,
            connect=connect,
            server=server,
            listener_ids=tuple(ids),
        )
        for place, ((http, connect, server), ids) in enumerate(users.get(pool.id, {}).items())
    ]
