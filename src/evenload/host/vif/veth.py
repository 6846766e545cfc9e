"""Veth pairs from the host into a namespace, as both VIF drivers use them, and the names of devices.

The pair's bridge, VLAN and administrative state on the host's side are the driver's.
"""

import os
from pathlib import Path

from evenload.host import netns
from evenload.host.links import Link, change_link, make_veth, read_link, remove_link
from evenload.host.netlink import Netlink
from evenload.host.refusal import refusal
from evenload.host.sysctl import write_sysctl
from evenload.model.desired import DesiredPort
from evenload.model.errors import HostError

_PORT_ID_LENGTH = 11  # a device name has at most 15 characters


def host_device(port_id: str) -> str:
    return "tap" + port_id[:_PORT_ID_LENGTH]


def inner_device(port_id: str) -> str:
    return "ns-" + port_id[:_PORT_ID_LENGTH]


def host_device_of(device: str) -> str:
    """The outer end of a device inside; an internal port's device has the outer name itself."""
    return "tap" + device[3:] if device.startswith("ns-") else device


def host_mac(mac_address: str) -> str:
    """The MAC of the host's end. As high as can be, so that no bridge takes it for its own; never the port's."""
    first = "fe" if mac_address[:2] != "fe" else "fa"
    return first + mac_address[2:]


def ensure_pair(netlink: Netlink, port: DesiredPort, namespace: Path, master: int | None) -> Link:
    """The pair with MAC, MTU and master (None: somebody else's business); returns the host's end.

    One that is not what it should be is made anew or, where that is possible, corrected.
    """
    outer = host_device(port.id)
    found = read_link(netlink, outer)
    if found is not None and not _correct_inner(found, port, namespace):
        remove_link(netlink, found.index, outer)
        found = None
    if found is None:
        return _make_pair(netlink, port, namespace, master or 0)
    if found.mtu != port.mtu:
        change_link(netlink, found.index, f"set the MTU of {outer} to {port.mtu}", mtu=port.mtu)
    if master is not None and found.master != master:
        change_link(netlink, found.index, f"plug {outer} into its bridge", master=master)
    return found


def remove_device(namespace: Path, name: str) -> None:
    """Removes a device inside a namespace; quiet where either is missing."""
    if not netns.exists(namespace):
        return
    with netns.visit(namespace), Netlink() as netlink:
        link = read_link(netlink, name)
        if link is not None:
            remove_link(netlink, link.index, name)


def _correct_inner(outer: Link, port: DesiredPort, namespace: Path) -> bool:
    """Whether the other end is where it belongs; its MAC and MTU are right then."""
    if outer.kind != "veth":
        return False
    with netns.visit(namespace), Netlink() as netlink:
        inner = read_link(netlink, inner_device(port.id))
        if inner is None or inner.kind != "veth" or inner.peer != outer.index:
            return False
        if inner.mac_address != port.mac_address:
            attempted = f"set the MAC of {inner.name} to {port.mac_address}"
            change_link(netlink, inner.index, attempted, mac_address=port.mac_address)
        if inner.mtu != port.mtu:
            change_link(netlink, inner.index, f"set the MTU of {inner.name} to {port.mtu}", mtu=port.mtu)
    return True


def _make_pair(netlink: Netlink, port: DesiredPort, namespace: Path, master: int) -> Link:
    outer, inner = host_device(port.id), inner_device(port.id)
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(f"open the namespace {namespace}", error) from error
    try:
        mac = host_mac(port.mac_address)
        try:
            make_veth(netlink, outer, mac, port.mtu, master, inner, port.mac_address, descriptor)
        except HostError:
            # A device of that name inside, whose other end somebody renamed or moved away.
            remove_device(namespace, inner)
            make_veth(netlink, outer, mac, port.mtu, master, inner, port.mac_address, descriptor)
    finally:
        os.close(descriptor)
    # The host has no business on the tenant's network; it would send its own neighbour discovery there.
    write_sysctl(f"net/ipv6/conf/{outer}/disable_ipv6", 1)
    made = read_link(netlink, outer)
    if made is None:
        raise HostError(f"{outer} was taken away while it was made")
    return made
