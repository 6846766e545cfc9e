"""The bus of a single process: hints go straight to the agents that were registered here by name.

The service sends through it; ``main`` registers the agents. An agent is just a callable that takes a hint and returns
at once. For an agent nobody has registered a hint is dropped, as any bus may do: its resync finds the change.
"""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

Receiver = Callable[[str, int], None]


class LocalBus:
    """Fulfils AgentBus. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receivers: dict[str, Receiver] = {}

    def register(self, agent: str, receiver: Receiver) -> None:
        """``receiver(load_balancer_id, generation)`` must not block. Replaces an earlier one of that name."""
        with self._lock:
            self._receivers[agent] = receiver

    def hint(self, agent: str, load_balancer_id: str, generation: int) -> None:
        with self._lock:
            receiver = self._receivers.get(agent)
        if receiver is None:
            return
        try:
            receiver(load_balancer_id, generation)
        except Exception:  # a fault of the agent must not fail the request whose change is already committed
            log.exception("the agent refused a hint", agent=agent, load_balancer=load_balancer_id)
