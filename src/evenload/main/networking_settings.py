"""Settings of ``[networking]``, by Octavia's names: what load balancers are kept from."""

import uuid
from ipaddress import ip_network
from typing import Any

from oslo_config import cfg

from evenload.model.rules import addresses_in
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
            network = ip_network(text)
        except ValueError as error:
            raise ValueError(f"[networking] reserved_ips: {error}") from error
        if network.prefixlen and addresses_in(network[0]) != [network[0]]:
            raise ValueError(f"[networking] reserved_ips: {text} is another form of an IPv4 network; name that one")
        reserved.append(network)
    return Networking(
        ways=ways,
        vip_networks=_ids(section, "valid_vip_networks"),
        denied=_ids(section, "denylist_vip_networks"),
        reserved=tuple(reserved),
    )


def _ids(section: Any, option: str) -> frozenset[str]:
    """A name would keep nobody from anything."""
    try:
        return frozenset(str(uuid.UUID(each)) for each in section[option])
    except ValueError as error:
        raise ValueError(f"[networking] {option}: ids of networks are needed, such as {uuid.UUID(int=0)}") from error
