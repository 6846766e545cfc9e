"""The bus of a single process: calls and hints go straight to the other side.

An agent is just a callable that takes a hint and returns at once. For an agent nobody has registered a hint is dropped,
as any bus may do: its resync finds the change.
"""

import threading
from collections.abc import Callable, Sequence

from evenload.interfaces.bus import Gateway
from evenload.model.desired import Desired, Gone, Health, Report, Unreadable
from evenload.model.errors import ServerUnavailable
from evenload.model.event import HostEvent
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.snapshot import Snapshot
from evenload.threads import Faults

Receiver = Callable[[str, int], None]


class LocalBus:
    """Fulfils AgentBus; leaves snapshots out. May be used from any thread."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = threading.Lock()
        self._receivers: dict[str, Receiver] = {}

    def register(self, agent: str, receiver: Receiver) -> None:
        """``receiver(load_balancer_id, generation)`` must not block. Replaces an earlier one of that name."""
        with self._lock:
            self._receivers[agent] = receiver

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        del snapshot
        with self._lock:
            receiver = self._receivers.get(agent)
        if receiver is None:
            return
        try:
            receiver(load_balancer_id, generation)
        except Exception:  # noqa: BLE001 it is noted; the request whose change is already committed must not fail
            self._faults.note("hint", agent=agent, load_balancer=load_balancer_id)


class LocalServer:
    """Fulfils Server for the one agent of that name."""

    def __init__(self, gateway: Gateway, agent: str) -> None:
        self._gateway = gateway
        self._agent = agent
        self._registered = False

    def register(self, registration: Registration) -> Welcome:
        welcome = self._gateway.register(self._agent, registration)
        self._registered = True
        return welcome

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        return {**self._reach().fetch(self._agent, load_balancer_ids)}

    def assignments(self) -> dict[str, int]:
        return self._reach().assignments(self._agent)

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        return self._reach().secrets(self._agent, load_balancer_id, references)

    def report(self, report: Report) -> None:
        self._reach().report(self._agent, report)

    def health(self, healths: Sequence[Health]) -> None:
        self._reach().health(self._agent, healths)

    def events(self, events: Sequence[HostEvent]) -> None:
        self._reach().events(self._agent, events)

    def _reach(self) -> Gateway:
        if not self._registered:
            raise ServerUnavailable("The agent has not registered yet.")
        return self._gateway
