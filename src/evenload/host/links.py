"""Network devices by netlink: look at them, make, change and remove them, and bridge ports with their VLANs.

Each function works in the namespace to which the
given socket belongs. Addresses and routes are elsewhere.
"""

import errno
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evenload.host.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Netlink,
    as_number,
    as_text,
    attribute,
    attribute_list,
    attributes,
    find_attribute,
    nest,
    number,
    text,
)
from evenload.host.refusal import refusal
from evenload.model.errors import HostError

NEWLINK, DELLINK, _GETLINK, _SETLINK, _GETVLAN = 16, 17, 18, 19, 114
_AF_INET, _AF_BRIDGE, _INET_CONF = 2, 7, 1
_INFO = struct.Struct("=BxHiII")
_IFF_UP = 0x1
_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER, _PROTINFO, _OPERSTATE, _LINKINFO = 1, 3, 4, 5, 10, 12, 16, 18
_ALIAS, _ALIAS_AT_MOST = 20, 255
_NET_NS_FD, _AF_SPEC, _CARRIER = 28, 26, 33
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_DATA = 1, 2, 5
_VETH_INFO_PEER = 1
_BR_STP_STATE, _BR_VLAN_FILTERING, _BR_VLAN_DEFAULT_PVID = 5, 7, 39
_BRPORT_STATE, _FORWARDING = 1, 3
_BLOCKED = frozenset([1, 2, 4])
"""Listening, learning, blocking."""
_BRIDGE_VLAN_INFO = 2
_VLAN_PVID, _VLAN_UNTAGGED = 2, 4
_VLANDB_ENTRY, _VLANDB_ENTRY_INFO, _VLANDB_ENTRY_RANGE = 1, 1, 2
LOOPBACK_INDEX = 1
# Devices that some kernel modules put into every new namespace, which cannot be removed and do nothing.
_FALLBACK_DEVICES = frozenset(
    ["tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0", "teql0"]
)
_OPERATIONAL_UNKNOWN, _OPERATIONAL_UP = 0, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A device as the kernel shows it. ``peer`` is the index of a veth's other end, which may lie elsewhere.

    ``master`` is the index of the bridge it is a port of, 0 for none; ``forwarding``: which lets its packets pass;
    ``blocked``: not for now, by its spanning tree.
    ``passing``: packets can pass, as far as this end goes (operational, and forwarding where it is a bridge's port).
    """

    index: int
    name: str
    kind: str
    mac_address: str
    mtu: int
    up: bool
    passing: bool
    forwarding: bool
    blocked: bool
    master: int
    peer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """``default_pvid``: the VLAN into which a new port's untagged frames fall, 0 for none."""

    link: Link
    vlan_filtering: bool
    stp: bool
    default_pvid: int


@dataclass(frozen=True, slots=True)
class PortVlan:
    vlan: int
    pvid: bool
    untagged: bool


def read_link(netlink: Netlink, name: str) -> Link | None:
    found = _get(netlink, 0, text(_IFNAME, name), f"look at {name}")
    return None if found is None else parse_link(found)


def read_links(netlink: Netlink) -> list[Link]:
    return [parse_link(message.body) for message in netlink.dump(_GETLINK, _info(), "list devices")]


def read_bridge(netlink: Netlink, name: str) -> Bridge | None:
    """None where there is no device of that name; HostError where it is something else than a Linux bridge."""
    found = _get(netlink, 0, text(_IFNAME, name), f"look at bridge {name}")
    if found is None:
        return None
    link = parse_link(found)
    if link.kind != "bridge":
        raise HostError(f"{name} is no Linux bridge but a device of kind {link.kind or 'physical'}")
    data = attributes(attributes(attributes(found[_INFO.size :])[_LINKINFO])[_INFO_DATA])
    return Bridge(
        link=link,
        vlan_filtering=as_number(data.get(_BR_VLAN_FILTERING)) == 1,
        stp=as_number(data.get(_BR_STP_STATE)) != 0,
        default_pvid=as_number(data.get(_BR_VLAN_DEFAULT_PVID)),
    )


def make_bridge(netlink: Netlink, name: str, mac_address: str) -> bool:
    """A bridge without STP, up, with VLAN filtering where the kernel has it; returns whether it does.

    It gets a MAC of its own, or it would change with its ports.
    """
    try:
        netlink.ask(NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, _new_bridge(name, mac_address, filtering=True))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise refusal(f"make the bridge {name}", error) from error
        body = _new_bridge(name, mac_address, filtering=False)
        netlink.request(NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"make the bridge {name}")
        return False
    return True


def mark_link(netlink: Netlink, index: int, name: str, mark: str) -> None:
    """Writes down at the device itself whose it is (``ip link`` shows it as its alias)."""
    body = _info(index) + attribute(_ALIAS, mark.encode()[:_ALIAS_AT_MOST])
    netlink.request(NEWLINK, 0, body, f"mark {name} as ours")


def make_veth(
    netlink: Netlink,
    name: str,
    mac_address: str,
    mtu: int,
    master: int,
    peer: str,
    peer_mac_address: str,
    peer_netns: int,
) -> None:
    """The pair in one request: this end a port of the bridge with index ``master`` (0: of none), both down."""
    far = _info() + text(_IFNAME, peer) + attribute(_ADDRESS, pack_mac(peer_mac_address))
    far += number(_MTU, mtu) + number(_NET_NS_FD, peer_netns)
    body = _info() + text(_IFNAME, name) + attribute(_ADDRESS, pack_mac(mac_address)) + number(_MTU, mtu)
    if master:
        body += number(_MASTER, master)
    body += nest(_LINKINFO, text(_INFO_KIND, "veth"), nest(_INFO_DATA, nest(_VETH_INFO_PEER, far)))
    netlink.request(NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"make the veth pair {name} and {peer}")


def change_link(
    netlink: Netlink,
    index: int,
    attempted: str,
    *,
    up: bool | None = None,
    mac_address: str | None = None,
    mtu: int | None = None,
    master: int | None = None,
    netns: int | None = None,
    name: str | None = None,
    ipv4: Mapping[int, int] | None = None,
) -> None:
    """Sets what is given; ``master`` 0 takes it off its bridge, ``netns`` is an open file of the namespace. ``ipv4``:
    what /proc/sys/net/ipv4/conf has for the device, by the numbers of linux/ip.h."""
    body = b"" if up is None else _info(index, flags=_IFF_UP if up else 0, change=_IFF_UP)
    body = body or _info(index)
    if mac_address is not None:
        body += attribute(_ADDRESS, pack_mac(mac_address))
    if mtu is not None:
        body += number(_MTU, mtu)
    if master is not None:
        body += number(_MASTER, master)
    if netns is not None:
        body += number(_NET_NS_FD, netns)
    if name is not None:
        body += text(_IFNAME, name)
    if ipv4 is not None:
        settings = nest(_INET_CONF, *(number(kind, value) for kind, value in ipv4.items()))
        body += nest(_AF_SPEC, nest(_AF_INET, settings))
    netlink.request(NEWLINK, 0, body, attempted)


def remove_link(netlink: Netlink, index: int, name: str) -> None:
    """Quiet where it is gone already. A veth goes together with its other end."""
    try:
        netlink.ask(DELLINK, NLM_F_ACK, _info(index))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise refusal(f"remove the device {name}", error) from error


def read_port_vlans(netlink: Netlink, index: int) -> list[PortVlan]:
    """The VLANs of one bridge port, ranges spelled out."""
    found = []
    body = struct.pack("=BxxxI", _AF_BRIDGE, index)
    for message in netlink.dump(_GETVLAN, body, f"list the VLANs of device {index}"):
        for kind, entry in attribute_list(message.body[8:]):
            if kind != _VLANDB_ENTRY:
                continue
            parts = attributes(entry)
            flags, vlan = struct.unpack_from("=HH", parts[_VLANDB_ENTRY_INFO])
            last = as_number(parts.get(_VLANDB_ENTRY_RANGE), vlan)
            for each in range(vlan, last + 1):
                found.append(PortVlan(each, bool(flags & _VLAN_PVID), bool(flags & _VLAN_UNTAGGED)))
    return found


def set_port_vlan(netlink: Netlink, index: int, name: str, vlan: int, former: Sequence[PortVlan]) -> None:
    """Makes the port an access port of that VLAN and of no other one."""
    wanted = PortVlan(vlan, pvid=True, untagged=True)
    if wanted not in former:
        entry = struct.pack("=HH", _VLAN_PVID | _VLAN_UNTAGGED, vlan)
        _change_vlan(netlink, _SETLINK, index, entry, f"make {name} an access port of VLAN {vlan}")
    for other in former:
        if other.vlan != vlan:
            entry = struct.pack("=HH", 0, other.vlan)
            _change_vlan(netlink, DELLINK, index, entry, f"take {name} out of VLAN {other.vlan}")


def belongs_to_kernel(link: Link) -> bool:
    """Whether it comes with a namespace by itself."""
    return link.index == LOOPBACK_INDEX or (link.name in _FALLBACK_DEVICES and not link.up)


def pack_mac(mac_address: str) -> bytes:
    return bytes.fromhex(mac_address.replace(":", ""))


def _change_vlan(netlink: Netlink, kind: int, index: int, entry: bytes, attempted: str) -> None:
    body = _info(index, family=_AF_BRIDGE) + attribute(_AF_SPEC, attribute(_BRIDGE_VLAN_INFO, entry))
    netlink.request(kind, 0, body, attempted)


def _new_bridge(name: str, mac_address: str, *, filtering: bool) -> bytes:
    data = number(_BR_STP_STATE, 0) + (attribute(_BR_VLAN_FILTERING, b"\1") if filtering else b"")
    return (
        _info(flags=_IFF_UP, change=_IFF_UP)
        + text(_IFNAME, name)
        + attribute(_ADDRESS, pack_mac(mac_address))
        + nest(_LINKINFO, text(_INFO_KIND, "bridge"), nest(_INFO_DATA, data))
    )


def _info(index: int = 0, *, flags: int = 0, change: int = 0, family: int = 0) -> bytes:
    return _INFO.pack(family, 0, index, flags, change)


def _get(netlink: Netlink, index: int, body: bytes, attempted: str) -> bytes | None:
    try:
        answers = netlink.ask(_GETLINK, NLM_F_ACK, _info(index) + body)
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise refusal(attempted, error) from error
    return answers[0].body


def parse_name(body: bytes) -> str:
    """Of the device alone: the kernel puts it first, and most events are of devices that concern nobody."""
    return as_text(find_attribute(body[_INFO.size :], _IFNAME))


def parse_state(body: bytes) -> tuple[int, bool]:
    """Index, and whether it is up."""
    _, _, index, flags, _ = _INFO.unpack_from(body)
    return index, bool(flags & _IFF_UP)


def parse_link(body: bytes) -> Link:
    _, _, index, flags, _ = _INFO.unpack_from(body)
    found = attributes(body[_INFO.size :])
    information = attributes(found.get(_LINKINFO, b""))
    port = attributes(information.get(_INFO_SLAVE_DATA, b""))
    operational = as_number(found.get(_OPERSTATE))
    carrier = as_number(found.get(_CARRIER)) == 1
    # A tap never says more than "unknown"; its carrier tells.
    passing = operational == _OPERATIONAL_UP or (operational == _OPERATIONAL_UNKNOWN and carrier)
    passing_alone = passing
    master = as_number(found.get(_MASTER))
    if not port and _PROTINFO in found:  # in events of bridges
        port = attributes(found[_PROTINFO])
    state = as_number(port.get(_BRPORT_STATE))
    forwarding = state == _FORWARDING
    if master and _BRPORT_STATE in port:
        passing = passing and forwarding
    return Link(
        index=index,
        name=as_text(found.get(_IFNAME)),
        kind=as_text(information.get(_INFO_KIND)),
        mac_address=found.get(_ADDRESS, b"").hex(":"),
        mtu=as_number(found.get(_MTU)),
        up=bool(flags & _IFF_UP),
        passing=passing,
        forwarding=forwarding,
        blocked=passing_alone and state in _BLOCKED,
        master=master,
        peer=as_number(found.get(_LINK)),
    )
