"""What server and agents say to each other."""

from collections.abc import Sequence
from typing import Protocol

from evenload.model.desired import Desired, Gone, Health, Report, Unreadable
from evenload.model.event import HostEvent
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.snapshot import Snapshot


class AgentBus(Protocol):
    """The server's way to its agents. A hint may be lost, doubled or late."""

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        """``snapshot``: the document of that generation, which saves the agent a fetch; a bus may leave it out. Never
        blocks, never raises."""


class Server(Protocol):
    """The agent's way to its server, which knows who speaks. Every method may raise ServerUnavailable; all may be
    repeated. Until ``register`` has succeeded every other method raises ServerUnavailable."""

    def register(self, registration: Registration) -> Welcome:
        """Raises Unwelcome where this server and this agent must not work together."""

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        """An answer for each id."""

    def assignments(self) -> dict[str, int]:
        """Load balancer id → generation. Also the agent's sign of life."""

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        """The contents of secrets that the load balancer's document names, by fingerprint. Raises SecretUnavailable
        where one of them cannot be had."""

    def report(self, report: Report) -> None: ...

    def health(self, healths: Sequence[Health]) -> None: ...

    def events(self, events: Sequence[HostEvent]) -> None:
        """What happened here that no report brings. Not to be repeated without need: each is told each time."""


class Gateway(Protocol):
    """The server as its agents see it. The transport says which agent speaks; it asked the kernel or the broker.

    Every method may raise ServerUnavailable; all may be repeated.
    """

    def register(self, agent: str, registration: Registration) -> Welcome:
        """Raises Unwelcome."""

    def fetch(self, agent: str, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone]: ...
    def assignments(self, agent: str) -> dict[str, int]: ...
    def secrets(
        self, agent: str, load_balancer_id: str, references: Sequence[SecretReference]
    ) -> dict[str, SecretBytes]:
        """Only for what the document names that this agent would be answered now. Raises SecretUnavailable."""

    def report(self, agent: str, report: Report) -> None: ...
    def health(self, agent: str, healths: Sequence[Health]) -> None: ...
    def events(self, agent: str, events: Sequence[HostEvent]) -> None: ...
