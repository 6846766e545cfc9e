"""What a host has of one load balancer, in parts by engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenload.model.desired import Desired
from evenload.model.network import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoute:
    """A route in a namespace. ``onlink``: the next hop lies outside every subnet of the interface. ``source``: the
    address whose packets alone take it, before the routes of all; None: those of all."""

    destination: str
    nexthop: str
    onlink: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VifState:
    """A VIP port's device as found. ``segment`` None: its host side is missing or plugged into the wrong place.

    ``up`` is the administrative state of both ends.
    """

    mac_address: str
    mtu: int
    up: bool
    segment: Segment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkObserved:
    """``addresses`` are in interface notation (``10.0.0.5/24``), link-local ones and those of the loopback left out;
    ``routes`` likewise leave out what the kernel made by itself. ``foreign_devices``: further devices in the
    namespace. ``tuned``: it has the kernel settings of this version; ``reserved``: local ports kept for listeners."""

    namespace: bool = False
    vif: VifState | None = None
    foreign_devices: tuple[str, ...] = ()
    addresses: frozenset[str] = frozenset()
    routes: frozenset[HostRoute] = frozenset()
    tuned: bool = False
    reserved: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """A member as the running HAProxy has it. ``up`` None: no check is made of it. ``maintenance``: by the agent.
    ``tls``: it is spoken to in TLS."""

    address: str
    port: int
    weight: int
    maintenance: bool
    up: bool | None = None
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyProcess:
    """The living process. ``text`` is the configuration it works by, runtime changes included.

    ``worker`` counts the processes of this load balancer; ``servers`` is keyed by (backend, server), None where the
    process did not answer.
    """

    pid: int
    worker: int
    text: str
    servers: dict[tuple[str, str], ServerState] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyObserved:
    """``config`` is the text of the configuration file on disk. ``orphan``: beside all this a HAProxy runs of which
    nothing is recorded any more. ``slots``: what the next process would read, fingerprints by name (model/slot.py).
    ``tickets_due``: the keys of TLS session tickets are too old, or not there."""

    config: str | None = None
    process: HaproxyProcess | None = None
    orphan: bool = False
    slots: Mapping[str, str] = field(default_factory=dict)
    tickets_due: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """``applied`` is the last document that was applied to the end, as remembered on disk. ``files``: the fingerprints
    of the files beside the configuration texts."""

    load_balancer_id: str
    state_directory: bool = False
    applied: Desired | None = None
    files: frozenset[str] = frozenset()
    network: NetworkObserved = field(default_factory=NetworkObserved)
    haproxy: HaproxyObserved = field(default_factory=HaproxyObserved)

    @property
    def nothing(self) -> bool:
        network, haproxy = self.network, self.haproxy
        return not (self.state_directory or network.namespace or network.vif or haproxy.process or haproxy.orphan)
