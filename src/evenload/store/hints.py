"""What agents are told after a commit. Pure."""

from dataclasses import dataclass

from evenload.model.tree import Tree


@dataclass(frozen=True, slots=True)
class Hint:
    """That load balancer is at that generation: for its agent to fetch. ``tree``: what the agent has to serve now, None
    where that is nothing. ``before``: the load balancer before the change, None where it was not."""

    agent: str
    load_balancer_id: str
    generation: int
    tree: Tree | None = None
    before: Tree | None = None


def hints_of(before: Tree | None, after: Tree) -> list[Hint]:
    """Of a tree that was saved: none where nothing changed for an agent, one for each agent that has it or had it."""
    if not after.hosted:
        return []
    changed = before is None or after.generation > before.generation or set(after.agents) != set(before.agents)
    if not changed:
        return []
    served = None if after.load_balancer.deleting else after
    hints = [Hint(agent, after.id, after.generation, served, before) for agent in after.agents]
    if before is not None and before.hosted:
        hints += [Hint(agent, after.id, after.generation) for agent in before.agents if agent not in after.agents]
    return hints
