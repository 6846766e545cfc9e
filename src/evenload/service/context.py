"""What every use case is given: the store, the ports, time and new ids.

Made once in ``main``; each class of this package takes one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evenload.interfaces.clock import Clock
from evenload.interfaces.secrets import Certificates
from evenload.interfaces.store import UnitOfWork
from evenload.model.l7_rules import FindFault, find_fault_by_python
from evenload.service.deployment import Allowed
from evenload.service.event_book import EventBook, EventSettings
from evenload.service.networking import Networking
from evenload.service.quotas import Limits, QuotaSettings, octavia_limits
from evenload.service.scheduler import AGENT_DOWN_TIME
from evenload.service.secrets import NoCertificates
from evenload.service.tls_policy import TlsPolicy
from evenload.service.vip_ports import VipPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """``limits``: of Octavia's API. ``providers``: the names under which it knows this provider, the own one first.
    ``agent_down_time``: silence after which an agent counts as away, for whatever follows from that.
    ``find_regex_fault``: what HAProxy would say of a regular expression. ``certificates``: what references to secrets
    stand for; ``tls``, ``allowed``: what the deployment lets callers of Octavia's API have; ``networking``: and of both
    APIs, where. ``events``: the book of what happens."""

    uow: UnitOfWork
    ports: VipPorts
    clock: Clock
    new_id: Callable[[], str]
    limits: Limits = field(default_factory=lambda: octavia_limits(QuotaSettings().octavia))
    providers: tuple[str, ...] = ("evenload", "amphora", "octavia")
    agent_down_time: timedelta = AGENT_DOWN_TIME
    find_regex_fault: FindFault = find_fault_by_python
    certificates: Certificates = field(default_factory=NoCertificates)
    tls: TlsPolicy = field(default_factory=TlsPolicy)
    allowed: Allowed = field(default_factory=Allowed)
    networking: Networking = field(default_factory=Networking)
    event_settings: EventSettings = field(default_factory=EventSettings)
    events: EventBook = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", EventBook(self.clock, self.event_settings))

    def now(self) -> datetime:
        return self.clock.now()
