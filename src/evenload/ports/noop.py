"""VIP ports that are nowhere: fulfils ``PortProvider`` and ``PortRows`` for trying clients and measuring the API.

Any network, subnet or port is taken for one that exists. What the caller did not say is made up, the same each time
for the same load balancer. Together with an agent that touches no machine alone (``agent/noop.py``).
"""

import ipaddress
import uuid
from collections.abc import Sequence
from typing import cast

from evenload.interfaces.ports import PortRows, VipPort, VipRequest
from evenload.interfaces.store import HeldPortPart, NetworkPart
from evenload.model.addresses import parse_address
from evenload.model.balancer import Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.errors import Invalid
from evenload.model.held_port import HeldPort
from evenload.model.network import Segment

_NAMES = uuid.UUID("5f0d1f0e-7f5b-5c1e-9d43-1f6c0f1f7a11")
_ADDRESSES = ipaddress.ip_network("198.18.0.0/15")
"""For measurements (RFC 2544): no machine has one of these by right."""
_MTU = 1500


class NoopPorts:
    @property
    def rows(self) -> PortRows | None:
        return self

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        """Raises Invalid where another load balancer has the port that was named."""
        if request.port_id is not None and cast(HeldPortPart, transaction).held_port_at(request.port_id) is not None:
            raise Invalid(f"Port {request.port_id} is already used by a device.", field="vip_port_id")
        return self.reserve_vip_port(held, project_id, request)

    def bind(self, transaction: NetworkPart, held: HeldPort) -> None:
        """Nobody has to know."""

    def release(self, transaction: NetworkPart, held: HeldPort) -> None:
        """Nobody has to know."""

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        balancer = held.load_balancer_id
        asked = request.port_id or request.subnet_id or balancer
        network = request.network_id or _made_up("network", asked)
        subnet = request.subnet_id or _made_up("subnet", network)
        vips = [Vip(address=_address(request.address, balancer, "vip_address"), subnet_id=subnet)]
        vips += [
            Vip(address=_address(address, balancer + subnet_id, "additional_vips"), subnet_id=subnet_id)
            for subnet_id, address, _ in request.additional
        ]
        return VipPort(
            network_id=network,
            vips=tuple(vips),
            own_port=request.port_id is None,
            described=DesiredPort(
                id=request.port_id or _made_up("port", balancer),
                mac_address=_mac(balancer),
                mtu=_MTU,
                segment=Segment(type=NetworkType.FLAT, physical_network="noop"),
                ips=tuple(_described(vip) for vip in vips),
            ),
        )

    def bind_vip_port(self, held: HeldPort) -> None:
        """Nobody has to know."""

    def release_vip_port(self, held: HeldPort) -> None:
        """Nobody has to know."""

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        """Each exists."""


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
