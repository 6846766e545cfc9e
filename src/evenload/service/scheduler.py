"""Which host serves a load balancer. Pure; homes.py keeps what was chosen from changing until it is written."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from evenload.interfaces.store import AgentRecord
from evenload.model.errors import NoHost
from evenload.model.placement import Placements, moved

AGENT_DOWN_TIME = timedelta(seconds=75)
"""Default of the setting, and Neutron's. An agent speaks at each resync (30 s by default): two may be missed."""


def is_alive(agent: AgentRecord | None, *, now: datetime, alive_for: timedelta) -> bool:
    """``agent`` None: one that is registered no more."""
    return agent is not None and now - agent.seen_at <= alive_for


def choose_new_home(agents: Sequence[AgentRecord], holder: str, *, now: datetime, alive_for: timedelta) -> str:
    """Which host has a load balancer after a failover: the one that has it, unless its agent is away and another, alive
    and switched on, can take its place."""
    if is_alive(next((agent for agent in agents if agent.name == holder), None), now=now, alive_for=alive_for):
        return holder
    fit = [
        agent
        for agent in agents
        if agent.name != holder and is_alive(agent, now=now, alive_for=alive_for) and agent.admin_state_up
    ]
    return choose_agent(fit, now=now, alive_for=alive_for).name if fit else holder


def in_zone(agents: Iterable[AgentRecord], zone: str | None) -> list[AgentRecord]:
    """Those whose hosts are in that availability zone; None: in any."""
    return [agent for agent in agents if zone in (None, agent.availability_zone)]


def choose_new_homes(
    placements: Placements,
    agents: Sequence[AgentRecord],
    *,
    now: datetime,
    alive_for: timedelta,
    zone: str | None = None,
) -> Placements:
    """The placements after a failover: each that finds a new home, in that availability zone, is replaced, and no two
    are on one host."""
    holders = {placement.agent for placement in placements}
    agents = [agent for agent in agents if agent.name in holders or zone in (None, agent.availability_zone)]
    result = placements
    for placement in placements:
        taken = {each.agent for each in result} - {placement.agent}
        free = [agent for agent in agents if agent.name not in taken]
        result = moved(result, placement.agent, choose_new_home(free, placement.agent, now=now, alive_for=alive_for))
    return result


def agents_away(
    placements: Placements, agents: Iterable[AgentRecord], *, now: datetime, alive_for: timedelta
) -> frozenset[str]:
    """The agents of these placements that nothing is heard of, or that are registered no more."""
    alive = {agent.name for agent in agents if is_alive(agent, now=now, alive_for=alive_for)}
    return frozenset(placement.agent for placement in placements) - alive


def choose_agent(
    agents: Iterable[AgentRecord], *, now: datetime, alive_for: timedelta, zone: str | None = None
) -> AgentRecord:
    """The least loaded of those that were heard of lately; where none was, of all: one of them is being restarted, and
    will find its work waiting. Those that an administrator has switched off get nothing. Equal load is decided by name.
    ``zone``: only those in that availability zone. Raises NoHost."""
    fit = [agent for agent in in_zone(agents, zone) if agent.admin_state_up]
    if not fit:
        there = "" if zone is None else " in that availability zone"
        raise NoHost(f"No agent is registered{there} that could serve a load balancer.")
    alive = [agent for agent in fit if is_alive(agent, now=now, alive_for=alive_for)]
    return min(alive or fit, key=lambda agent: (agent.load, agent.name))


def choose_agent_for(agents: Sequence[AgentRecord], bound: str, *, now: datetime, alive_for: timedelta) -> AgentRecord:
    """The agent that a pool of LBaaS v1 is bound to, unless another one has to take its place. Raises NoHost."""
    present = next((agent for agent in agents if agent.name == bound and agent.admin_state_up), None)
    if present is not None and is_alive(present, now=now, alive_for=alive_for):
        return present
    return choose_agent(agents, now=now, alive_for=alive_for)
