"""Addresses and routes of one device by netlink, and their announcement to the neighbours.

Every function works in the namespace of the calling thread or of
the given socket. Which addresses and routes there should be is decided by the agent's plan.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

from evenload.host.links import pack_mac
from evenload.host.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Netlink,
    as_number,
    attribute,
    attributes,
    number,
)
from evenload.host.refusal import refusal
from evenload.host.rules import ensure_table, read_tables, remove_table
from evenload.model.observed import HostRoute

NEWADDR, DELADDR, _GETADDR, NEWROUTE, DELROUTE, _GETROUTE = 20, 21, 22, 24, 25, 26
_ADDRESS_INFO = struct.Struct("=BBBBI")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD = 0x02
_ROUTE_INFO = struct.Struct("=BBBBBBBBI")
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_MULTIPATH, _RTA_TABLE = 1, 4, 5, 6, 7, 9, 15
_TABLE_MAIN, _PROTO_KERNEL, _PROTO_STATIC, _UNICAST = 254, 2, 4, 1
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255
_RTNH = struct.Struct("=HBBi")
_RTNH_F_ONLINK = 4
_ALL_NODES = "ff02::1"
_NEIGHBOUR_ADVERTISEMENT, _OVERRIDE, _TARGET_LINK_LAYER = 136, 0x20000000, 2

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_addresses(netlink: Netlink, index: int) -> frozenset[str]:
    """In interface notation, without the IPv6 link-local ones."""
    body = _ADDRESS_INFO.pack(0, 0, 0, 0, index)
    found = set()
    for message in netlink.dump(_GETADDR, body, f"list the addresses of device {index}"):
        owner, address = parse_address(message.body)
        if owner == index and address is not None:
            found.add(address)
    return frozenset(found)


def parse_address(body: bytes) -> tuple[int, str | None]:
    """The index of the device, and the address in interface notation; None for an IPv6 link-local one."""
    _, length, _, _, owner = _ADDRESS_INFO.unpack_from(body)
    parts = attributes(body[_ADDRESS_INFO.size :])
    address = ipaddress.ip_address(parts.get(_IFA_LOCAL) or parts[_IFA_ADDRESS])
    return owner, None if address.version == 6 and address.is_link_local else f"{address}/{length}"


def read_usable_addresses(netlink: Netlink, index: int) -> frozenset[str]:
    """Without those whose subnet cannot be reached, because somebody took away the route that came with the address."""
    connected = _read_connected(netlink, index)
    return frozenset(
        address
        for address in read_addresses(netlink, index)
        if (network := ipaddress.ip_interface(address).network).num_addresses == 1 or network in connected
    )


def add_address(netlink: Netlink, index: int, address: str) -> None:
    """At once usable: duplicate detection would keep an IPv6 address back for 1.8 s, and the allocator has already
    made sure. Where it is there, its subnet gets its route back."""
    interface = ipaddress.ip_interface(address)
    body = _address(index, interface) + number(_IFA_FLAGS, _IFA_F_NODAD if interface.version == 6 else 0)
    if isinstance(interface, ipaddress.IPv4Interface) and interface.network.prefixlen < 31:
        body += attribute(4, interface.network.broadcast_address.packed)
    try:
        netlink.ask(NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise refusal(f"add the address {address}", error) from error
        _connect(netlink, index, interface)


def remove_address(netlink: Netlink, index: int, address: str) -> None:
    try:
        netlink.ask(DELADDR, NLM_F_ACK, _address(index, ipaddress.ip_interface(address)))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise refusal(f"remove the address {address}", error) from error


def read_routes(netlink: Netlink) -> frozenset[HostRoute]:
    """The unicast routes that somebody added, to the main table and to those of single addresses; a route without a
    next hop has ``0.0.0.0`` or ``::``.

    A route with several next hops counts as several.
    """
    found: dict[int, set[HostRoute]] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _ROUTE_INFO.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for message in netlink.dump(_GETROUTE, body, "list routes"):
            table, listed = parse_routes(message.body)
            found.setdefault(table, set()).update(listed)
    routes = found.pop(_TABLE_MAIN, set())
    if any(found.values()):  # few have any, so nobody else pays for the question
        for address, table in read_tables(netlink).items():
            routes |= {replace(route, source=address) for route in found.get(table, set())}
    return frozenset(routes)


def add_route(netlink: Netlink, index: int, route: HostRoute) -> None:
    """In place of another one to the same destination."""
    destination = ipaddress.ip_network(route.destination)
    scope = _SCOPE_LINK if _unspecified(route) and destination.version == 4 else _SCOPE_UNIVERSE
    table = _TABLE_MAIN if route.source is None else ensure_table(netlink, route.source)
    body = _route(index, destination, route, scope, table)
    netlink.request(
        NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, f"add a route to {route.destination} via {route.nexthop}"
    )


def remove_route(netlink: Netlink, index: int, route: HostRoute) -> None:
    """The table of a single address goes with its last route."""
    destination = ipaddress.ip_network(route.destination)
    attempted = f"remove the route to {route.destination} via {route.nexthop}"
    table: int | None = _TABLE_MAIN if route.source is None else read_tables(netlink).get(route.source)
    if table is None:
        return
    try:
        netlink.ask(DELROUTE, NLM_F_ACK, _route(index, destination, route, _SCOPE_NOWHERE, table))
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.ENODEV):
            raise refusal(attempted, error) from error
        same = (route.destination, route.nexthop, route.source)
        if any((each.destination, each.nexthop, each.source) == same for each in read_routes(netlink)):
            # One of several next hops, or one through another device: the whole route goes.
            netlink.request(DELROUTE, 0, _route(0, destination, None, _SCOPE_NOWHERE, table), attempted)
    if route.source is not None and not any(each.source == route.source for each in read_routes(netlink)):
        remove_table(netlink, route.source, table)


def announce(
    device: str, index: int, mac_address: str, address: str, close_later: Callable[[socket.socket], None]
) -> None:
    """Tells the neighbours that the address is at this MAC: gratuitous ARP request, or unsolicited advertisement.

    ``close_later`` takes the packet socket: closing it waits 10 to 25 ms for the kernel.
    """
    interface = ipaddress.ip_interface(address)
    try:
        if isinstance(interface, ipaddress.IPv4Interface):
            packet_socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
            try:
                arp = gratuitous_arp(mac_address, interface.ip)
                packet_socket.sendto(arp, (device, 0x0806, 0, 0, b"\xff" * 6))
            finally:
                close_later(packet_socket)
        else:
            with socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as raw:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                raw.bind((str(interface.ip), 0, 0, index))
                raw.sendto(unsolicited_advertisement(mac_address, interface.ip), (_ALL_NODES, 0, 0, index))
    except OSError as error:
        raise refusal(f"announce {interface.ip} on {device}", error) from error


def gratuitous_arp(mac_address: str, address: ipaddress.IPv4Address) -> bytes:
    """The request form, which every neighbour that knows the address takes in (RFC 5944, 4.6)."""
    mac = pack_mac(mac_address)
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, address.packed, b"\0" * 6, address.packed)


def unsolicited_advertisement(mac_address: str, address: ipaddress.IPv6Address) -> bytes:
    """ICMPv6 without its checksum, which the kernel fills in (RFC 4861, 4.4 and 7.2.6)."""
    head = struct.pack("!BBHI", _NEIGHBOUR_ADVERTISEMENT, 0, 0, _OVERRIDE)
    return head + address.packed + struct.pack("!BB6s", _TARGET_LINK_LAYER, 1, pack_mac(mac_address))


def _read_connected(netlink: Netlink, index: int) -> set[Network]:
    """The networks of the main table that lie on that device itself."""
    found: set[Network] = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _ROUTE_INFO.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for message in netlink.dump(_GETROUTE, body, "list routes"):
            network = parse_connected(message.body, index)
            if network is not None:
                found.add(network)
    return found


def parse_connected(body: bytes, index: int) -> Network | None:
    """The network where it is a route of the main table to what lies on that device itself."""
    _, length, _, _, table, _, _, kind, _ = _ROUTE_INFO.unpack_from(body)
    parts = attributes(body[_ROUTE_INFO.size :])
    if (
        as_number(parts.get(_RTA_TABLE), table) == _TABLE_MAIN
        and kind == _UNICAST
        and _RTA_DST in parts
        and _RTA_GATEWAY not in parts
        and as_number(parts.get(_RTA_OIF)) == index
    ):
        return ipaddress.ip_network((parts[_RTA_DST], length))
    return None


def _connect(netlink: Netlink, index: int, interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> None:
    """The route that the kernel makes with an address, made again as the kernel makes it."""
    network = interface.network
    if network.num_addresses == 1:
        return
    family, scope = (socket.AF_INET, _SCOPE_LINK) if network.version == 4 else (socket.AF_INET6, _SCOPE_UNIVERSE)
    body = _ROUTE_INFO.pack(family, network.prefixlen, 0, 0, _TABLE_MAIN, _PROTO_KERNEL, scope, _UNICAST, 0)
    body += attribute(_RTA_DST, network.network_address.packed) + number(_RTA_OIF, index)
    body += attribute(_RTA_PREFSRC, interface.ip.packed) if network.version == 4 else number(_RTA_PRIORITY, 256)
    try:
        netlink.ask(NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body)
    except OSError as error:
        if error.errno != errno.ENETDOWN:  # it comes by itself when the device comes up
            raise refusal(f"add the route to {network}", error) from error


def _address(index: int, interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bytes:
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    packed = interface.ip.packed
    head = _ADDRESS_INFO.pack(family, interface.network.prefixlen, 0, 0, index)
    return head + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)


def _unspecified(route: HostRoute) -> bool:
    return ipaddress.ip_address(route.nexthop).is_unspecified


def _route(index: int, destination: Network, route: HostRoute | None, scope: int, table: int) -> bytes:
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    adding = scope != _SCOPE_NOWHERE
    protocol, kind = (_PROTO_STATIC, _UNICAST) if adding else (0, 0)
    flags = _RTNH_F_ONLINK if adding and route is not None and route.onlink else 0
    body = _ROUTE_INFO.pack(
        family, destination.prefixlen, 0, 0, table if table < 256 else 0, protocol, scope, kind, flags
    )
    body += number(_RTA_TABLE, table)
    if destination.prefixlen:
        body += attribute(_RTA_DST, destination.network_address.packed)
    if route is not None and not _unspecified(route):
        body += attribute(_RTA_GATEWAY, ipaddress.ip_address(route.nexthop).packed)
    return body + number(_RTA_OIF, index) if index else body


def parse_routes(body: bytes) -> tuple[int, list[HostRoute]]:
    """With the number of their table."""
    family, length, _, _, small, protocol, _, kind, flags = _ROUTE_INFO.unpack_from(body)
    parts = attributes(body[_ROUTE_INFO.size :])
    table = as_number(parts.get(_RTA_TABLE), small)
    if protocol == _PROTO_KERNEL or kind != _UNICAST:
        return table, []
    nothing = b"\0" * (4 if family == socket.AF_INET else 16)
    destination = f"{ipaddress.ip_address(parts.get(_RTA_DST, nothing))}/{length}"
    hops = [(parts.get(_RTA_GATEWAY, nothing), flags)]
    if _RTA_MULTIPATH in parts:
        hops = list(_next_hops(parts[_RTA_MULTIPATH], nothing))
    return table, [
        HostRoute(
            destination=destination, nexthop=str(ipaddress.ip_address(gateway)), onlink=bool(flags & _RTNH_F_ONLINK)
        )
        for gateway, flags in hops
    ]


def _next_hops(data: bytes, nothing: bytes) -> list[tuple[bytes, int]]:
    found = []
    at = 0
    while at + _RTNH.size <= len(data):
        length, flags, _, _ = _RTNH.unpack_from(data, at)
        if length < _RTNH.size:
            break
        parts = attributes(data[at + _RTNH.size : at + length])
        found.append((parts.get(_RTA_GATEWAY, nothing), flags))
        at += length + (-length % 4)
    return found
