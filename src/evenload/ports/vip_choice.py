"""Which addresses a VIP port gets: pure look-ups inside the transaction of ``ports/ipam.py``.

How a request is resolved follows Octavia's API (how the VIP is resolved); which addresses a subnet can give stands in
``model/addresses.py``. Nothing is written here but locks.
"""

from collections.abc import Iterator, Sequence

from evenload.interfaces.ports import VipRequest
from evenload.interfaces.store import NetworkPart
from evenload.model.addresses import Address, is_in, parse_address
from evenload.model.errors import AddressOutsideSubnet, AddressTaken, Invalid, UnknownNeighbour
from evenload.model.network import FixedIp, Network, Port, Subnet
from evenload.service.allocation import check_fixed_ip, choose_fixed_ip, exhausted

# -------------------------------------------------------------------------------------------------------- what exists


def _visible_network(
    transaction: NetworkPart, project_id: str, network_id: str, *, every_project: bool, field: str
) -> Network:
    """Another project's network that is not shared does not exist for this one."""
    network = transaction.network(network_id)
    if network is None or not (every_project or network.shared or network.project_id == project_id):
        raise UnknownNeighbour("Network", network_id, field=field)
    return network


def visible_subnet(
    transaction: NetworkPart, project_id: str, subnet_id: str, *, every_project: bool, field: str
) -> tuple[Network, Subnet]:
    unknown = UnknownNeighbour("Subnet", subnet_id, field=field)
    subnet = transaction.subnet(subnet_id)
    if subnet is None:
        raise unknown
    try:
        network = _visible_network(transaction, project_id, subnet.network_id, every_project=every_project, field=field)
    except Invalid as error:
        raise unknown from error
    return network, subnet


# -------------------------------------------------------------------------------------------------------- a given port


def given_port(
    transaction: NetworkPart, project_id: str, port_id: str, request: VipRequest
) -> tuple[Port, tuple[FixedIp, ...]]:
    """The port, locked after its network, with the addresses that were asked for."""
    port = transaction.port(port_id)
    if port is not None:
        transaction.locked_network(port.network_id)
        port = transaction.locked_port(port_id)
    if port is None or not (request.every_project or port.project_id == project_id):
        raise UnknownNeighbour("Port", port_id, field="vip_port_id")
    if port.device_id:
        raise Invalid(f"Port {port_id} is already used by a device.", field="vip_port_id")
    if request.network_id not in (None, port.network_id):
        raise Invalid(f"Port {port_id} is not on network {request.network_id}.", field="vip_network_id")
    return port, (_primary_of(port, request), *_additional_of(port, request))


def _primary_of(port: Port, request: VipRequest) -> FixedIp:
    address = None if request.address is None else str(parse_address(request.address, field="vip_address"))
    candidates = [ip for ip in port.fixed_ips if request.subnet_id in (None, ip.subnet_id)]
    if not candidates:
        if request.subnet_id is not None:
            raise Invalid(f"Port {port.id} has no address in subnet {request.subnet_id}.", field="vip_subnet_id")
        raise Invalid(f"Port {port.id} has no address.", field="vip_port_id")
    if address is not None:
        for ip in candidates:
            if ip.address == address:
                return ip
        raise Invalid(f"Port {port.id} does not have the address {address}.", field="vip_address")
    if request.subnet_id is None and len(candidates) > 1:
        raise Invalid(
            f"Port {port.id} has more than one address; say which by vip_subnet_id or vip_address.", field="vip_port_id"
        )
    return candidates[0]


def _additional_of(port: Port, request: VipRequest) -> Iterator[FixedIp]:
    """All VIPs lie on one port, so an additional one is an address that the port has already."""
    taken = {_primary_of(port, request).subnet_id}
    for subnet_id, address, port_id in request.additional:
        if port_id not in (None, port.id):
            raise Invalid("All VIPs of a load balancer lie on one port.", field="additional_vips")
        check_distinct(subnet_id, taken)
        wanted = None if address is None else str(parse_address(address, field="additional_vips"))
        for ip in port.fixed_ips:
            if ip.subnet_id == subnet_id and wanted in (None, ip.address):
                yield ip
                break
        else:
            raise Invalid(f"Port {port.id} has no such address in subnet {subnet_id}.", field="additional_vips")


def check_distinct(subnet_id: str, taken: set[str]) -> None:
    if subnet_id in taken:
        raise Invalid("The VIPs of a load balancer lie in different subnets.", field="additional_vips")
    taken.add(subnet_id)


# -------------------------------------------------------------------------------------------------------- a port made


def choose_ips(transaction: NetworkPart, project_id: str, request: VipRequest) -> tuple[Network, tuple[FixedIp, ...]]:
    address = None if request.address is None else parse_address(request.address, field="vip_address")
    if request.network_id is not None:
        network = _visible_network(
            transaction, project_id, request.network_id, every_project=request.every_project, field="vip_network_id"
        )
        transaction.locked_network(network.id)
        subnets: Sequence[Subnet] = transaction.subnets(network.id)
        if request.subnet_id is not None:
            subnets = [subnet for subnet in subnets if subnet.id == request.subnet_id]
            if not subnets:
                raise Invalid(f"Subnet {request.subnet_id} is not on network {network.id}.", field="vip_subnet_id")
        elif address is None:
            promised = {subnet_id for subnet_id, _, _ in request.additional}
            subnets = [subnet for subnet in subnets if subnet.id not in promised]
    elif request.subnet_id is not None:
        network, subnet = visible_subnet(
            transaction, project_id, request.subnet_id, every_project=request.every_project, field="vip_subnet_id"
        )
        transaction.locked_network(network.id)
        now = transaction.subnet(subnet.id)
        subnets = [] if now is None else [now]
    else:
        raise Invalid("VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.", field="vip_subnet_id")
    primary = _choose_primary(transaction, network, subnets, address)
    return network, (primary, *_choose_additional(transaction, project_id, network, primary, request))


def _choose_primary(
    transaction: NetworkPart, network: Network, subnets: Sequence[Subnet], address: Address | None
) -> FixedIp:
    if address is not None:
        for subnet in subnets:
            if is_in(address, subnet):
                return _checked(transaction, subnet, address, field="vip_address")
        where = f"subnet {subnets[0].id} ({subnets[0].cidr})" if len(subnets) == 1 else f"a subnet of {network.id}"
        raise AddressOutsideSubnet(f"VIP address {address} is not in {where}.", field="vip_address")
    if not subnets:
        raise Invalid(f"Network {network.id} has no subnet.", field="vip_network_id")
    for subnet in sorted(subnets, key=lambda subnet: subnet.ip_version):
        fixed = choose_fixed_ip(transaction, subnet)
        if fixed is not None:
            return fixed
    raise exhausted(network, field="vip_subnet_id")


def _choose_additional(
    transaction: NetworkPart, project_id: str, network: Network, primary: FixedIp, request: VipRequest
) -> Iterator[FixedIp]:
    taken = {primary.subnet_id}
    for subnet_id, wanted, port_id in request.additional:
        if port_id is not None:
            raise Invalid(
                "All VIPs of a load balancer lie on one port: give it as vip_port_id.", field="additional_vips"
            )
        found, subnet = visible_subnet(
            transaction, project_id, subnet_id, every_project=request.every_project, field="additional_vips"
        )
        if found.id != network.id:
            raise Invalid("The VIPs of a load balancer lie in one network.", field="additional_vips")
        check_distinct(subnet_id, taken)
        if wanted is not None:
            address = parse_address(wanted, field="additional_vips")
            yield _checked(transaction, subnet, address, field="additional_vips")
            continue
        fixed = choose_fixed_ip(transaction, subnet)
        if fixed is None:
            raise exhausted(network, field="additional_vips")
        yield fixed


def _checked(transaction: NetworkPart, subnet: Subnet, address: Address, *, field: str) -> FixedIp:
    try:
        return check_fixed_ip(transaction, subnet, address, field=field)
    except AddressTaken as conflict:
        raise AddressTaken(f"The VIP IP address is already in use: {address}.", field=field) from conflict
