"""Port providers for tests that are not about addresses: one whose ports are rows, and one beyond a network."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.waiting import NET

from evenload.interfaces.ports import PortRows, VipPort, VipRequest
from evenload.interfaces.store import NetworkPart
from evenload.model.balancer import Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.errors import Invalid
from evenload.model.held_port import HeldPort, PortState
from evenload.model.network import Segment


@dataclass(slots=True)
class CountingPorts:
    """Hands out addresses by counting from ``first``. Has the subnets ``subnet-1`` and ``subnet-2``. ``released``: ids
    of load balancers whose port went; ``given_back``: ids of ports whose load balancer never came."""

    first: int = 1
    made: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    given_back: list[str | None] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> PortRows | None:
        return self

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        return self.reserve_vip_port(held, project_id, request)

    def bind(self, transaction: NetworkPart, held: HeldPort) -> None:
        self.bind_vip_port(held)

    def release(self, transaction: NetworkPart, held: HeldPort) -> None:
        self.release_vip_port(held)

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        subnet_id = request.subnet_id or "subnet-1"
        _require_subnets([subnet_id])
        if held.load_balancer_id not in self._numbers:  # else the work is run again
            self.made.append(held.load_balancer_id)
            self._numbers[held.load_balancer_id] = self.first - 1 + len(self.made)
        number = self._numbers[held.load_balancer_id]
        vips = [Vip(address=request.address or f"10.0.0.{number}", subnet_id=subnet_id)]
        vips += [
            Vip(address=address or f"2001:db8::{number}", subnet_id=subnet) for subnet, address, _ in request.additional
        ]
        return VipPort(
            network_id=request.network_id or "network-1",
            vips=tuple(vips),
            own_port=request.port_id is None,
            described=DesiredPort(
                id=request.port_id or f"port-{number}",
                mac_address="fa:16:3e:00:00:01",
                mtu=1500,
                segment=Segment(type=NetworkType.FLAT, physical_network="physnet1"),
                ips=tuple(DesiredIp(address=vip.address, prefix_length=24, gateway_ip=None) for vip in vips),
            ),
        )

    def bind_vip_port(self, held: HeldPort) -> None:
        self.bound[held.load_balancer_id] = held.host

    def release_vip_port(self, held: HeldPort) -> None:
        self._numbers.pop(held.load_balancer_id, None)
        if held.state is PortState.RESERVED:
            self.given_back.append(held.port_id)
        else:
            self.released.append(held.load_balancer_id)

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        _require_subnets(subnet_ids)


def _require_subnets(subnet_ids: Sequence[str]) -> None:
    for subnet_id in subnet_ids:
        if subnet_id not in ("subnet-1", "subnet-2"):
            raise Invalid(f"Subnet {subnet_id} not found.", field="subnet_id")


@dataclass(slots=True)
class Gate:
    """A call that waits, once it is closed, or fails, once it has a ``failure``. ``reached``: somebody called."""

    open: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.open.set()

    def passed(self) -> None:
        self.reached.set()
        assert self.open.wait(NET)
        if self.failure is not None:
            raise self.failure


@dataclass(slots=True)
class DistantPorts(CountingPorts):
    """A provider beyond a network: as slow as a test wants each call to be, or out of order.

    ``require_outside`` is asked in each call; it fails inside a transaction.
    """

    require_outside: Callable[[], None] = lambda: None
    reserving: Gate = field(default_factory=Gate)
    binding: Gate = field(default_factory=Gate)
    releasing: Gate = field(default_factory=Gate)
    checking: Gate = field(default_factory=Gate)

    @property
    def rows(self) -> PortRows | None:
        return None

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        self._enter(self.reserving)
        return CountingPorts.reserve_vip_port(self, held, project_id, request)

    def bind_vip_port(self, held: HeldPort) -> None:
        self._enter(self.binding)
        CountingPorts.bind_vip_port(self, held)

    def release_vip_port(self, held: HeldPort) -> None:
        self._enter(self.releasing)
        CountingPorts.release_vip_port(self, held)

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        self._enter(self.checking)
        CountingPorts.check_subnets(self, subnet_ids, project_id, every_project=every_project)

    def _enter(self, gate: Gate) -> None:
        self.require_outside()
        gate.passed()
