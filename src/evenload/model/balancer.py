"""The load balancer and its parts: what the data plane has to know of each, and the record that is kept around it.

The dataclasses ``LoadBalancer`` to ``HealthMonitor`` hold only what makes a difference to packets; they travel
unchanged from the store to the agent inside ``Desired``. What only people and the APIs care about (name, project, tags,
statuses, times, LBaaS v1's own) stands once, in ``Record``, so that renaming a pool is visibly not a change of the data
plane.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from evenload.model.enums import (
    Algorithm,
    InsertedHeader,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PersistenceType,
    PoolProtocol,
    ProvisioningStatus,
)
from evenload.model.flavor import FlavorValues
from evenload.model.tls import ListenerTls, PoolTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """One virtual address of a load balancer. ``address`` is in canonical text form."""

    address: str
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """``vips[0]`` is the primary one; all lie on the one port ``port_id`` in the network ``network_id``.

    ``incarnation`` counts failovers: an agent that applied another one builds everything anew.
    ``own_port`` says that the port was made for this load balancer and goes with it.
    ``flavor_id`` and ``availability_zone`` are what was chosen when it was made, for people; ``flavor`` is what the
    first means, None: nothing of its own. None of the three ever changes.
    Without port, network and VIP it only holds together a pool that stands alone (``Tree.hosted``).
    """

    id: str
    admin_state_up: bool = True
    provider: str = "evenload"
    network_id: str | None = None
    port_id: str | None = None
    own_port: bool = True
    vips: tuple[Vip, ...] = ()
    incarnation: int = 1
    flavor_id: str | None = None
    availability_zone: str | None = None
    flavor: FlavorValues | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Times are in milliseconds. ``connection_limit`` is -1 for the agent's default.

    ``allowed_cidrs``: normalised networks that may connect; empty means everyone. ``headers_off``: headers that were
    named in order not to be inserted; nothing comes of them, but whoever named them is shown them again. ``tls`` is set
    for TERMINATED_HTTPS, for PROMETHEUS where it has a certificate, and for nothing else.
    """

    id: str
    load_balancer_id: str
    protocol: ListenerProtocol
    port: int
    admin_state_up: bool = True
    default_pool_id: str | None = None
    connection_limit: int = -1
    insert_headers: tuple[InsertedHeader, ...] = ()
    headers_off: tuple[str, ...] = ()
    timeout_client_data: int = 50_000
    timeout_member_connect: int = 5_000
    timeout_member_data: int = 50_000
    timeout_tcp_inspect: int = 0
    allowed_cidrs: tuple[str, ...] = ()
    tls: ListenerTls | None = None


def pools_used_by(listener: Listener) -> tuple[str, ...]:
    """The ids of the pools that the listener may send requests to."""
    return () if listener.default_pool_id is None else (listener.default_pool_id,)


def listener_without_pools(listener: Listener, pool_ids: Collection[str]) -> Listener:
    """The listener as it is once these pools are gone; the same object where it uses none of them."""
    return replace(listener, default_pool_id=None) if listener.default_pool_id in pool_ids else listener


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersistence:
    """``cookie_name`` is set for APP_COOKIE and for nothing else."""

    type: PersistenceType
    cookie_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """``tls`` None: members are spoken to in clear."""

    id: str
    load_balancer_id: str
    protocol: PoolProtocol
    algorithm: Algorithm
    admin_state_up: bool = True
    session_persistence: SessionPersistence | None = None
    tls: PoolTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``weight`` 0 drains. Addresses are in canonical text form; ``monitor_*`` None: the member's own."""

    id: str
    pool_id: str
    address: str
    port: int
    weight: int = 1
    backup: bool = False
    admin_state_up: bool = True
    subnet_id: str | None = None
    monitor_address: str | None = None
    monitor_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """What a HTTP or HTTPS monitor asks and expects. ``expected_codes`` as on the wire: code, list or range."""

    method: str = "GET"
    url_path: str = "/"
    expected_codes: str = "200"
    version: str | None = None
    domain_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMonitor:
    """``delay`` and ``timeout`` in seconds; ``rise`` and ``fall`` are checks in a row (max_retries, max_retries_down).

    ``http`` is set for HTTP and HTTPS and for nothing else. A pool of LBaaS v1 may have several (``V1Monitor``).
    """

    id: str
    pool_id: str
    type: MonitorType
    delay: int
    timeout: int
    rise: int
    fall: int = 3
    admin_state_up: bool = True
    http: HttpCheck | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorTemplate:
    """A health monitor of LBaaS v1: any number of pools may have it. Fields as those of ``HealthMonitor``."""

    id: str
    project_id: str
    type: MonitorType
    delay: int
    timeout: int
    rise: int
    fall: int
    admin_state_up: bool = True
    http: HttpCheck | None = None
    created_at: datetime
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Vip:
    """The listener is a VIP of LBaaS v1, alone on its load balancer unless somebody added to that by Octavia's API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Pool:
    """What a pool of LBaaS v1 has beside its successor's: a subnet and a provider of its own, and a life without VIP.

    The counters are what listeners that the pool had before have left to it, less what its present one had counted for
    others when it came: the pool's totals are these and its listener's.
    """

    subnet_id: str
    provider: str
    bytes_in: int = 0
    bytes_out: int = 0
    total_connections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Monitor:
    """The health monitor is what the template ``template_id`` amounts to for its pool."""

    template_id: str


V1Part: TypeAlias = V1Vip | V1Pool | V1Monitor


class Item(Protocol):
    """What all kinds of objects have in common; model/tree.py has the table of kinds."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...

    @property
    def admin_state_up(self) -> bool: ...


T = TypeVar("T", bound=Item)
U = TypeVar("U", bound=Item, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a caller wrote a value that the object holds in canonical form. ``field``: the model's name of it, or
    ``vips[n]`` for the address of a VIP."""

    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Generic[U]):
    """An object and the record kept of it.

    ``generation`` is the load balancer's generation that last changed this object; ``fault`` is the reason of an
    ERROR, for people. ``operating_reason``: why the operating status is what it is, for its owner, None where that
    needs no word; ``operating_since``: since when it is, None: since the object was made. ``deleting``: its deletion
    was asked for, which is final even where the status is ERROR because the host has not managed it yet.
    ``created_at`` and ``updated_at`` are in UTC, never naive. Members and monitors
    have no description on the wire; theirs stays empty. ``v1`` is what LBaaS v1 alone knows of it, None for what
    was not made by it: a ``V1Vip`` for a listener, a ``V1Pool`` for a pool, a ``V1Monitor`` for a health monitor.
    ``as_sent``: the spelling of values that were sent in another one than the canonical.
    """

    item: U
    project_id: str
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    provisioning_status: ProvisioningStatus
    operating_status: OperatingStatus = OperatingStatus.OFFLINE
    generation: int
    deleting: bool = False
    fault: str | None = None
    operating_reason: str | None = None
    operating_since: datetime | None = None
    created_at: datetime
    updated_at: datetime | None = None
    v1: V1Part | None = None
    as_sent: tuple[Spelling, ...] = ()

    @property
    def id(self) -> str:
        return self.item.id

    def spelt(self, field: str, canonical: Any) -> Any:
        """The value of that field as it is shown: as it was sent."""
        return next((each.text for each in self.as_sent if each.field == field), canonical)


AnyRecord: TypeAlias = Record[Item]


def template_of(record: AnyRecord) -> str | None:
    """The id of the template of a health monitor made by LBaaS v1, None for anything else."""
    return record.v1.template_id if isinstance(record.v1, V1Monitor) else None
