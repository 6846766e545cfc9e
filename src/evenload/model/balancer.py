"""The load balancer and its parts: what the data plane has to know of each, and the record that is kept around it.

The dataclasses ``LoadBalancer`` to ``HealthMonitor`` hold only what makes a difference to packets; they travel
unchanged from the store to the agent inside ``Desired``. What only people and the API care about (name, project, tags,
statuses, times) stands once, in ``Record``, so that renaming a pool is visibly not a change of the data plane.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from evenload.model.enums import (
    Algorithm,
    InsertedHeader,
    Kind,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PersistenceType,
    PoolProtocol,
    ProvisioningStatus,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Times are in milliseconds. ``connection_limit`` is -1 for the agent's default.

    ``v1``: it is a VIP of LBaaS v1, alone on its load balancer unless somebody added to that by Octavia's API.
    ``allowed_cidrs``: normalised networks that may connect; empty means everyone. ``headers_off``: headers that were
    named in order not to be inserted; nothing comes of them, but whoever named them is shown them again.
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
    v1: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersistence:
    """``cookie_name`` is set for APP_COOKIE and for nothing else."""

    type: PersistenceType
    cookie_name: str | None = None


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
class Pool:
    """``v1`` is set for pools made by LBaaS v1."""

    id: str
    load_balancer_id: str
    protocol: PoolProtocol
    algorithm: Algorithm
    admin_state_up: bool = True
    session_persistence: SessionPersistence | None = None
    v1: V1Pool | None = None


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

    ``http`` is set for HTTP and HTTPS and for nothing else. A pool of LBaaS v1 may have several: each is what the
    template ``template_id`` amounts to for that pool.
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
    template_id: str | None = None


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


Item: TypeAlias = LoadBalancer | Listener | Pool | Member | HealthMonitor
T = TypeVar("T", LoadBalancer, Listener, Pool, Member, HealthMonitor)
U = TypeVar("U", bound=Item, covariant=True)

KINDS: dict[type[object], Kind] = {
    LoadBalancer: Kind.LOAD_BALANCER,
    Listener: Kind.LISTENER,
    Pool: Kind.POOL,
    Member: Kind.MEMBER,
    HealthMonitor: Kind.HEALTH_MONITOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Generic[U]):
    """An object and the record kept of it.

    ``generation`` is the load balancer's generation that last changed this object; ``fault`` is the reason of an
    ERROR, for people. ``deleting``: its deletion was asked for, which is final even where the status is ERROR because
    the host has not managed it yet. ``created_at`` and ``updated_at`` are in UTC, never naive. Members and monitors
    have no description on the wire; theirs stays empty.
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
    created_at: datetime
    updated_at: datetime | None = None

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def kind(self) -> Kind:
        return KINDS[type(self.item)]


AnyRecord: TypeAlias = Record[LoadBalancer] | Record[Listener] | Record[Pool] | Record[Member] | Record[HealthMonitor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One load balancer, whole: the unit in which changes are checked, numbered, applied and reported.

    ``hosted`` False: it has no VIP yet and is on no host; it holds a pool of LBaaS v1 that stands alone, and nobody is
    shown the load balancer itself. Whatever is changed in it is in force at once. Each mapping is from id to record, in
    the order of creation. ``agent`` is the host that serves it; ``applied_generation`` the newest one that agent has
    reported as applied, 0 for none.
    """

    load_balancer: Record[LoadBalancer]
    agent: str
    generation: int
    applied_generation: int = 0
    listeners: dict[str, Record[Listener]] = field(default_factory=dict)
    pools: dict[str, Record[Pool]] = field(default_factory=dict)
    members: dict[str, Record[Member]] = field(default_factory=dict)
    monitors: dict[str, Record[HealthMonitor]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.load_balancer.item.id

    @property
    def hosted(self) -> bool:
        return self.load_balancer.item.port_id is not None

    def members_of(self, pool_id: str) -> list[Record[Member]]:
        return [record for record in self.members.values() if record.item.pool_id == pool_id]

    def monitors_of(self, pool_id: str) -> list[Record[HealthMonitor]]:
        return [record for record in self.monitors.values() if record.item.pool_id == pool_id]

    def monitor_of(self, pool_id: str) -> Record[HealthMonitor] | None:
        """The one that Octavia's API shows as the pool's: the first that is on, else the first; not one that goes as
        long as another comes."""
        monitors = self.monitors_of(pool_id)
        return min(monitors, key=lambda each: (each.deleting, not each.item.admin_state_up), default=None)

    def listeners_of(self, pool_id: str) -> list[Record[Listener]]:
        return [record for record in self.listeners.values() if record.item.default_pool_id == pool_id]

    def records(self) -> list[AnyRecord]:
        """All records, parents before children."""
        return [
            self.load_balancer,
            *self.listeners.values(),
            *self.pools.values(),
            *self.members.values(),
            *self.monitors.values(),
        ]

    def get(self, identifier: str) -> AnyRecord | None:
        if identifier == self.id:
            return self.load_balancer
        return (
            self.listeners.get(identifier)
            or self.pools.get(identifier)
            or self.members.get(identifier)
            or self.monitors.get(identifier)
        )

    def with_record(self, record: AnyRecord) -> "Tree":
        """The same tree with one record put in place of the one with its id, or added."""
        match record.item:
            case LoadBalancer():
                return replace(self, load_balancer=record)
            case Listener():
                return replace(self, listeners={**self.listeners, record.id: record})
            case Pool():
                return replace(self, pools={**self.pools, record.id: record})
            case Member():
                return replace(self, members={**self.members, record.id: record})
            case HealthMonitor():
                return replace(self, monitors={**self.monitors, record.id: record})

    def without(self, identifier: str) -> "Tree":
        """The same tree without that child; children of a pool stay until they are removed themselves."""
        return replace(
            self,
            listeners={key: value for key, value in self.listeners.items() if key != identifier},
            pools={key: value for key, value in self.pools.items() if key != identifier},
            members={key: value for key, value in self.members.items() if key != identifier},
            monitors={key: value for key, value in self.monitors.items() if key != identifier},
        )
