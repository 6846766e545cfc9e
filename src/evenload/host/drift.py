"""What the kernel's events say of a load balancer's network: does one contradict what should be there? Pure.

An event tells of one device, address, route or rule. What follows from it is the agent's to find out by a look at all.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from evenload.host.addresses import (
    DELADDR,
    DELROUTE,
    NEWADDR,
    NEWROUTE,
    parse_address,
    parse_connected,
    parse_routes,
)
from evenload.host.links import (
    DELLINK,
    LOOPBACK_INDEX,
    NEWLINK,
    Link,
    belongs_to_kernel,
    parse_link,
    parse_name,
    parse_state,
)
from evenload.host.netlink import Message
from evenload.host.rules import DELRULE
from evenload.model.observed import HostRoute, NetworkObserved

GROUPS_INSIDE = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18
"""Devices; addresses, routes and rules of both families."""
GROUPS_OUTSIDE = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What should be in the namespace. ``index``: of the VIP port's device."""

    index: int
    network: NetworkObserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The other end, on the host: its name, and the index of what it is plugged into, 0 for nothing. ``there`` False:
    a device of that name must not be, because the one inside is all there is."""

    name: str
    there: bool
    master: int
    mtu: int


def is_inside(links: Collection[Link], addresses: frozenset[str], routes: frozenset[HostRoute], wanted: Inside) -> bool:
    """Whether a look inside, once its events are heard, finds what should be there: nothing that a plan would mend.
    ``addresses``: those of the port's device. Of a destination that has its route, a further one does not matter."""
    vif, network = wanted.network.vif, wanted.network
    inner = next((link for link in links if link.index == wanted.index), None)
    if vif is None or inner is None or (inner.up, inner.mac_address, inner.mtu) != (True, vif.mac_address, vif.mtu):
        return False
    if any(_is_out_of_place(link) for link in links if link is not inner):
        return False
    destinations = {(route.source, route.destination) for route in network.routes}
    surplus = {route for route in routes if (route.source, route.destination) not in destinations}
    return addresses == network.addresses and network.routes <= routes and not surplus


def _is_out_of_place(link: Link) -> bool:
    return not link.up if link.index == LOOPBACK_INDEX else not belongs_to_kernel(link)


def contradicts_inside(message: Message, wanted: Inside) -> bool:
    match message.kind:
        case kind if kind in (NEWLINK, DELLINK):
            return _link_contradicts(message, wanted)
        case kind if kind in (NEWADDR, DELADDR):
            index, address = parse_address(message.body)
            if index != wanted.index or address is None:
                return False
            return (address in wanted.network.addresses) is (message.kind == DELADDR)
        case kind if kind in (NEWROUTE, DELROUTE):
            return _route_contradicts(message, wanted)
        case kind:
            return kind == DELRULE and any(route.source for route in wanted.network.routes)


def contradicts_outside(message: Message, wanted: Outside) -> bool:
    """Of the host's devices. ``wanted.master`` counts too: a bridge that is down or gone serves nobody."""
    if message.kind not in (NEWLINK, DELLINK):
        return False
    link = parse_link(message.body)
    gone = message.kind == DELLINK
    if wanted.there and wanted.master and link.index == wanted.master and link.name != wanted.name:
        return gone or not link.up
    if link.name != wanted.name:
        return False
    if not wanted.there:
        return not gone
    return gone or not link.up or link.mtu != wanted.mtu or link.master != wanted.master


def name_of(message: Message) -> str:
    """Of the device that an event is about."""
    return parse_name(message.body) if message.kind in (NEWLINK, DELLINK) else ""


def ended_device(message: Message) -> int | None:
    """The index of a device that went or was set down."""
    if message.kind not in (NEWLINK, DELLINK):
        return None
    index, up = parse_state(message.body)
    return index if message.kind == DELLINK or not up else None


def begins_to_pass(message: Message) -> bool:
    """Whether the event says that its device's bridge lets packets pass."""
    if message.kind != NEWLINK:
        return False
    link = parse_link(message.body)
    return bool(link.master) and link.forwarding


def _link_contradicts(message: Message, wanted: Inside) -> bool:
    link = parse_link(message.body)
    gone = message.kind == DELLINK
    if link.index == LOOPBACK_INDEX:
        return not link.up
    if link.index != wanted.index:
        return not gone and not belongs_to_kernel(link)
    vif = wanted.network.vif
    if gone or not link.up or vif is None:
        return True
    return (link.mac_address, link.mtu) != (vif.mac_address, vif.mtu)


def _route_contradicts(message: Message, wanted: Inside) -> bool:
    """An event names a table, not the address whose table it is: that is left for the look."""
    gone = message.kind == DELROUTE
    connected = parse_connected(message.body, wanted.index)
    if connected is not None:
        subnets = {ipaddress.ip_interface(address).network for address in wanted.network.addresses}
        return gone and connected in subnets
    _, routes = parse_routes(message.body)
    ways = {(route.destination, route.nexthop) for route in wanted.network.routes}
    return any(((route.destination, route.nexthop) in ways) is gone for route in routes)
