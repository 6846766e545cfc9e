"""VIP ports from the built-in networks: fulfils ``PortProvider``.

``main`` makes one; ``service`` calls it inside its own transactions. How a request is resolved follows Octavia's API
(how the VIP is resolved); which addresses a subnet can give stands in ``model/addresses.py``. Nothing here
touches a host.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network

from evenload.interfaces import Clock, NetworkPart, PortReservation, UnitOfWork, VipPort, VipRequest
from evenload.model.addresses import Address, is_in, parse_address
from evenload.model.balancer import LoadBalancer, Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.errors import AddressOutsideSubnet, AddressTaken, Invalid, NotFound, UnknownNeighbour
from evenload.model.network import FixedIp, Network, Port, Subnet
from evenload.service.allocation import (
    LOAD_BALANCER_OWNER,
    check_fixed_ip,
    choose_fixed_ip,
    exhausted,
    insert_with_new_mac,
)


class Ipam:
    """``source`` makes MAC addresses; ``new_id`` the text of a new UUID."""

    def __init__(self, uow: UnitOfWork, clock: Clock, new_id: Callable[[], str], source: random.Random) -> None:
        self._uow = uow
        self._clock = clock
        self._new_id = new_id
        self._source = source

    def reserve_vip_port(self, load_balancer_id: str, project_id: str, request: VipRequest) -> VipPort:
        """The port and its reservation in one transaction. Fields of its errors: vip_port_id, vip_network_id,
        vip_subnet_id, vip_address, additional_vips."""

        def work(transaction: NetworkPart) -> VipPort:
            made = self._take(transaction, load_balancer_id, project_id, request)
            transaction.insert_reservation(
                PortReservation(port_id=made.port_id, own_port=made.own_port, made_at=self._clock.now())
            )
            return made

        return self._uow.write(work)

    def give_back(self, port_id: str) -> None:
        def work(transaction: NetworkPart) -> None:
            port, reservation = transaction.locked_port(port_id), transaction.reservation(port_id)
            if reservation is None or not transaction.remove_reservation(port_id):
                return
            if port is not None:
                self._free(transaction, port, own_port=reservation.own_port)

        self._uow.write(work)

    def _take(self, transaction: NetworkPart, load_balancer_id: str, project_id: str, request: VipRequest) -> VipPort:
        if request.port_id is not None:
            port, ips = _given_port(transaction, project_id, request.port_id, request)
            transaction.update_port(
                replace(
                    port,
                    device_id=load_balancer_id,
                    device_owner=LOAD_BALANCER_OWNER,
                    updated_at=self._clock.now(),
                )
            )
        else:
            network, ips = _choose_ips(transaction, project_id, request)
            port = insert_with_new_mac(
                transaction,
                Port(
                    id=self._new_id(),
                    network_id=network.id,
                    project_id=project_id,
                    name=request.port_name or f"octavia-lb-{load_balancer_id}",
                    mac_address="",
                    fixed_ips=ips,
                    device_id=load_balancer_id,
                    device_owner=LOAD_BALANCER_OWNER,
                    created_at=self._clock.now(),
                ),
                self._source,
            )
        return VipPort(
            port_id=port.id,
            network_id=port.network_id,
            vips=tuple(Vip(address=ip.address, subnet_id=ip.subnet_id) for ip in ips),
            own_port=request.port_id is None,
        )

    def bind_vip_port(self, transaction: NetworkPart, load_balancer: LoadBalancer, agent: str) -> None:
        port = _locked_port_of(transaction, load_balancer)
        if port is not None and port.device_id == load_balancer.id and not (port.active and port.host == agent):
            transaction.update_port(replace(port, host=agent, active=True, updated_at=self._clock.now()))

    def release_vip_port(self, transaction: NetworkPart, load_balancer: LoadBalancer) -> None:
        port = _locked_port_of(transaction, load_balancer)
        if port is None or port.device_id != load_balancer.id:
            return
        self._free(transaction, port, own_port=load_balancer.own_port)

    def _free(self, transaction: NetworkPart, port: Port, *, own_port: bool) -> None:
        if own_port:
            transaction.remove_port(port.id)
        else:
            transaction.update_port(
                replace(port, device_id="", device_owner="", host="", active=False, updated_at=self._clock.now())
            )

    def describe(self, transaction: NetworkPart, load_balancer: LoadBalancer) -> DesiredPort:
        """Raises NotFound where the port or its network is gone, which the foreign keys of our own tables rule out."""
        port = _port_of(transaction, load_balancer)
        if port is None:
            raise NotFound("Port", load_balancer.port_id or f"of {load_balancer.id}")
        network = transaction.network(port.network_id)
        if network is None:
            raise NotFound("Network", port.network_id)
        subnets = {subnet.id: subnet for subnet in transaction.subnets(network.id)}
        return DesiredPort(
            id=port.id,
            mac_address=port.mac_address,
            mtu=network.mtu,
            segment=network.segment,
            ips=tuple(_described(vip, subnets) for vip in load_balancer.vips),
        )

    def check_subnet(self, transaction: NetworkPart, subnet_id: str, project_id: str, *, every_project: bool) -> None:
        _visible_subnet(transaction, project_id, subnet_id, every_project=every_project, field="subnet_id")


def _port_of(transaction: NetworkPart, load_balancer: LoadBalancer) -> Port | None:
    return None if load_balancer.port_id is None else transaction.port(load_balancer.port_id)


def _locked_port_of(transaction: NetworkPart, load_balancer: LoadBalancer) -> Port | None:
    return None if load_balancer.port_id is None else transaction.locked_port(load_balancer.port_id)


def _described(vip: Vip, subnets: dict[str, Subnet]) -> DesiredIp:
    subnet = subnets.get(vip.subnet_id)
    if subnet is None:
        raise NotFound("Subnet", vip.subnet_id)
    return DesiredIp(
        address=vip.address,
        prefix_length=ip_network(subnet.cidr).prefixlen,
        gateway_ip=subnet.gateway_ip,
        host_routes=subnet.host_routes,
    )


# -------------------------------------------------------------------------------------------------------- what exists


def _visible_network(
    transaction: NetworkPart, project_id: str, network_id: str, *, every_project: bool, field: str
) -> Network:
    """Another project's network that is not shared does not exist for this one."""
    network = transaction.network(network_id)
    if network is None or not (every_project or network.shared or network.project_id == project_id):
        raise UnknownNeighbour("Network", network_id, field=field)
    return network


def _visible_subnet(
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


def _given_port(
    transaction: NetworkPart, project_id: str, port_id: str, request: VipRequest
) -> tuple[Port, tuple[FixedIp, ...]]:
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
    seen = {_primary_of(port, request).subnet_id}
    for subnet_id, address, port_id in request.additional:
        if port_id not in (None, port.id):
            raise Invalid("All VIPs of a load balancer lie on one port.", field="additional_vips")
        _check_distinct(subnet_id, seen)
        wanted = None if address is None else str(parse_address(address, field="additional_vips"))
        for ip in port.fixed_ips:
            if ip.subnet_id == subnet_id and wanted in (None, ip.address):
                yield ip
                break
        else:
            raise Invalid(f"Port {port.id} has no such address in subnet {subnet_id}.", field="additional_vips")


def _check_distinct(subnet_id: str, seen: set[str]) -> None:
    if subnet_id in seen:
        raise Invalid("The VIPs of a load balancer lie in different subnets.", field="additional_vips")
    seen.add(subnet_id)


# -------------------------------------------------------------------------------------------------------- a port made


def _choose_ips(transaction: NetworkPart, project_id: str, request: VipRequest) -> tuple[Network, tuple[FixedIp, ...]]:
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
        network, subnet = _visible_subnet(
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
    seen = {primary.subnet_id}
    for subnet_id, wanted, port_id in request.additional:
        if port_id is not None:
            raise Invalid(
                "All VIPs of a load balancer lie on one port: give it as vip_port_id.", field="additional_vips"
            )
        found, subnet = _visible_subnet(
            transaction, project_id, subnet_id, every_project=request.every_project, field="additional_vips"
        )
        if found.id != network.id:
            raise Invalid("The VIPs of a load balancer lie in one network.", field="additional_vips")
        _check_distinct(subnet_id, seen)
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
