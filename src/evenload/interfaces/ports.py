"""Where VIP ports come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evenload.interfaces.store import NetworkPart
from evenload.model.balancer import Vip
from evenload.model.desired import DesiredPort
from evenload.model.held_port import HeldPort


@dataclass(frozen=True, slots=True, kw_only=True)
class VipRequest:
    """What a caller said about the VIP; at least one of port, network and subnet.

    ``additional``: (subnet id, address or None, port id or None). ``every_project``: the caller is an administrator,
    other projects' networks are not hidden from it. ``port_name`` is that of a port that is made for it.
    """

    port_id: str | None = None
    network_id: str | None = None
    subnet_id: str | None = None
    address: str | None = None
    additional: tuple[tuple[str, str | None, str | None], ...] = ()
    every_project: bool = False
    port_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VipPort:
    """The port that was made or taken, with the VIPs in the order of the request, the primary first. ``described``:
    what its agent is told of it."""

    network_id: str
    vips: tuple[Vip, ...]
    own_port: bool
    described: DesiredPort

    @property
    def port_id(self) -> str:
        return self.described.id


class PortProvider(Protocol):
    """Where VIP ports come from: the built-in IPAM, later Neutron.

    No method is called inside a transaction: each may go over a network, take its time, or fail. What has to be atomic
    is noted in rows (``HeldPort``), and told to the provider after the commit, again and again until it succeeds.
    Raises PortsUnavailable or StoreUnavailable where it may succeed later.
    """

    @property
    def rows(self) -> "PortRows | None":
        """The same as a part of transactions, of a provider whose ports are rows of the same database."""

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        """Raises Invalid or Conflict naming the field of the request; nothing is taken then."""

    def bind_vip_port(self, held: HeldPort) -> None:
        """``held.host`` has the port plugged in and up. May be repeated."""

    def release_vip_port(self, held: HeldPort) -> None:
        """Removes a port that it made, frees a given one. May be repeated, and be asked of a port that was never
        made, or was made by a call that nobody lived to see the end of."""

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        """Raises Invalid (field ``subnet_id``) where a member's subnet is unknown to that project."""


class PortRows(Protocol):
    """What ``PortProvider`` does, inside a writing transaction. Nothing here goes over a network."""

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort: ...
    def bind(self, transaction: NetworkPart, held: HeldPort) -> None: ...
    def release(self, transaction: NetworkPart, held: HeldPort) -> None: ...
