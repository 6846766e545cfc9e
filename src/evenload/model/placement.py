"""Where a load balancer runs, and what follows: which generation is in force, and whose health counts. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Role(Enum):
    STANDALONE = "STANDALONE"
    MASTER = "MASTER"
    BACKUP = "BACKUP"


@dataclass(frozen=True, slots=True)
class Placement:
    """One load balancer on one agent. ``applied_generation``: the newest one that this agent has reported as applied,
    0 for none."""

    agent: str
    role: Role
    applied_generation: int = 0


Placements = tuple[Placement, ...]


def alone_on(agent: str, applied_generation: int = 0) -> Placements:
    """The placements of a load balancer that is on one agent."""
    return (Placement(agent, Role.STANDALONE, applied_generation),)


def in_order(placements: Iterable[Placement]) -> Placements:
    """Those that serve come before those that stand by; equals go by name."""
    return tuple(sorted(placements, key=lambda each: (each.role is Role.BACKUP, each.agent)))


def applied_by_all(placements: Sequence[Placement], away: Collection[str]) -> int:
    """The generation that is in force: every agent that is not away has applied it. Where all are away it is the
    lowest of all; 0 where there is no placement."""
    alive = [each for each in placements if each.agent not in away]
    return min((each.applied_generation for each in alive or placements), default=0)


def counts_for_health(placements: Sequence[Placement], away: Collection[str]) -> str | None:
    """The agent whose health is the load balancer's: the one that serves it, or the first that is alive; None where all
    are away."""
    alive = [each for each in placements if each.agent not in away]
    serving = [each for each in alive if each.role is not Role.BACKUP]
    return next((each.agent for each in serving or alive), None)


def with_applied(placements: Sequence[Placement], agent: str, generation: int) -> Placements:
    """After that agent has reported a generation as applied; reports may come out of order."""
    return tuple(
        replace(each, applied_generation=max(each.applied_generation, generation)) if each.agent == agent else each
        for each in placements
    )


def moved(placements: Sequence[Placement], former: str, name: str) -> Placements:
    """With another agent in the place of ``former``, in its role; it has applied nothing yet."""
    return tuple(Placement(name, each.role) if each.agent == former != name else each for each in placements)


def renamed(placements: Sequence[Placement], former: str, name: str) -> Placements:
    """The same agent has another name. Where that name has a placement already, there is one placement less."""
    if any(each.agent == name for each in placements):
        return tuple(each for each in placements if each.agent == name or each.agent != former)
    return tuple(replace(each, agent=name) if each.agent == former else each for each in placements)
