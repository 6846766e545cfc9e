"""Which addresses a load balancer can reach from its VIP port: on its subnets, by their gateways, by their host routes.

Pure. An IPv4 address that is written as one of IPv6 is IPv4, as the kernel has it.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network

from evenload.model.desired import DesiredPort


def ways_from(port: DesiredPort) -> Callable[[str], bool]:
    """Whether anything leads from the port to an address. Cheap where a gateway leads everywhere: thousands of members
    may be asked about each second."""
    everywhere = {family_of(ip.address) for ip in port.ips if ip.gateway_ip is not None}
    networks = [ip_interface(f"{ip.address}/{ip.prefix_length}").network for ip in port.ips]
    networks += [ip_network(route.destination, strict=False) for ip in port.ips for route in ip.host_routes]

    def leads(address: str) -> bool:
        family = family_of(address)
        if family in everywhere:
            return True
        place = _as_connected(address)
        return any(network.version == family and place in network for network in networks)

    return leads


def family_of(address: str) -> int:
    """4 or 6: what a connection to it would be. The address has been validated."""
    if ":" not in address:
        return 4
    return _as_connected(address).version if address.startswith(("::", "0")) else 6


def _as_connected(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address)
    return parsed if isinstance(parsed, IPv4Address) else parsed.ipv4_mapped or parsed
