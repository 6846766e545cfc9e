"""Settings of ``[networking]``, by Octavia's names: what load balancers are kept from."""

from ipaddress import ip_network
from typing import Any

from oslo_config import cfg

from evenload.service.networking import Networking

_WAYS = ("vip_network_id", "vip_subnet_id", "vip_port_id")

NETWORKING_OPTIONS = [
    *(
        cfg.BoolOpt(f"allow_{way}", default=True, help=f"Octavia's API: let callers ask for a VIP by {way}.")
        for way in _WAYS
    ),
    cfg.ListOpt(
        "valid_vip_networks",
        default=[],
        help="Ids of the networks on which VIPs may lie, where an availability zone names none. Default: any.",
    ),
    cfg.ListOpt("denylist_vip_networks", default=[], help="Ids of the networks on which no VIP may lie."),
    cfg.ListOpt(
        "reserved_ips",
        default=[],
        help="Addresses and networks where no member may be, nor be checked. Loopback, link-local (169.254.169.254) "
        "and multicast addresses never may.",
    ),
]


def read_networking(section: Any) -> Networking:
    """Raises ValueError, naming the setting."""
    ways = frozenset(way for way in _WAYS if section[f"allow_{way}"])
    if not ways:
        raise ValueError(f"[networking] {', '.join(f'allow_{way}' for way in _WAYS)}: one way at least must be open")
    reserved = []
    for text in section.reserved_ips:
        try:
            reserved.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"[networking] reserved_ips: {error}") from error
    return Networking(
        ways=ways,
        vip_networks=frozenset(each.lower() for each in section.valid_vip_networks),
        denied=frozenset(each.lower() for each in section.denylist_vip_networks),
        reserved=tuple(reserved),
    )
