"""What a subnet may be and which addresses in it can be given to a port: pure rules, in Neutron's sense.

Errors name the model's field of a subnet, or
the one that the caller says.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from evenload.model.errors import AddressOutsideSubnet, Conflict, Invalid
from evenload.model.network import AllocationPool, Route, Subnet

Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network

MAX_HOST_ROUTES = 20
MAX_NAMESERVERS = 5
MIN_MTU = {4: 576, 6: 1280}
"""What every link must carry (RFC 791, RFC 8200)."""
MAX_MTU = 9216

# Nobody's subnet: these mean something else to every host.
_FORBIDDEN: tuple[tuple[Cidr, str], ...] = (
    (IPv4Network("0.0.0.0/8"), "unspecified"),
    (IPv4Network("127.0.0.0/8"), "loopback"),
    (IPv4Network("169.254.0.0/16"), "link-local"),
    (IPv4Network("224.0.0.0/4"), "multicast"),
    (IPv4Network("240.0.0.0/4"), "reserved"),
    (IPv6Network("::/96"), "unspecified, loopback or IPv4-compatible"),
    (IPv6Network("::ffff:0:0/96"), "IPv4-mapped"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("ff00::/8"), "multicast"),
)

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")


def parse_address(text: str, *, field: str) -> Address:
    """Raises Invalid for what is no address, or one with a zone."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise Invalid(f"'{text}' is not a valid IP address.", field=field) from error
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise Invalid(f"'{text}' is not a valid IP address.", field=field)
    return address


def parse_cidr(text: str, *, field: str) -> Cidr:
    """Raises Invalid for what is no network, and for one with host bits, recommending the network meant."""
    try:
        if "/" not in text or "%" in text:
            raise ValueError("no prefix length")
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise Invalid(f"'{text}' is not a valid IP subnet.", field=field) from error
    address, _, length = text.partition("/")
    if not length.isdecimal() or ip_address(address) != network.network_address:
        raise Invalid(f"'{text}' is not a recognized IP subnet CIDR, '{network}' is recommended.", field=field)
    return network


def validate_cidr(text: str, ip_version: int) -> Cidr:
    """The CIDR of a new subnet. Raises Invalid."""
    if ip_version not in (4, 6):
        raise Invalid(f"{ip_version} is not an IP version; 4 and 6 are.", field="ip_version")
    cidr = parse_cidr(text, field="cidr")
    if cidr.version != ip_version:
        raise Invalid(f"CIDR {cidr} is not of IP version {ip_version}.", field="cidr")
    if cidr.prefixlen == 0:
        raise Invalid("A subnet cannot have the prefix length 0.", field="cidr")
    for forbidden, meaning in _FORBIDDEN:
        if forbidden.version == cidr.version and cidr.overlaps(forbidden):
            raise Invalid(f"CIDR {cidr} holds {meaning} addresses ({forbidden}).", field="cidr")
    return cidr


def validate_no_overlap(cidr: Cidr, others: Sequence[Subnet]) -> None:
    """``others``: the subnets already in the network. Raises Invalid."""
    for other in others:
        if other.ip_version == cidr.version and cidr.overlaps(ip_network(other.cidr)):
            raise Invalid(
                f"Requested subnet with cidr: {cidr} for network: {other.network_id} overlaps with subnet "
                f"{other.id} ({other.cidr}).",
                field="cidr",
            )


def host_range(cidr: Cidr) -> tuple[int, int]:
    """The first and last address that a host may have, both included.

    IPv4 leaves out the network's and the broadcast address but for /31 (RFC 3021) and /32; IPv6 the subnet-router
    anycast address (RFC 4291, 2.6.1) but for /127 (RFC 6164) and /128.
    """
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.prefixlen >= cidr.max_prefixlen - 1:
        return first, last
    return first + 1, last - 1 if cidr.version == 4 else last


def choose_gateway(cidr: Cidr) -> str | None:
    """The first host; none where it would be the only one."""
    if cidr.prefixlen == cidr.max_prefixlen:
        return None
    return _text(cidr, host_range(cidr)[0])


def validate_gateway(cidr: Cidr, text: str) -> str:
    """Canonical. Inside the subnet it must be a host's address, outside any that a router can have."""
    gateway = parse_address(text, field="gateway_ip")
    if gateway.version != cidr.version:
        raise Invalid(f"Gateway {gateway} is not of the subnet's IP version {cidr.version}.", field="gateway_ip")
    first, last = host_range(cidr)
    inside = gateway in cidr
    if (inside and not first <= int(gateway) <= last) or (not inside and not _can_route(gateway)):
        raise Invalid(f"Gateway {gateway} is not valid on subnet {cidr}.", field="gateway_ip")
    return str(gateway)


def plan_pools(cidr: Cidr, gateway: str | None) -> tuple[AllocationPool, ...]:
    """All hosts but the gateway. Empty where the gateway is the only host."""
    first, last = host_range(cidr)
    hole = int(ip_address(gateway)) if gateway is not None and ip_address(gateway) in cidr else first - 1
    ranges = [(first, last)] if hole < first else [(first, hole - 1), (hole + 1, last)]
    return tuple(AllocationPool(start=_text(cidr, low), end=_text(cidr, high)) for low, high in ranges if low <= high)


def validate_pools(cidr: Cidr, gateway: str | None, pools: Sequence[AllocationPool]) -> tuple[AllocationPool, ...]:
    """Canonical, in the order given. Raises Invalid or Conflict."""
    ranges: list[tuple[int, int, AllocationPool]] = []
    low, high = host_range(cidr)
    for pool in pools:
        start = parse_address(pool.start, field="allocation_pools")
        end = parse_address(pool.end, field="allocation_pools")
        named = AllocationPool(start=str(start), end=str(end))
        if start.version != cidr.version or end.version != cidr.version or int(start) > int(end):
            raise Invalid(f"The allocation pool {start}-{end} is not valid.", field="allocation_pools")
        if int(start) < low or int(end) > high:
            raise Invalid(
                f"The allocation pool {start}-{end} spans beyond the hosts of subnet {cidr}.", field="allocation_pools"
            )
        for other_start, other_end, other in ranges:
            if int(start) <= other_end and other_start <= int(end):
                raise Conflict(
                    f"Found overlapping allocation pools: {other.start}-{other.end} {start}-{end} for subnet {cidr}.",
                    field="allocation_pools",
                )
        ranges.append((int(start), int(end), named))
    validate_gateway_outside(gateway, [named for _, _, named in ranges], field="allocation_pools")
    return tuple(named for _, _, named in ranges)


def validate_gateway_outside(gateway: str | None, pools: Sequence[AllocationPool], *, field: str) -> None:
    """Raises Conflict where a pool holds the gateway."""
    if gateway is None:
        return
    number = int(ip_address(gateway))
    for pool in pools:
        if int(ip_address(pool.start)) <= number <= int(ip_address(pool.end)):
            raise Conflict(f"Gateway ip {gateway} conflicts with allocation pool {pool.start}-{pool.end}.", field=field)


def validate_routes(ip_version: int, routes: Sequence[Route]) -> tuple[Route, ...]:
    """Canonical, in the order given; one route to a destination. Raises Invalid."""
    if len(routes) > MAX_HOST_ROUTES:
        raise Invalid(f"A subnet has at most {MAX_HOST_ROUTES} host routes.", field="host_routes")
    canonical: dict[str, Route] = {}
    for route in routes:
        destination = parse_cidr(route.destination, field="host_routes")
        nexthop = parse_address(route.nexthop, field="host_routes")
        if destination.version != ip_version or nexthop.version != ip_version:
            raise Invalid(
                f"The route to {destination} by {nexthop} is not of the subnet's IP version {ip_version}.",
                field="host_routes",
            )
        if not _can_route(nexthop):
            raise Invalid(f"{nexthop} cannot be a next hop.", field="host_routes")
        if str(destination) in canonical:
            raise Invalid(f"There is more than one route to {destination}.", field="host_routes")
        canonical[str(destination)] = Route(destination=str(destination), nexthop=str(nexthop))
    return tuple(canonical.values())


def validate_nameservers(nameservers: Sequence[str]) -> tuple[str, ...]:
    """As they were given, which is how they are shown: nothing here uses them. Either family. Raises Invalid."""
    if len(nameservers) > MAX_NAMESERVERS:
        raise Invalid(f"A subnet has at most {MAX_NAMESERVERS} name servers.", field="dns_nameservers")
    canonical = [str(parse_address(text, field="dns_nameservers")) for text in nameservers]
    if len(set(canonical)) < len(canonical):
        raise Invalid("A name server is given twice.", field="dns_nameservers")
    return tuple(nameservers)


def validate_mtu(mtu: int, ip_versions: Collection[int]) -> int:
    """``ip_versions``: those of the network's subnets. Raises Invalid."""
    least = max((MIN_MTU[version] for version in ip_versions), default=MIN_MTU[4])
    if not least <= mtu <= MAX_MTU:
        reason = " with an IPv6 subnet" if least == MIN_MTU[6] else ""
        raise Invalid(f"The MTU of a network{reason} is at least {least} and at most {MAX_MTU}.", field="mtu")
    return mtu


def is_in(address: Address, subnet: Subnet) -> bool:
    return address.version == subnet.ip_version and address in ip_network(subnet.cidr)


def validate_host_address(address: Address, subnet: Subnet, *, field: str) -> None:
    """An address that was asked for: any host of the subnet but the gateway, in an allocation pool or not."""
    if not is_in(address, subnet):
        raise AddressOutsideSubnet(
            f"IP address {address} is not a valid IP for the subnet {subnet.id} ({subnet.cidr}).", field=field
        )
    first, last = host_range(ip_network(subnet.cidr))
    if not first <= int(address) <= last:
        raise Invalid(f"IP address {address} is reserved in the subnet {subnet.id} ({subnet.cidr}).", field=field)
    if str(address) == subnet.gateway_ip:
        raise Invalid(f"IP address {address} is the gateway of the subnet {subnet.id}.", field=field)


def choose_address(subnet: Subnet, taken: Collection[str]) -> str | None:
    """The next free address of the allocation pools; None where they are exhausted."""
    for address in _candidates(subnet):
        if address not in taken and address != subnet.gateway_ip:
            return address
    return None


def count_addresses(subnet: Subnet) -> int:
    """Of the allocation pools."""
    return sum(int(ip_address(pool.end)) - int(ip_address(pool.start)) + 1 for pool in subnet.allocation_pools)


def validate_mac(text: str) -> str:
    """Canonical. Raises Invalid for what is no address of one interface."""
    mac = text.lower().replace("-", ":")
    if not _MAC.match(mac) or int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise Invalid(f"'{text}' is not a valid MAC address of one interface.", field="mac_address")
    return mac


def render_mac(number: int) -> str:
    """An address with the prefix that OpenStack uses; ``number`` below 2**24."""
    return f"fa:16:3e:{number >> 16 & 0xFF:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"


def _candidates(subnet: Subnet) -> Iterator[str]:
    write = _ipv4_text if subnet.ip_version == 4 else _ipv6_text
    for pool in subnet.allocation_pools:
        for number in _range_of(pool):
            yield write(number)


def _ipv4_text(number: int) -> str:
    """Four times as fast as by way of an ``IPv4Address``: all that is taken comes by here, in the writer's turn."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _ipv6_text(number: int) -> str:
    return str(IPv6Address(number))


def _range_of(pool: AllocationPool) -> range:
    return range(int(ip_address(pool.start)), int(ip_address(pool.end)) + 1)


def _can_route(address: Address) -> bool:
    return not (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address == IPv4Address("255.255.255.255")
        or (isinstance(address, IPv6Address) and address.ipv4_mapped is not None)
    )


def _text(cidr: Cidr, number: int) -> str:
    return str(IPv4Address(number) if cidr.version == 4 else IPv6Address(number))
