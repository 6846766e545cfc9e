"""Agents and what belongs to each: reading and writing the rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from evenload.interfaces.store import AgentRecord
from evenload.model.errors import Overtaken
from evenload.store.mapping import from_moment, to_moment
from evenload.store.tables.hosts import AGENTS, PLACEMENTS
from evenload.store.tables.trees import LOAD_BALANCERS

_PLACEMENTS = PLACEMENTS.c
_BOUND = select(_PLACEMENTS.load_balancer_id).where(_PLACEMENTS.agent == bindparam("name"))
_ASSIGNMENTS = (
    _BOUND.add_columns(LOAD_BALANCERS.c.tree_generation)
    .join_from(PLACEMENTS, LOAD_BALANCERS)
    .where(LOAD_BALANCERS.c.port_id.is_not(None))
)
_FIELDS = ("name", "seen_at", "created_at", "started_at", "admin_state_up", "description", "availability_zone")
_AGENT_COLUMNS = [AGENTS.c[name] for name in _FIELDS]
# In the index alone: every creation and every report asks for it.
_LOAD_OF_ONE = select(func.count()).where(_PLACEMENTS.agent == AGENTS.c.name).scalar_subquery()
_LOADS = select(*_AGENT_COLUMNS, _LOAD_OF_ONE.label("load")).order_by(AGENTS.c.name)
_LOAD = _LOADS.where(AGENTS.c.name == bindparam("identifier"))
_LOCK = select(AGENTS.c.name).where(AGENTS.c.name == bindparam("identifier")).with_for_update()
_HOLD = select(AGENTS.c.name).where(AGENTS.c.name == bindparam("identifier")).with_for_update(read=True)
_INSERT_AGENT = insert(AGENTS)


def _update_agent(*names: str) -> Any:
    """Statement that sets these columns of one agent."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return update(AGENTS).where(AGENTS.c.name == bindparam("identifier")).values(values)


_SEEN: dict[tuple[str, ...], Any] = {
    names: _update_agent(*names)
    for names in (
        ("seen_at",),
        ("seen_at", "started_at"),
        ("seen_at", "availability_zone"),
        ("seen_at", "started_at", "availability_zone"),
    )
}
_AGENT_SAVED = _update_agent("admin_state_up", "description")
_DELETE_AGENT = delete(AGENTS).where(AGENTS.c.name == bindparam("identifier"))


def read_assignments(connection: Connection, agent: str) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(_ASSIGNMENTS, {"name": agent})}


def read_bound_to(connection: Connection, agent: str) -> list[str]:
    return list(connection.execute(_BOUND, {"name": agent}).scalars())


def read_agents(connection: Connection) -> list[AgentRecord]:
    return [_decoded(row) for row in connection.execute(_LOADS)]


def read_agent(connection: Connection, name: str, *, hold: bool = False, lock: bool = False) -> AgentRecord | None:
    """``hold``: together with others who do the same; ``lock``: alone. It is read after that."""
    if hold or lock:
        connection.execute(_LOCK if lock else _HOLD, {"identifier": name})
    row = connection.execute(_LOAD, {"identifier": name}).first()
    return None if row is None else _decoded(row)


def _decoded(row: Any) -> AgentRecord:
    return AgentRecord(
        name=row.name,
        seen_at=from_moment(row.seen_at),
        load=row.load,
        created_at=row.created_at and from_moment(row.created_at),
        started_at=row.started_at and from_moment(row.started_at),
        admin_state_up=row.admin_state_up,
        description=row.description,
        availability_zone=row.availability_zone,
    )


def insert_agent(connection: Connection, name: str, moment: datetime, availability_zone: str) -> None:
    now = to_moment(moment)
    row = {"name": name, "seen_at": now, "created_at": now, "started_at": now, "availability_zone": availability_zone}
    connection.execute(_INSERT_AGENT, row)


def write_agent_seen(
    connection: Connection, name: str, moment: datetime, *, started: bool, availability_zone: str | None
) -> bool:
    now = to_moment(moment)
    row: dict[str, Any] = {"seen_at": now}
    if started:
        row["started_at"] = now
    if availability_zone is not None:
        row["availability_zone"] = availability_zone
    return bool(connection.execute(_SEEN[*row], {"identifier": name, **row}).rowcount)


def update_agent(connection: Connection, name: str, *, admin_state_up: bool, description: str) -> None:
    row = {"identifier": name, "admin_state_up": admin_state_up, "description": description}
    if connection.execute(_AGENT_SAVED, row).rowcount == 0:
        raise Overtaken(f"Agent {name} is gone.")


def remove_agent(connection: Connection, name: str) -> None:
    connection.execute(_DELETE_AGENT, {"identifier": name})
