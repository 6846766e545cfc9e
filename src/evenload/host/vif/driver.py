"""What a VIF driver is: it connects the device in a load balancer's namespace with its segment on this host.

The Linux bridge and the Open vSwitch driver fulfil it, ``linux`` uses it. All but the namespaces given is done in the
host's own network namespace, in which the calling thread must be.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evenload.host.netlink import Netlink
from evenload.model.desired import DesiredPort


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSide:
    """What is found outside of the namespace. ``fits``: on the bridge and in the VLAN of the port's segment.

    ``peer``: the index that the device inside must name as its other end. ``mtu`` and ``peer`` are None where the
    device inside is all there is (an internal port).
    """

    mtu: int | None
    up: bool
    fits: bool
    peer: int | None


class Vif(Protocol):
    """Methods raise HostError, Hopeless where the host's set-up or the desired state has to change first."""

    def prepare(self, ports: Callable[[], Collection[str]]) -> list[str]:
        """Checks and makes the bridges of the mapping; returns warnings.

        ``ports``: the ids of the VIP ports that are here already. While one is on a bridge that the mapping does
        not name, no bridge is made: its name may be mistyped.
        """

    def watch(self, on_change: Callable[[str], None]) -> None:
        """From now on calls ``on_change`` with the name of the host's end, where something other than the kernel says
        that it was removed or plugged elsewhere; also by ourselves. From another thread."""

    def device(self, port_id: str) -> str:
        """The name of the device inside the namespace."""

    def plug(self, load_balancer_id: str, port: DesiredPort, namespace: Path) -> None: ...

    def unplug(self, port_id: str, namespace: Path) -> None:
        """Takes the device away, also one that is left from the other kind of port. May be repeated."""

    def observe(self, port: DesiredPort) -> HostSide | None:
        """None where nothing of the port is outside of the namespace."""

    def passing(self, netlink: Netlink, port_id: str) -> bool:
        """Whether the host's end lets packets pass; ``netlink`` belongs to the host's namespace."""

    def blocked(self, netlink: Netlink, port_id: str) -> bool:
        """Whether the bridge keeps the host's end from passing packets for now, because of its spanning tree."""

    def forget(self, load_balancer_id: str) -> None:
        """When the namespace goes: removes what would stay behind elsewhere."""

    def forget_device(self, device: str) -> None:
        """The same for one device of a namespace, before it is removed."""

    def close(self) -> None: ...


def mark_of(state_dir: Path) -> str:
    """What marks a bridge as made by the agent of that state directory: ``evenload purge`` takes away no other."""
    return f"evenload {state_dir.parent}"


def mistyped(bridge: str, left: Collection[str]) -> str:
    """The warning about a bridge that was not made, because load balancers are on those others."""
    return (
        f"the bridge {bridge} of bridge_mappings does not exist, and load balancers are on {', '.join(sorted(left))}, "
        f"which it does not name: correct the mapping, or make the bridge {bridge} to move them"
    )
