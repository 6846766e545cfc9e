"""What every use case is given: the store, the ports, the way to the agents, time and new ids.

Made once in ``main``; each class of this package takes one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from evenload.interfaces import AgentBus, Clock, PortProvider, UnitOfWork
from evenload.model.balancer import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    uow: UnitOfWork
    ports: PortProvider
    bus: AgentBus
    clock: Clock
    new_id: Callable[[], str]

    def now(self) -> datetime:
        return self.clock.now()

    def announce(self, tree: Tree) -> None:
        """To be called after the commit: an agent that is quick would otherwise fetch the tree as it was."""
        if tree.hosted:
            self.bus.hint(tree.agent, tree.id, tree.generation)
