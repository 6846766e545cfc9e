"""Networks, subnets and ports, in the words of Neutron.

Addresses and networks are canonical text (``10.0.0.5``, ``2001:db8::/64``), so that equal means equal.
"""

from dataclasses import dataclass
from datetime import datetime

from evenload.model.enums import NetworkType


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Where a network lies on the wire: the name that agents map to a bridge, and the VLAN id on it if any."""

    type: NetworkType
    physical_network: str
    vlan: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """``mtu`` in bytes. ``shared``: usable by every project."""

    id: str
    project_id: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    shared: bool = False
    mtu: int = 1500
    segment: Segment
    tags: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``destination`` is a network, ``nexthop`` an address of the same family."""

    destination: str
    nexthop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPool:
    """Both ends belong to the pool."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    id: str
    network_id: str
    project_id: str
    name: str = ""
    description: str = ""
    ip_version: int
    cidr: str
    gateway_ip: str | None = None
    host_routes: tuple[Route, ...] = ()
    dns_nameservers: tuple[str, ...] = ()
    allocation_pools: tuple[AllocationPool, ...]
    enable_dhcp: bool = False
    tags: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedIp:
    subnet_id: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """``device_id`` is the load balancer that uses the port, "" for none; ``host`` the agent that has it plugged."""

    id: str
    network_id: str
    project_id: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    mac_address: str
    fixed_ips: tuple[FixedIp, ...]
    device_id: str = ""
    device_owner: str = ""
    host: str = ""
    active: bool = False
    tags: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime | None = None
