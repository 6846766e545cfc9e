"""VIP ports from the built-in networks: fulfils ``PortProvider``.

The ports are rows of our own database, so ``service`` has them written in its own transactions (``rows``); each method
of ``Ipam`` itself is a transaction. Nothing here touches a host.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from evenload.interfaces.clock import Clock
from evenload.interfaces.ports import PortRows, VipPort, VipRequest
from evenload.interfaces.store import NetworkPart, UnitOfWork
from evenload.model.balancer import Vip
from evenload.model.errors import NotFound
from evenload.model.held_port import HeldPort
from evenload.model.network import FixedIp, Port
from evenload.ports.vip_choice import choose_ips, given_port, visible_subnet
from evenload.service.allocation import LOAD_BALANCER_OWNER, insert_with_new_mac, vip_port_name
from evenload.service.description import describe_port


class Ipam:
    """``source`` makes MAC addresses; ``new_id`` the text of a new UUID."""

    def __init__(self, uow: UnitOfWork, clock: Clock, new_id: Callable[[], str], source: random.Random) -> None:
        self._uow = uow
        self.rows: PortRows = IpamRows(clock, new_id, source)

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        return self._uow.write(lambda transaction: self.rows.reserve(transaction, held, project_id, request))

    def bind_vip_port(self, held: HeldPort) -> None:
        self._uow.write(lambda transaction: self.rows.bind(transaction, held))

    def release_vip_port(self, held: HeldPort) -> None:
        self._uow.write(lambda transaction: self.rows.release(transaction, held))

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        with self._uow.read() as transaction:
            for subnet_id in subnet_ids:
                visible_subnet(transaction, project_id, subnet_id, every_project=every_project, field="subnet_id")


class IpamRows:
    """The same inside a writing transaction: fulfils ``PortRows``."""

    def __init__(self, clock: Clock, new_id: Callable[[], str], source: random.Random) -> None:
        self._clock = clock
        self._new_id = new_id
        self._source = source

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        """Fields of its errors: vip_port_id, vip_network_id, vip_subnet_id, vip_address, additional_vips."""
        if request.port_id is not None:
            port, ips = given_port(transaction, project_id, request.port_id, request)
            transaction.update_port(
                replace(
                    port,
                    device_id=held.load_balancer_id,
                    device_owner=LOAD_BALANCER_OWNER,
                    updated_at=self._clock.now(),
                )
            )
        else:
            network, ips = choose_ips(transaction, project_id, request)
            port = insert_with_new_mac(
                transaction,
                Port(
                    id=self._new_id(),
                    network_id=network.id,
                    project_id=project_id,
                    name=request.port_name or vip_port_name(held.load_balancer_id),
                    mac_address="",
                    fixed_ips=ips,
                    device_id=held.load_balancer_id,
                    device_owner=LOAD_BALANCER_OWNER,
                    created_at=self._clock.now(),
                ),
                self._source,
            )
        return _vip_port(transaction, port, ips, own_port=request.port_id is None)

    def bind(self, transaction: NetworkPart, held: HeldPort) -> None:
        port = _port_of(transaction, held)
        if port is not None and not (port.active and port.host == held.host):
            transaction.update_port(replace(port, host=held.host, active=True, updated_at=self._clock.now()))

    def release(self, transaction: NetworkPart, held: HeldPort) -> None:
        port = _port_of(transaction, held)
        if port is None:
            return
        if held.given_port_id is None:
            transaction.remove_port(port.id)
        else:
            now = self._clock.now()
            transaction.update_port(replace(port, device_id="", device_owner="", host="", active=False, updated_at=now))


def _port_of(transaction: NetworkPart, held: HeldPort) -> Port | None:
    """Locked; None where the load balancer has no longer a say about it."""
    port = None if held.port_id is None else transaction.locked_port(held.port_id)
    return port if port is not None and port.device_id == held.load_balancer_id else None


def _vip_port(transaction: NetworkPart, port: Port, ips: Sequence[FixedIp], *, own_port: bool) -> VipPort:
    network = transaction.network(port.network_id)
    if network is None:
        raise NotFound("Network", port.network_id)
    return VipPort(
        network_id=port.network_id,
        vips=tuple(Vip(address=ip.address, subnet_id=ip.subnet_id) for ip in ips),
        own_port=own_port,
        described=describe_port(port, network, transaction.subnets(network.id), ips),
    )
