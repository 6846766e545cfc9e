"""Which host serves a new load balancer. Pure; called by the use case that creates one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from evenload.interfaces import AgentRecord
from evenload.model.errors import NoHost

ALIVE_FOR = timedelta(seconds=75)
"""An agent speaks up at each resync (30 s by default): two may be missed."""


def choose_agent(agents: Iterable[AgentRecord], *, now: datetime, alive_for: timedelta = ALIVE_FOR) -> AgentRecord:
    """The least loaded of those that were heard of lately; where none was, of all: one of them is being restarted, and
    will find its work waiting. Those that an administrator has switched off get nothing. Equal load is decided by name.
    Raises NoHost."""
    known = [agent for agent in agents if agent.admin_state_up]
    if not known:
        raise NoHost("No agent is registered that could serve a load balancer.")
    alive = [agent for agent in known if now - agent.seen_at <= alive_for]
    return min(alive or known, key=lambda agent: (agent.load, agent.name))
