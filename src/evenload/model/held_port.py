"""A VIP port that is held at the port provider for one load balancer, from its reservation to its release."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from evenload.model.desired import DesiredPort


class PortState(Enum):
    RESERVED = "RESERVED"
    """For a load balancer that is not there yet. The provider may not have answered."""
    BINDING = "BINDING"
    """A load balancer has it, and the provider has yet to be told on which host."""
    USED = "USED"
    """A load balancer has it, and nothing is left to do."""
    RELEASING = "RELEASING"
    """Nobody needs it any more, and the provider has yet to let it go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPort:
    """``id`` is that of the reservation; a provider that is asked again finds by it what it has made.

    ``given_port_id``: the port that the caller named; None: the provider makes one, and removes it at the end.
    ``described`` None: the provider has not answered. ``since``: when it came to this state. ``host``: the agent that
    has the port, "" for none.
    """

    id: str
    load_balancer_id: str
    given_port_id: str | None = None
    state: PortState = PortState.RESERVED
    since: datetime
    host: str = ""
    described: DesiredPort | None = None

    @property
    def port_id(self) -> str | None:
        return self.described.id if self.described is not None else self.given_port_id

    @property
    def in_use(self) -> bool:
        return self.state in (PortState.BINDING, PortState.USED)
