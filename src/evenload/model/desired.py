"""What an agent receives and what it reports.

``Desired`` is complete: an agent that knows nothing else can build the load balancer from it. It is never a difference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, TypeVar

from evenload.model.balancer import HealthMonitor, Listener, LoadBalancer, Member, Pool
from evenload.model.enums import OperatingStatus
from evenload.model.event import HostEvent
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.network import Route, Segment
from evenload.model.secret import SecretReference

_Child = TypeVar("_Child", Member, HealthMonitor, L7Policy, L7Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredIp:
    """An address of the VIP port with what its subnet says about the way out."""

    address: str
    prefix_length: int
    gateway_ip: str | None
    host_routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredPort:
    id: str
    mac_address: str
    mtu: int
    segment: Segment
    ips: tuple[DesiredIp, ...]


class _Grouped:
    """Children by the object that they belong to, each kind grouped once for a document, at the first question. Not a
    field: it is no part of what is compared, printed or sent."""

    __slots__ = ("_members", "_monitors", "_policies", "_rules")

    _members: Mapping[str, tuple[Member, ...]]
    _monitors: Mapping[str, tuple[HealthMonitor, ...]]
    _policies: Mapping[str, tuple[L7Policy, ...]]
    _rules: Mapping[str, tuple[L7Rule, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired(_Grouped):
    """The desired state of one load balancer at one generation. Objects that are to be deleted are not in it.

    Disabled objects are: it is ``render`` that leaves them out or puts them into maintenance. ``secrets``: what it
    needs of these; their contents are fetched apart and are in no document. ``edition``: tells this very content from
    every other that the server has had of the load balancer, 0 where it cannot be told (``model/difference``); it is
    sent beside the document.
    """

    generation: int
    project_id: str
    load_balancer: LoadBalancer
    port: DesiredPort
    listeners: tuple[Listener, ...] = ()
    pools: tuple[Pool, ...] = ()
    members: tuple[Member, ...] = ()
    monitors: tuple[HealthMonitor, ...] = ()
    policies: tuple[L7Policy, ...] = ()
    rules: tuple[L7Rule, ...] = ()
    secrets: tuple[SecretReference, ...] = ()
    edition: int = field(default=0, compare=False, repr=False)

    @property
    def id(self) -> str:
        return self.load_balancer.id

    def members_of(self, pool_id: str) -> tuple[Member, ...]:
        if not hasattr(self, "_members"):
            object.__setattr__(self, "_members", _by(_POOL, self.members))
        return self._members.get(pool_id, ())

    def monitors_of(self, pool_id: str) -> tuple[HealthMonitor, ...]:
        """Enabled and disabled ones, in order. A member is up when all enabled ones agree."""
        if not hasattr(self, "_monitors"):
            object.__setattr__(self, "_monitors", _by(_POOL, self.monitors))
        return self._monitors.get(pool_id, ())

    def policies_of(self, listener_id: str) -> tuple[L7Policy, ...]:
        """Enabled and disabled ones, in no order."""
        if not hasattr(self, "_policies"):
            object.__setattr__(self, "_policies", _by(_LISTENER, self.policies))
        return self._policies.get(listener_id, ())

    def rules_of(self, policy_id: str) -> tuple[L7Rule, ...]:
        """Enabled and disabled ones, in order."""
        if not hasattr(self, "_rules"):
            object.__setattr__(self, "_rules", _by(_POLICY, self.rules))
        return self._rules.get(policy_id, ())


_POOL, _LISTENER, _POLICY = attrgetter("pool_id"), attrgetter("listener_id"), attrgetter("policy_id")


def _by(owner: Any, children: Iterable[_Child]) -> dict[str, tuple[_Child, ...]]:
    found: dict[str, list[_Child]] = {}
    for child in children:
        found.setdefault(owner(child), []).append(child)
    return {identifier: tuple(group) for identifier, group in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The server's definite answer: this host must not have that load balancer.

    ``generation`` is that of the deletion, or of the load balancer that was given elsewhere; None where the server
    knows no such load balancer.
    """

    load_balancer_id: str
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """The server's answer holds something that this version does not know, so it was not taken. ``reason`` names it."""

    load_balancer_id: str
    generation: int
    reason: str


class Change(Enum):
    """Which kind of change an attempt took, the gentlest first."""

    NOTHING = "nothing"
    FILE = "file"
    """The configuration file on disk alone; no process had to be told anything."""
    NETWORK = "network"
    RUNTIME = "runtime"
    RELOAD = "reload"
    START = "start"
    REMOVE = "remove"


class Outcome(Enum):
    DONE = "done"
    RETRY = "retry"
    GIVE_UP = "given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How an attempt at one generation ended. ``reason`` is for people and set unless done. ``events``: what happened
    on the host meanwhile."""

    load_balancer_id: str
    generation: int
    outcome: Outcome
    change: Change
    reason: str | None = None
    events: tuple[HostEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Totals since the listener was made; ``active_connections`` is the present number. Bytes as the client saw."""

    bytes_in: int = 0
    bytes_out: int = 0
    active_connections: int = 0
    total_connections: int = 0
    request_errors: int = 0

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(
            bytes_in=self.bytes_in + other.bytes_in,
            bytes_out=self.bytes_out + other.bytes_out,
            active_connections=self.active_connections + other.active_connections,
            total_connections=self.total_connections + other.total_connections,
            request_errors=self.request_errors + other.request_errors,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was seen of one load balancer: operating status by object id, totals by listener id.

    ``epoch`` names the count that the totals belong to: within one they never fall; where an agent cannot be sure of
    its counters it begins another, from zero. "" is the one epoch of an agent that knows of none.
    ``reasons``: of statuses that are told, why they are so, by object id; those that need no word are missing.
    """

    load_balancer_id: str
    statuses: dict[str, OperatingStatus]
    statistics: dict[str, Statistics]
    epoch: str = ""
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStatistics:
    """One row of HAProxy's ``show stat``. ``server`` is FRONTEND, BACKEND or the server's name.

    ``status`` is HAProxy's word (OPEN, UP, DOWN 1/2, DRAIN, MAINT, no check …). ``passing``: what the server's own
    checks alone come to, None where none are made; ``reason``, ``latency`` (seconds) and ``when`` are of that verdict
    (``model/verdict``). ``vetoed``: whether it was told that other monitors find it down, None where it can not be told
    so.
    """

    proxy: str
    server: str
    status: str
    statistics: Statistics
    limit: int | None = None
    passing: bool | None = None
    vetoed: bool | None = None
    reason: str | None = None
    latency: float | None = None
    when: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PingTarget:
    """One member to be pinged for one monitor. Times in seconds; ``rise`` and ``fall`` are answers and losses in a
    row."""

    monitor: str
    member: str
    address: str
    delay: int
    timeout: int
    rise: int
    fall: int
