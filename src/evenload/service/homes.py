"""The host that was chosen for a load balancer stays fit for it until the load balancer is written.

An agent may be removed, renamed or switched off by somebody else between the choice and the commit. So its row is held:
who removes or changes it waits, and finds the load balancer there. Inside a writing transaction, after trees and
project are locked and before held ports are.
"""

from collections.abc import Callable, Sequence

from evenload.interfaces.store import AgentPart, AgentRecord
from evenload.model.errors import Overtaken
from evenload.service.context import Context
from evenload.service.scheduler import choose_agent, choose_agent_for

_ATTEMPTS = 10
"""Administrators do not switch off agents faster than that."""

Choose = Callable[[Sequence[AgentRecord]], AgentRecord]


def take_agent(context: Context, transaction: AgentPart, zone: str | None = None) -> AgentRecord:
    """For something new, in that availability zone where one is named. Raises NoHost."""
    now = context.now()
    return _held(
        transaction, lambda agents: choose_agent(agents, now=now, alive_for=context.agent_down_time, zone=zone)
    )


def take_agent_for(context: Context, transaction: AgentPart, bound: str) -> AgentRecord:
    """For what is bound to an agent already, which it may lose. Raises NoHost."""
    now = context.now()
    return _held(
        transaction, lambda agents: choose_agent_for(agents, bound, now=now, alive_for=context.agent_down_time)
    )


def hold_agents(transaction: AgentPart, names: Sequence[str]) -> None:
    """Agents that were chosen otherwise. Raises Overtaken where one must not be given anything any more."""
    for name in sorted(names):
        if not _is_fit(transaction.held_agent(name)):
            raise Overtaken(f"Agent {name} is gone, or switched off.")


def _held(transaction: AgentPart, choose: Choose) -> AgentRecord:
    for _ in range(_ATTEMPTS):
        chosen = choose(transaction.agents())
        if _is_fit(transaction.held_agent(chosen.name)):
            return chosen
    raise Overtaken("The agents change faster than one can be chosen.")


def _is_fit(agent: AgentRecord | None) -> bool:
    return agent is not None and agent.admin_state_up
