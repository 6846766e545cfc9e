"""The engine network: from the desired VIP port and what a host has, to a device and steps inside the namespace. Pure.

Everything that is missing comes before anything that goes, so that no moment has less than both states share.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

from evenload.agent.actions import Action, Configure, Part, Plug
from evenload.model.desired import Change, Desired, DesiredIp, DesiredPort
from evenload.model.network_steps import (
    FIRST_SOURCE_PORT,
    AddAddress,
    AddRoute,
    Announce,
    BringUp,
    NetworkStep,
    ProbeAddresses,
    RemoveAddress,
    RemoveRoute,
    ReservePorts,
    Tune,
)
from evenload.model.observed import HostRoute, NetworkObserved, VifState

DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}
_NOWHERE = {4: "0.0.0.0", 6: "::"}
"""The next hop of what lies on the wire itself."""


def plan_network(
    desired: Desired, observed: NetworkObserved, *, routes_certain: bool = True, unfinished: bool = False
) -> Part[NetworkObserved]:
    """``routes_certain`` False: other devices go before the steps, and may take observed routes along. ``unfinished``:
    nobody knows how far an earlier attempt came, so what cannot be observed (announcements) is done again.

    The steps follow the plugging, in one visit to the namespace.
    """
    port = desired.port
    plug = observed.vif is None or replace(observed.vif, up=True) != wanted_vif(port)
    running = not (plug or unfinished) and observed.vif is not None and observed.vif.up
    wanted, routes = wanted_addresses(port), wanted_routes(port)
    # A device that has just been plugged or was down may have lost what was on it: done again, it does no harm.
    new = [address for address in wanted if plug or address not in observed.addresses]
    surplus = sorted(observed.addresses - set(wanted))
    clashing = [address for address in surplus if _host(address) in {_host(each) for each in wanted}]
    new_routes = [route for route in routes if not (running and routes_certain) or route not in observed.routes]
    replaced = {(route.source, route.destination) for route in routes}
    old_routes = sorted(
        (route for route in observed.routes if (route.source, route.destination) not in replaced),
        key=lambda route: (route.source or "", route.destination, route.nexthop),
    )
    reserved = wanted_reserved(desired)
    steps: list[NetworkStep] = [] if observed.tuned else [Tune()]
    steps += [] if observed.reserved == reserved else [ReservePorts(tuple(sorted(reserved)))]
    steps += [RemoveAddress(address) for address in clashing]  # the same one, of another length
    if not running:
        steps.append(BringUp())
    # Not before packets pass: an address that is there has been asked for on the wire, and will be announced.
    steps += [ProbeAddresses(tuple(new))] if new else []
    steps += [AddAddress(address) for address in new]
    steps += [AddRoute(route) for route in new_routes]
    steps += [RemoveRoute(route) for route in old_routes]
    steps += [RemoveAddress(address) for address in surplus if address not in clashing]
    steps += [Announce(_host(address)) for address in new]
    actions: list[Action] = [Plug(port)] if plug else []
    if steps:
        actions.append(Configure(port, tuple(steps)))
    return Part(
        actions=tuple(actions),
        change=Change.NETWORK if actions else Change.NOTHING,
        after=_network(port, wanted, routes, reserved),
    )


def wanted_network(port: DesiredPort, reserved: frozenset[int] = frozenset()) -> NetworkObserved:
    return _network(port, wanted_addresses(port), wanted_routes(port), reserved)


def wanted_reserved(desired: Desired) -> frozenset[int]:
    """The listeners' ports that a connection to a member might take otherwise, disabled ones included: these are to be
    free when they are enabled."""
    return frozenset(each.port for each in desired.listeners if each.port >= FIRST_SOURCE_PORT)


def _network(
    port: DesiredPort, addresses: Iterable[str], routes: Iterable[HostRoute], reserved: frozenset[int]
) -> NetworkObserved:
    return NetworkObserved(
        namespace=True,
        vif=wanted_vif(port),
        addresses=frozenset(addresses),
        routes=frozenset(routes),
        tuned=True,
        reserved=reserved,
    )


def wanted_vif(port: DesiredPort) -> VifState:
    """The device of that port as it has to be, up."""
    return VifState(mac_address=port.mac_address, mtu=port.mtu, up=True, segment=port.segment)


def wanted_addresses(port: DesiredPort) -> list[str]:
    """All addresses of the port in interface notation, in the port's order."""
    return [f"{ip.address}/{ip.prefix_length}" for ip in port.ips]


def wanted_routes(port: DesiredPort) -> list[HostRoute]:
    """Per family the way out of the first subnet that has one, then the host routes of all subnets; then, where a
    family has several subnets, the ways of each address's own.

    A destination is named once: the first subnet wins. Left out is what the kernel would refuse or knows better: a
    next hop that is the port itself, and a destination that is a subnet of the port.
    """
    return [*_routes(port, port.ips), *_own_routes(port)]


def _own_routes(port: DesiredPort) -> Iterator[HostRoute]:
    """What answers of an address take, so that they leave by its subnet: to the port's subnets at once, out by the
    subnet's own gateway. Where that has none, the ways of all are all there is."""
    for ip in port.ips:
        family = [each for each in port.ips if ip_address(each.address).version == ip_address(ip.address).version]
        subnets = dict.fromkeys(_subnet(each) for each in family)
        own = _routes(port, (ip,))
        if len(subnets) > 1 and own:
            nowhere = _NOWHERE[ip_address(ip.address).version]
            for subnet in subnets:
                yield HostRoute(destination=str(subnet), nexthop=nowhere, source=ip.address)
            for route in own:
                yield replace(route, source=ip.address)


def _routes(port: DesiredPort, ips: tuple[DesiredIp, ...]) -> list[HostRoute]:
    """By what the subnets of some of the port's addresses say."""
    own = {ip_address(ip.address) for ip in port.ips}
    subnets = [_subnet(ip) for ip in port.ips]
    found: dict[str, HostRoute] = {}
    for destination, nexthop in [*_defaults(ips), *_host_routes(ips)]:
        hop = ip_address(nexthop)
        network = ip_network(destination)
        if hop in own or network in subnets or network.version != hop.version:
            continue
        inside = any(hop in subnet for subnet in subnets) or hop.is_link_local
        route = HostRoute(destination=destination, nexthop=nexthop, onlink=not inside)
        found.setdefault(destination, route)
    return list(found.values())


def _subnet(ip: DesiredIp) -> IPv4Network | IPv6Network:
    return ip_interface(f"{ip.address}/{ip.prefix_length}").network


def _defaults(ips: tuple[DesiredIp, ...]) -> Iterator[tuple[str, str]]:
    for ip in ips:
        destination = DEFAULTS[ip_address(ip.address).version]
        if ip.gateway_ip is not None:
            yield destination, ip.gateway_ip
            continue
        for route in ip.host_routes:
            if route.destination == destination:
                yield destination, route.nexthop


def _host_routes(ips: tuple[DesiredIp, ...]) -> Iterator[tuple[str, str]]:
    for ip in ips:
        for route in ip.host_routes:
            if route.destination not in DEFAULTS.values():
                yield route.destination, route.nexthop


def _host(address: str) -> str:
    return address.partition("/")[0]
