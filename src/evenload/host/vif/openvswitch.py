"""The Open vSwitch driver: an internal port moved into the namespace, or a veth pair with its outer end on the bridge.

VLANs are the port's tag. The external ids are those that Neutron's agents and ``ovs-vsctl`` users look for. An
internal port has no outer end: the device inside is all there is.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from evenload.host import netns
from evenload.host.links import Link, change_link, read_link, remove_link
from evenload.host.netlink import Netlink
from evenload.host.refusal import refusal
from evenload.host.settings import OpenvswitchSettings
from evenload.host.vif.driver import HostSide, mistyped
from evenload.host.vif.linux_bridge import bridge_of
from evenload.host.vif.ovsdb import Ovsdb, OvsPort
from evenload.host.vif.veth import ensure_pair, host_device, host_device_of, inner_device, remove_device
from evenload.model.desired import DesiredPort
from evenload.model.errors import Hopeless, HostError

_INTERNAL, _SYSTEM = "internal", ""
_OWNER = "vm-id"
_USERSPACE = "netdev"
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17


class Openvswitch:
    """``mark``: of bridges that it makes."""

    def __init__(
        self, bridge_mappings: Mapping[str, str], settings: OpenvswitchSettings, mark: str = "evenload"
    ) -> None:
        self._mark = mark
        self._bridges = dict(bridge_mappings)
        self._settings = settings
        self._ovsdb = Ovsdb(settings.connection, settings.timeout, self._changed)
        self._on_change: Callable[[str], None] | None = None

    def prepare(self, ports: Callable[[], Collection[str]]) -> list[str]:
        """An existing bridge is left as it is."""
        there = self._ovsdb.bridges()
        warnings = []
        for name in dict.fromkeys(self._bridges.values()):
            if name not in there:
                found = [self._ovsdb.port(host_device(port)) for port in ports()]
                left = {port.bridge for port in found if port is not None} - set(self._bridges.values())
                if left:
                    warnings.append(mistyped(name, left))
                else:
                    self._ovsdb.add_bridge(name, self._settings.datapath_type, {"made-by": self._mark})
        in_trees = self._ovsdb.bridges_in_trees() & set(self._bridges.values())
        return warnings + [_in_tree(name, use_veth=self._settings.use_veth) for name in sorted(in_trees)]

    def watch(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change

    def _changed(self, name: str) -> None:
        if self._on_change is not None:
            self._on_change(name)

    def device(self, port_id: str) -> str:
        return inner_device(port_id) if self._settings.use_veth else host_device(port_id)

    def plug(self, load_balancer_id: str, port: DesiredPort, namespace: Path) -> None:
        bridge = bridge_of(self._bridges, port.segment)
        if bridge not in self._ovsdb.bridges():
            raise HostError(f"the bridge {bridge} of the network {port.segment.physical_network} does not exist")
        name = host_device(port.id)
        there = self._ovsdb.port(name)
        if there is not None and (there.bridge != bridge or there.type != self._kind or there.number is None):
            self._ovsdb.remove_port(name)
        if self._settings.use_veth:
            self._plug_veth(load_balancer_id, port, namespace, bridge)
        else:
            self._plug_internal(load_balancer_id, port, namespace, bridge)

    def unplug(self, port_id: str, namespace: Path) -> None:
        outer = host_device(port_id)
        if self._ovsdb.port(outer) is not None:
            self._ovsdb.remove_port(outer)
        with Netlink() as netlink:
            link = read_link(netlink, outer)
            if link is not None:
                remove_link(netlink, link.index, outer)
        for inner in (outer, inner_device(port_id)):
            remove_device(namespace, inner)

    def observe(self, port: DesiredPort) -> HostSide | None:
        name = host_device(port.id)
        there = self._ovsdb.port(name)
        with Netlink() as netlink:
            link = read_link(netlink, name)
        if there is None and link is None:
            return None
        fits = there is not None and self._fits(there, port)
        if not self._settings.use_veth:
            # A device of that name out here was made by a switch that started anew: the one inside is dead.
            return HostSide(mtu=None, up=True, fits=fits and link is None, peer=None)
        if link is None:
            return HostSide(mtu=None, up=False, fits=False, peer=None)
        return HostSide(mtu=link.mtu, up=link.up, fits=fits, peer=link.index)

    def passing(self, netlink: Netlink, port_id: str) -> bool:
        if not self._settings.use_veth:
            return True
        link = read_link(netlink, host_device(port_id))
        return link is not None and link.passing

    def blocked(self, netlink: Netlink, port_id: str) -> bool:
        there = self._ovsdb.port(host_device(port_id))
        return there is not None and there.blocked

    def forget(self, load_balancer_id: str) -> None:
        for name in self._ovsdb.ports_with(_OWNER, load_balancer_id):
            self._ovsdb.remove_port(name)

    def forget_device(self, device: str) -> None:
        name = host_device_of(device)
        there = self._ovsdb.port(name)
        if there is not None and _OWNER in there.external_ids:
            self._ovsdb.remove_port(name)

    def close(self) -> None:
        self._ovsdb.close()

    @property
    def _kind(self) -> str:
        return _SYSTEM if self._settings.use_veth else _INTERNAL

    def _fits(self, there: OvsPort, port: DesiredPort) -> bool:
        return (
            there.bridge == self._bridges.get(port.segment.physical_network)
            and there.type == self._kind
            and there.number is not None
            and there.tag == port.segment.vlan
            and there.external_ids.get("iface-id") == port.id
        )

    def _set_port(self, load_balancer_id: str, port: DesiredPort, bridge: str) -> None:
        external_ids = {
            "iface-id": port.id,
            "iface-status": "active",
            "attached-mac": port.mac_address,
            _OWNER: load_balancer_id,
        }
        name = host_device(port.id)
        self._ovsdb.set_port(bridge, name, kind=self._kind, tag=port.segment.vlan, external_ids=external_ids)

    def _plug_veth(self, load_balancer_id: str, port: DesiredPort, namespace: Path, bridge: str) -> None:
        with Netlink() as netlink:
            former = read_link(netlink, host_device(port.id))
            tap = ensure_pair(netlink, port, namespace, None)
            if (former is None or former.index != tap.index) and self._ovsdb.port(tap.name) is not None:
                self._ovsdb.remove_port(tap.name)  # the switch still holds the device that was there before
            if not tap.up:
                change_link(netlink, tap.index, f"set {tap.name} up", up=True)
        if self._ovsdb.bridges().get(bridge) == _USERSPACE:
            with netns.visit(namespace):
                disable_checksum_offload(inner_device(port.id))
        self._set_port(load_balancer_id, port, bridge)

    def _plug_internal(self, load_balancer_id: str, port: DesiredPort, namespace: Path, bridge: str) -> None:
        """Raises Hopeless on a bridge with a spanning tree: a port that is new there never hears an ARP request."""
        if bridge in self._ovsdb.bridges_in_trees():
            raise Hopeless(_deaf(bridge))
        name = host_device(port.id)
        for _ in range(2):
            self._set_port(load_balancer_id, port, bridge)
            if self._move_inside(port, namespace):
                return
            # The switch has the port, but somebody removed its device: only anew will there be one.
            self._ovsdb.remove_port(name)
        raise HostError(f"the device of the Open vSwitch port {name} does not appear")

    def _move_inside(self, port: DesiredPort, namespace: Path) -> bool:
        """Returns whether the device is in the namespace now."""
        name = host_device(port.id)
        with Netlink() as netlink:
            fresh = read_link(netlink, name)
            if fresh is not None:
                remove_device(namespace, name)  # the dead one of a switch that started anew
                _furnish(netlink, fresh, port)
                _move(netlink, fresh, namespace)
                return True
        with netns.visit(namespace), Netlink() as netlink:
            inside = read_link(netlink, name)
            if inside is not None:
                _furnish(netlink, inside, port)
        return inside is not None


def disable_checksum_offload(device: str) -> None:
    """Lets the kernel finish checksums: a switch in userspace does not, and TCP would hang while pings pass.

    In the namespace of the calling thread.
    """
    value = ctypes.create_string_buffer(struct.pack("=II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
            fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:  # a device without the feature needs nothing switched off
            raise refusal(f"switch the checksum offload of {device} off", error) from error


def _in_tree(bridge: str, *, use_veth: bool) -> str:
    if use_veth:
        return (
            f"the bridge {bridge} runs a spanning tree: a new load balancer is reachable only after its forward delay"
        )
    return f"{_deaf(bridge)}; new load balancers are refused until then"


def _deaf(bridge: str) -> str:
    return (
        f"the bridge {bridge} runs a spanning tree, and Open vSwitch does not pass packets that are sent to all on to "
        f"an internal port that is new there; let load balancers have veth pairs ([openvswitch] use_veth = true)"
    )


def _furnish(netlink: Netlink, link: Link, port: DesiredPort) -> None:
    if link.mac_address != port.mac_address:
        attempted = f"set the MAC of {link.name} to {port.mac_address}"
        change_link(netlink, link.index, attempted, mac_address=port.mac_address)
    if link.mtu != port.mtu:
        change_link(netlink, link.index, f"set the MTU of {link.name} to {port.mtu}", mtu=port.mtu)


def _move(netlink: Netlink, link: Link, namespace: Path) -> None:
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(f"open the namespace {namespace}", error) from error
    try:
        change_link(netlink, link.index, f"move {link.name} into {namespace}", netns=descriptor)
    finally:
        os.close(descriptor)
