"""A port provider that hands out addresses by counting, for tests that are not about addresses."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from evenload.interfaces import PortReservation, Transaction, UnitOfWork, VipPort, VipRequest
from evenload.model.balancer import LoadBalancer, Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.errors import Invalid
from evenload.model.network import Segment

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class CountingPorts:
    """Knows the subnets ``subnet-1`` and ``subnet-2``. ``released``: ids of load balancers whose port went."""

    uow: UnitOfWork
    made: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)

    def reserve_vip_port(self, load_balancer_id: str, project_id: str, desired: VipRequest) -> VipPort:
        subnet_id = desired.subnet_id or "subnet-1"
        with self.uow.read() as transaction:
            self.check_subnet(transaction, subnet_id, project_id, every_project=desired.every_project)
        self.made.append(load_balancer_id)
        number = len(self.made)
        vips = [Vip(address=desired.address or f"10.0.0.{number}", subnet_id=subnet_id)]
        vips += [
            Vip(address=address or f"2001:db8::{number}", subnet_id=subnet) for subnet, address, _ in desired.additional
        ]
        port_id = desired.port_id or f"port-{number}"
        reservation = PortReservation(port_id=port_id, own_port=desired.port_id is None, made_at=START)
        self.uow.write(lambda transaction: transaction.insert_reservation(reservation))
        return VipPort(
            port_id=port_id,
            network_id=desired.network_id or "network-1",
            vips=tuple(vips),
            own_port=desired.port_id is None,
        )

    def give_back(self, port_id: str) -> None:
        if self.uow.write(lambda transaction: transaction.remove_reservation(port_id)):
            self.given_back.append(port_id)

    def bind_vip_port(self, transaction: Transaction, load_balancer: LoadBalancer, agent: str) -> None:
        self.bound[load_balancer.id] = agent

    def release_vip_port(self, transaction: Transaction, load_balancer: LoadBalancer) -> None:
        self.released.append(load_balancer.id)

    def describe(self, transaction: Transaction, load_balancer: LoadBalancer) -> DesiredPort:
        return DesiredPort(
            id=load_balancer.port_id or "",
            mac_address="fa:16:3e:00:00:01",
            mtu=1500,
            segment=Segment(type=NetworkType.FLAT, physical_network="physnet1"),
            ips=tuple(DesiredIp(address=vip.address, prefix_length=24, gateway_ip=None) for vip in load_balancer.vips),
        )

    def check_subnet(self, transaction: Transaction, subnet_id: str, project_id: str, *, every_project: bool) -> None:
        if subnet_id not in ("subnet-1", "subnet-2"):
            raise Invalid(f"Subnet {subnet_id} not found.", field="subnet_id")
