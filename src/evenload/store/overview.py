"""All load balancers in a few statements, for who wants to see at once how they are. Reads columns, no trees: a host
may have a thousand.

For the commands that look at a database from outside of the server.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from evenload.store.mapping import from_moment
from evenload.store.tables.hosts import PLACEMENTS
from evenload.store.tables.trees import (
    HEALTH_MONITORS,
    L7_POLICIES,
    L7_RULES,
    LISTENERS,
    LOAD_BALANCERS,
    MEMBERS,
    POOLS,
)

_BALANCERS = LOAD_BALANCERS.c
_HOSTED = _BALANCERS.port_id.is_not(None)
_READ = (
    select(
        _BALANCERS.id,
        _BALANCERS.name,
        _BALANCERS.project_id,
        _BALANCERS.vip_address,
        _BALANCERS.admin_state_up,
        _BALANCERS.provisioning_status,
        _BALANCERS.operating_status,
        _BALANCERS.operating_reason,
        _BALANCERS.operating_since,
        _BALANCERS.fault,
        _BALANCERS.created_at,
        _BALANCERS.updated_at,
    )
    .where(_HOSTED)
    .order_by(_BALANCERS.name, _BALANCERS.position)
)
_HOSTS = select(PLACEMENTS.c.load_balancer_id, PLACEMENTS.c.agent).order_by(
    PLACEMENTS.c.load_balancer_id, PLACEMENTS.c.agent
)
_MEMBERS = MEMBERS.c
_COUNTED = select(_MEMBERS.load_balancer_id, _MEMBERS.operating_status, func.count()).group_by(
    _MEMBERS.load_balancer_id, _MEMBERS.operating_status
)
_DOWN = (
    select(
        _MEMBERS.load_balancer_id,
        _MEMBERS.id,
        _MEMBERS.name,
        _MEMBERS.address,
        _MEMBERS.port,
        _MEMBERS.operating_reason,
    )
    .where(_MEMBERS.operating_status == "ERROR")
    .order_by(_MEMBERS.position)
)
_LISTENERS = LISTENERS.c
_FULL = (
    select(_LISTENERS.load_balancer_id, _LISTENERS.name, _LISTENERS.protocol, _LISTENERS.port)
    .where(_LISTENERS.operating_status == "DEGRADED")
    .order_by(_LISTENERS.position)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownMember:
    id: str
    name: str
    address: str
    port: int
    reason: str | None


@dataclass(slots=True, kw_only=True)
class BalancerLine:
    """``members``: how many in each operating status; ``down``: the first of those in ERROR. ``full``: the first
    listener that has as many connections as it may."""

    id: str
    name: str
    project_id: str
    vip: str | None
    admin_state_up: bool
    provisioning_status: str
    operating_status: str
    reason: str | None
    since: datetime
    fault: str | None
    created_at: datetime
    updated_at: datetime | None
    agents: list[str] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    down: DownMember | None = None
    full: str | None = None


def read_lines(connection: Connection) -> list[BalancerLine]:
    """By name, and equals in the order of creation."""
    found: dict[str, BalancerLine] = {}
    for row in connection.execute(_READ):
        found[row.id] = BalancerLine(
            id=row.id,
            name=row.name,
            project_id=row.project_id,
            vip=row.vip_address,
            admin_state_up=row.admin_state_up,
            provisioning_status=row.provisioning_status,
            operating_status=row.operating_status,
            reason=row.operating_reason,
            since=from_moment(row.operating_since or row.created_at),
            fault=row.fault,
            created_at=from_moment(row.created_at),
            updated_at=row.updated_at and from_moment(row.updated_at),
        )
    for identifier, agent in connection.execute(_HOSTS):
        if identifier in found:
            found[identifier].agents.append(agent)
    for identifier, status, number in connection.execute(_COUNTED):
        if identifier in found:
            found[identifier].members[status] = number
    for identifier, *member in connection.execute(_DOWN):
        line = found.get(identifier)
        if line is not None and line.down is None:
            identifier, name, address, port, reason = member
            line.down = DownMember(id=identifier, name=name, address=address, port=port, reason=reason)
    for identifier, name, protocol, port in connection.execute(_FULL):
        line = found.get(identifier)
        if line is not None and line.full is None:
            line.full = name or f"{protocol} {port}"
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A load balancer that a word may mean."""

    id: str
    name: str
    project_id: str
    vip: str | None


_CANDIDATES = (
    select(_BALANCERS.id, _BALANCERS.name, _BALANCERS.project_id, _BALANCERS.vip_address)
    .where(_HOSTED)
    .order_by(_BALANCERS.position)
)
_PARTS = (LISTENERS, POOLS, MEMBERS, HEALTH_MONITORS, L7_POLICIES, L7_RULES)


def find_load_balancers(connection: Connection, word: str) -> list[Candidate]:
    """What ``word`` may mean: an id, which counts alone; else all that have it as their name, their VIP's address, or
    the id of a part. Names are tenants' to choose: one that is another's address or id must not stand in its place."""
    found = _candidates(connection, _CANDIDATES.where(_BALANCERS.id == word))
    if found:
        return found
    owners = (select(table.c.load_balancer_id).where(table.c.id == word) for table in _PARTS)
    meant = or_(_BALANCERS.name == word, _BALANCERS.vip_address == word, *(_BALANCERS.id.in_(each) for each in owners))
    return _candidates(connection, _CANDIDATES.where(meant))


def _candidates(connection: Connection, statement: Select[Any]) -> list[Candidate]:
    return [
        Candidate(id=row.id, name=row.name, project_id=row.project_id, vip=row.vip_address)
        for row in connection.execute(statement)
    ]
