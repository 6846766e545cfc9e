"""Takes addresses and MACs for new ports inside a writing transaction.

The network is locked, which keeps others from choosing the same; the
database's own constraints stand behind it.
"""

import random
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from evenload.interfaces.store import NetworkPart
from evenload.model.addresses import (
    Address,
    choose_address,
    is_in,
    parse_address,
    render_mac,
    validate_host_address,
)
from evenload.model.errors import AddressesExhausted, AddressTaken, Conflict, Invalid
from evenload.model.network import FixedIp, Network, Port, Subnet

LOAD_BALANCER_OWNER = "Octavia"
"""``Port.device_owner`` of VIP ports, as users of Neutron know it."""


def vip_port_name(load_balancer_id: str) -> str:
    return f"octavia-lb-{load_balancer_id}"


_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedIpRequest:
    """An address of a new port: this one, any of that subnet, or (address alone) in the subnet that holds it."""

    subnet_id: str | None = None
    address: str | None = None


def choose_fixed_ip(transaction: NetworkPart, subnet: Subnet) -> FixedIp | None:
    """None where the subnet has no free address left."""
    address = choose_address(subnet, transaction.addresses_taken(subnet.id))
    return None if address is None else FixedIp(subnet_id=subnet.id, address=address)


def check_fixed_ip(transaction: NetworkPart, subnet: Subnet, address: Address, *, field: str) -> FixedIp:
    """An address that was asked for. Raises Invalid where it cannot be a port's, Conflict where it is taken."""
    validate_host_address(address, subnet, field=field)
    if str(address) in transaction.addresses_taken(subnet.id):
        raise AddressTaken(f"IP address {address} is already in use in subnet {subnet.id}.", field=field)
    return FixedIp(subnet_id=subnet.id, address=str(address))


def choose_fixed_ips(
    transaction: NetworkPart, network: Network, requests: Sequence[FixedIpRequest] | None
) -> tuple[FixedIp, ...]:
    """Those of a new port. ``requests`` None: one address of each family that the network has subnets of.

    Errors name the field ``fixed_ips``.
    """
    subnets = transaction.subnets(network.id)
    if requests is None:
        families = [[subnet for subnet in subnets if subnet.ip_version == version] for version in (4, 6)]
        return tuple(_any_of(transaction, network, family) for family in families if family)
    named = [_parsed(request.address) for request in requests if request.address is not None]
    promised = {str(address) for address in named}
    if len(promised) < len(named):
        raise Invalid("An IP address is given twice.", field="fixed_ips")
    chosen: list[FixedIp] = []
    for request in requests:
        fixed = _fixed_ip(transaction, network, subnets, request, promised)
        promised.add(fixed.address)
        chosen.append(fixed)
    return tuple(chosen)


def _parsed(text: str) -> Address:
    return parse_address(text, field="fixed_ips")


def _any_of(transaction: NetworkPart, network: Network, subnets: Sequence[Subnet]) -> FixedIp:
    for subnet in subnets:
        fixed = choose_fixed_ip(transaction, subnet)
        if fixed is not None:
            return fixed
    raise exhausted(network, field="fixed_ips")


def _fixed_ip(
    transaction: NetworkPart,
    network: Network,
    subnets: Sequence[Subnet],
    request: FixedIpRequest,
    promised: Set[str],
) -> FixedIp:
    address = None if request.address is None else _parsed(request.address)
    if request.subnet_id is not None:
        candidates = [subnet for subnet in subnets if subnet.id == request.subnet_id]
        if not candidates:
            raise Invalid(f"Subnet {request.subnet_id} is not on network {network.id}.", field="fixed_ips")
    elif address is not None:
        candidates = [subnet for subnet in subnets if is_in(address, subnet)]
        if not candidates:
            raise Invalid(f"IP address {address} is in no subnet of network {network.id}.", field="fixed_ips")
    else:
        raise Invalid("A fixed IP needs a subnet or an address.", field="fixed_ips")
    subnet = candidates[0]
    if address is not None:
        return check_fixed_ip(transaction, subnet, address, field="fixed_ips")
    free = choose_address(subnet, transaction.addresses_taken(subnet.id) | promised)
    if free is None:
        raise exhausted(network, field="fixed_ips")
    return FixedIp(subnet_id=subnet.id, address=free)


def insert_with_new_mac(transaction: NetworkPart, port: Port, source: random.Random) -> Port:
    """Inserts the port under a MAC that nobody in its network has; returns it."""
    for _ in range(_ATTEMPTS):
        candidate = replace(port, mac_address=render_mac(source.getrandbits(24)))
        try:
            transaction.insert_port(candidate)
        except Conflict as conflict:
            if conflict.field != "mac_address":
                raise
        else:
            return candidate
    raise Conflict(f"No free MAC address was found in network {port.network_id}.", field="mac_address")


def exhausted(network: Network, *, field: str) -> AddressesExhausted:
    return AddressesExhausted(f"No more IP addresses available on network {network.id}.", field=field)
