"""The Linux bridge driver: a veth pair, its outer end a port of the bridge to which the physical network is mapped.

VLAN networks live on the same bridge by its VLAN filtering: the port is an access port of the VLAN. A flat network is
the bridge's default VLAN.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from evenload.host.links import (
    Bridge,
    PortVlan,
    change_link,
    make_bridge,
    mark_link,
    read_bridge,
    read_link,
    read_links,
    read_port_vlans,
    remove_link,
    set_port_vlan,
)
from evenload.host.netlink import Netlink
from evenload.host.sysctl import write_sysctl
from evenload.host.vif.driver import HostSide, mistyped
from evenload.host.vif.veth import ensure_pair, host_device, inner_device, remove_device
from evenload.model.desired import DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.errors import Hopeless, HostError
from evenload.model.network import Segment

_PORTS_AT_MOST = 1023
_PORTS_TO_WARN_AT = 900


class LinuxBridge:
    """``mark``: of bridges that it makes."""

    def __init__(self, bridge_mappings: Mapping[str, str], mark: str = "evenload") -> None:
        self._bridges = dict(bridge_mappings)
        self._mark = mark

    def prepare(self, ports: Callable[[], Collection[str]]) -> list[str]:
        """An existing bridge is left as it is."""
        warnings = []
        with Netlink() as netlink:
            for name in dict.fromkeys(self._bridges.values()):
                bridge = read_bridge(netlink, name)
                if bridge is None:
                    left = self._unnamed(netlink, ports())
                    if left:
                        warnings.append(mistyped(name, left))
                        continue
                    filters = make_bridge(netlink, name, _local_mac())
                    made = read_bridge(netlink, name)
                    if made is not None:
                        mark_link(netlink, made.link.index, name, self._mark)
                    # The host shall not answer there for addresses that it has elsewhere: one may be a tenant's VIP.
                    write_sysctl(f"net/ipv4/conf/{name}/arp_ignore", 1)
                    if not filters:
                        warnings.append(f"this kernel's bridges know no VLANs: {name} can serve flat networks only")
                    continue
                taken = sum(link.master == bridge.link.index for link in read_links(netlink))
                warnings += judge_bridge(bridge, taken)
        return warnings

    def watch(self, on_change: Callable[[str], None]) -> None:
        """Nothing: the kernel tells of everything."""

    def device(self, port_id: str) -> str:
        return inner_device(port_id)

    def plug(self, load_balancer_id: str, port: DesiredPort, namespace: Path) -> None:
        name = bridge_of(self._bridges, port.segment)
        with Netlink() as netlink:
            bridge = read_bridge(netlink, name)
            if bridge is None:
                raise HostError(f"the bridge {name} of the network {port.segment.physical_network} does not exist")
            if not bridge.link.up:
                raise HostError(f"the bridge {name} is down; set it up: ip link set {name} up")
            vlan = choose_vlan(bridge, port.segment)
            tap = ensure_pair(netlink, port, namespace, bridge.link.index)
            if vlan is not None:
                set_port_vlan(netlink, tap.index, tap.name, vlan, read_port_vlans(netlink, tap.index))
            if not tap.up:
                change_link(netlink, tap.index, f"set {tap.name} up", up=True)

    def unplug(self, port_id: str, namespace: Path) -> None:
        name = host_device(port_id)
        with Netlink() as netlink:
            tap = read_link(netlink, name)
            if tap is not None:
                remove_link(netlink, tap.index, name)
        remove_device(namespace, inner_device(port_id))

    def observe(self, port: DesiredPort) -> HostSide | None:
        with Netlink() as netlink:
            tap = read_link(netlink, host_device(port.id))
            if tap is None:
                return None
            return HostSide(
                mtu=tap.mtu, up=tap.up, fits=self._fits(netlink, tap.index, tap.master, port), peer=tap.index
            )

    def passing(self, netlink: Netlink, port_id: str) -> bool:
        tap = read_link(netlink, host_device(port_id))
        return tap is not None and tap.passing

    def blocked(self, netlink: Netlink, port_id: str) -> bool:
        tap = read_link(netlink, host_device(port_id))
        return tap is not None and tap.blocked

    def forget(self, load_balancer_id: str) -> None:
        """Nothing: the outer end goes with the inner one, the bridge's knowledge of it too."""

    def forget_device(self, device: str) -> None:
        """Nothing either."""

    def close(self) -> None:
        """Nothing is kept open."""

    def _unnamed(self, netlink: Netlink, ports: Collection[str]) -> set[str]:
        """The bridges that these ports are on and the mapping does not name."""
        taps = [read_link(netlink, host_device(port)) for port in ports]
        masters = {tap.master for tap in taps if tap is not None and tap.master}
        return {link.name for link in read_links(netlink) if link.index in masters} - set(self._bridges.values())

    def _fits(self, netlink: Netlink, index: int, master: int, port: DesiredPort) -> bool:
        name = self._bridges.get(port.segment.physical_network)
        bridge = None if name is None or not master else read_bridge(netlink, name)
        if bridge is None or bridge.link.index != master or not bridge.link.up:
            return False
        try:
            vlan = choose_vlan(bridge, port.segment)
        except Hopeless:
            return False  # plugging says why
        return vlan is None or read_port_vlans(netlink, index) == [PortVlan(vlan, pvid=True, untagged=True)]


def bridge_of(bridges: Mapping[str, str], segment: Segment) -> str:
    try:
        return bridges[segment.physical_network]
    except KeyError as error:
        mapped = ", ".join(sorted(bridges)) or "none"
        raise Hopeless(
            f"this host has no bridge for the physical network {segment.physical_network!r} (it has: {mapped}); "
            f"add it to bridge_mappings"
        ) from error


def choose_vlan(bridge: Bridge, segment: Segment) -> int | None:
    """The VLAN of the port's untagged frames; None where the bridge knows no VLANs and none is asked for."""
    name = bridge.link.name
    if segment.type is NetworkType.VLAN:
        if not bridge.vlan_filtering:
            raise Hopeless(
                f"VLAN {segment.vlan} needs VLAN filtering on the bridge {name}, which is off; switch it on: "
                f"ip link set {name} type bridge vlan_filtering 1 (where the kernel was built without it, only flat "
                "networks and Open vSwitch are left)"
            )
        return segment.vlan
    if not bridge.vlan_filtering:
        return None
    if not bridge.default_pvid:
        raise Hopeless(
            f"the bridge {name} filters VLANs and has no default one for a flat network; give it one: "
            f"ip link set {name} type bridge vlan_default_pvid 1"
        )
    return bridge.default_pvid


def judge_bridge(bridge: Bridge, ports: int) -> list[str]:
    """Warnings about a bridge that was there before."""
    name = bridge.link.name
    warnings = []
    if not bridge.link.up:
        warnings.append(f"the bridge {name} is down: no load balancer can be plugged into it")
    if bridge.stp:
        warnings.append(f"the bridge {name} runs STP: a new load balancer is reachable only after its forward delay")
    if ports >= _PORTS_TO_WARN_AT:
        warnings.append(f"the bridge {name} has {ports} ports; a Linux bridge takes at most {_PORTS_AT_MOST}")
    return warnings


def _local_mac() -> str:
    return (b"\x02" + secrets.token_bytes(5)).hex(":")
