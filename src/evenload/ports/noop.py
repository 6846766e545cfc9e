"""VIP ports that are nowhere, for trying clients and measuring the API: fulfils ``PortProvider``.

What exists in the built-in networks is used as ``ports/ipam.py`` does it. Any other network, subnet or port is taken
for one that exists; what the caller did not say is made up, the same each time for the same load balancer. Together
with an agent that touches no machine alone (``agent/noop.py``).
"""

import ipaddress
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from evenload.interfaces.clock import Clock
from evenload.interfaces.ports import PortRows, VipPort, VipRequest
from evenload.interfaces.store import HeldPortPart, NetworkPart, Transaction, UnitOfWork
from evenload.model.addresses import parse_address
from evenload.model.balancer import LoadBalancer, Record, Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import Kind, NetworkType
from evenload.model.errors import Invalid
from evenload.model.held_port import HeldPort
from evenload.model.network import FixedIp, Port, Segment
from evenload.ports.ipam import Ipam
from evenload.ports.vip_choice import check_distinct
from evenload.service.allocation import LOAD_BALANCER_OWNER, vip_port_name

_NAMES = uuid.UUID("5f0d1f0e-7f5b-5c1e-9d43-1f6c0f1f7a11")
_ADDRESSES = ipaddress.ip_network("198.18.0.0/15")
"""For measurements (RFC 2544): no machine has one of these by right."""
_MTU = 1500


class NoopPorts(Ipam):
    def __init__(self, uow: UnitOfWork, clock: Clock, new_id: Callable[[], str], source: random.Random) -> None:
        super().__init__(uow, clock, new_id, source)
        self.rows = NoopRows(self.rows)

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        """Each exists."""


class NoopRows:
    """Fulfils ``PortRows``. ``builtin``: those of the built-in networks."""

    def __init__(self, builtin: PortRows) -> None:
        self._builtin = builtin

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        """Raises Invalid where another load balancer has the port that was named."""
        if any(_known(transaction, request)):
            return self._builtin.reserve(transaction, held, project_id, request)
        if request.port_id is not None and cast(HeldPortPart, transaction).held_port_at(request.port_id) is not None:
            raise Invalid(f"Port {request.port_id} is already used by a device.", field="vip_port_id")
        return _make_up_vip_port(held, request)

    def bind(self, transaction: NetworkPart, held: HeldPort) -> None:
        if not _is_made_up(held):
            self._builtin.bind(transaction, held)

    def release(self, transaction: NetworkPart, held: HeldPort) -> None:
        if not _is_made_up(held):
            self._builtin.release(transaction, held)


def find_made_up_port(transaction: Transaction, port_id: str) -> Port | None:
    """The VIP port with that id, which the built-in networks do not have, as its load balancer shows it."""
    held = transaction.held_port_at(port_id)
    view = None if held is None else transaction.view(Kind.LOAD_BALANCER, held.load_balancer_id)
    if held is None or held.described is None or view is None:
        return None
    record = cast(Record[LoadBalancer], view.record)
    return Port(
        id=port_id,
        network_id=record.item.network_id or "",
        project_id=record.project_id,
        name=vip_port_name(record.id) if record.item.own_port else "",
        mac_address=held.described.mac_address,
        fixed_ips=tuple(FixedIp(subnet_id=vip.subnet_id, address=vip.address) for vip in record.item.vips),
        device_id=record.id,
        device_owner=LOAD_BALANCER_OWNER,
        host=held.host,
        active=bool(held.host),
        created_at=record.created_at,
    )


def _known(transaction: NetworkPart, request: VipRequest) -> Iterator[bool]:
    """Of each object that was named, whether the built-in networks have it."""
    if request.port_id is not None:
        yield transaction.port(request.port_id) is not None
    if request.network_id is not None:
        yield transaction.network(request.network_id) is not None
    for subnet_id in (request.subnet_id, *(subnet_id for subnet_id, _, _ in request.additional)):
        if subnet_id is not None:
            yield transaction.subnet(subnet_id) is not None


def _make_up_vip_port(held: HeldPort, request: VipRequest) -> VipPort:
    balancer = held.load_balancer_id
    asked = request.port_id or request.subnet_id or balancer
    network = request.network_id or _made_up("network", asked)
    subnet = request.subnet_id or _made_up("subnet", network)
    vips = (
        Vip(address=_address(request.address, balancer, "vip_address"), subnet_id=subnet),
        *_additional(balancer, subnet, request),
    )
    return VipPort(
        network_id=network,
        vips=vips,
        own_port=request.port_id is None,
        described=DesiredPort(
            id=request.port_id or _own_port_id(balancer),
            mac_address=_mac(balancer),
            mtu=_MTU,
            segment=Segment(type=NetworkType.FLAT, physical_network="noop"),
            ips=tuple(_described(vip) for vip in vips),
        ),
    )


def _additional(balancer: str, primary: str, request: VipRequest) -> Iterator[Vip]:
    taken = {primary}
    for subnet_id, address, port_id in request.additional:
        if port_id not in (None, request.port_id):
            raise Invalid("All VIPs of a load balancer lie on one port.", field="additional_vips")
        check_distinct(subnet_id, taken)
        yield Vip(address=_address(address, balancer + subnet_id, "additional_vips"), subnet_id=subnet_id)


def _own_port_id(balancer: str) -> str:
    return _made_up("port", balancer)


def _is_made_up(held: HeldPort) -> bool:
    """Without a question to the database. A port that was named may be anybody's."""
    return held.given_port_id is None and held.port_id == _own_port_id(held.load_balancer_id)


def _made_up(word: str, of: str) -> str:
    return str(uuid.uuid5(_NAMES, f"{word} {of}"))


def _address(asked: str | None, of: str, field: str) -> str:
    if asked is not None:
        return str(parse_address(asked, field=field))
    number = uuid.uuid5(_NAMES, f"address {of}").int % (_ADDRESSES.num_addresses - 2)
    return str(_ADDRESSES[number + 1])


def _mac(of: str) -> str:
    last = uuid.uuid5(_NAMES, f"mac {of}").bytes[:3]
    return "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in last)


def _described(vip: Vip) -> DesiredIp:
    length = 64 if ":" in vip.address else 24
    return DesiredIp(address=vip.address, prefix_length=length, gateway_ip=None)
