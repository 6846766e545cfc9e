"""Whether this host's own packet filter stops what passes between two ports of one bridge.

With br_netfilter loaded, frames on a bridge go through the rules for forwarded packets; Docker and many firewalls let
these end in a drop. The look is at the policies of nf_tables' base chains (iptables as Debian has it makes such) and at
those of the older xtables; what single rules do, nobody can tell without a packet.
"""

import socket
import struct

from evenload.host.netlink import Netlink, attributes
from evenload.host.sysctl import read_sysctl
from evenload.host.xtables import drops_forwarded
from evenload.model.errors import HostError

_NETLINK_NETFILTER = 12
_GETCHAIN = 10 << 8 | 4
_GENERIC = struct.Struct("!BBH")
_TABLE, _NAME, _HOOK, _POLICY, _HOOK_NUMBER = 1, 3, 4, 5, 1
_FORWARD, _DROP = 2, 0
_INET, _BRIDGE = 1, 7
_LEGACY = {socket.AF_INET: "iptables-legacy", socket.AF_INET6: "ip6tables-legacy"}
_FAMILIES = {_INET: "inet", socket.AF_INET: "ip", socket.AF_INET6: "ip6", _BRIDGE: "bridge"}


def find_drops() -> list[str]:
    """Sentences for people; none where nothing of the kind is found."""
    passed = {_BRIDGE}
    families = []
    if read_sysctl("net/bridge/bridge-nf-call-iptables") == "1":
        passed |= {_INET, socket.AF_INET}
        families.append(socket.AF_INET)
    if read_sysctl("net/bridge/bridge-nf-call-ip6tables") == "1":
        passed |= {_INET, socket.AF_INET6}
        families.append(socket.AF_INET6)
    chains = [
        f"chain {name} of table {_FAMILIES[each]} {table}" for each, table, name in _read_dropping() if each in passed
    ]
    chains += [f"chain FORWARD of {_LEGACY[each]}" for each in families if drops_forwarded(each)]
    return [
        f"this host's packet filter drops what is forwarded ({chain}) and is asked about frames on bridges: load "
        f"balancers may be unreachable; let them pass, or set net.bridge.bridge-nf-call-iptables and -ip6tables to 0 "
        f"where nothing needs them"
        for chain in chains
    ]


def _read_dropping() -> list[tuple[int, str, str]]:
    """Family, table and name of each base chain for forwarded packets whose policy is to drop them."""
    try:
        with Netlink(_NETLINK_NETFILTER) as netlink:
            messages = netlink.dump(_GETCHAIN, _GENERIC.pack(0, 0, 0), "list the packet filter's chains")
    except HostError:  # a kernel without nf_tables
        return []
    return [found for message in messages if (found := parse_dropping(message.body)) is not None]


def parse_dropping(body: bytes) -> tuple[int, str, str] | None:
    """The chain in one of nf_tables' answers, where it is such a one."""
    family, _, _ = _GENERIC.unpack_from(body)
    parts = attributes(body[_GENERIC.size :])
    hook = attributes(parts.get(_HOOK, b"")).get(_HOOK_NUMBER)
    if hook is None or int.from_bytes(hook) != _FORWARD or int.from_bytes(parts.get(_POLICY, b"\1")) != _DROP:
        return None
    table, name = (parts[each].rstrip(b"\0").decode(errors="replace") for each in (_TABLE, _NAME))
    return family, table, name
