"""A packet filter that drops what is forwarded is found while the agent runs."""

import socket
import struct

import pytest
from tests.root.lab import Lab

from evenload.host import netns
from evenload.host.netlink import attribute, nest
from evenload.host.packet_filter import find_drops
from evenload.host.sysctl import write_sysctl

pytestmark = pytest.mark.root

_BEGIN, _END, _NEWTABLE, _NEWCHAIN = 0x10, 0x11, 10 << 8 | 0, 10 << 8 | 3
_REQUEST, _CREATE = 0x1, 0x400


def set_policy(family: int, policy: int) -> None:
    """Table and chain of the forwarded packets, as ``iptables -P FORWARD`` makes them, in the thread's namespace."""

    def message(kind: int, family: int, resource: int, *parts: bytes) -> bytes:
        body = struct.pack("!BBH", family, 0, resource) + b"".join(parts)
        return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _CREATE, 1, 0) + body

    hook = nest(4, attribute(1, struct.pack("!I", 2)), attribute(2, struct.pack("!i", 0)))
    batch = [
        message(_BEGIN, 0, 10),
        message(_NEWTABLE, family, 0, attribute(1, b"filter\0")),
        message(
            _NEWCHAIN,
            family,
            0,
            attribute(1, b"filter\0"),
            attribute(3, b"FORWARD\0"),
            hook,
            attribute(5, struct.pack("!I", policy)),
            attribute(7, b"filter\0"),
        ),
        message(_END, 0, 10),
    ]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netfilter:
        netfilter.bind((0, 0))
        netfilter.send(b"".join(batch))


@pytest.mark.parametrize("family", [socket.AF_INET, 1, 7])
def test_a_policy_that_drops_is_found_and_its_end_too(lab: Lab, family: int) -> None:
    with netns.visit(lab.machine("firewall", "10.7.0.9/24").namespace):
        assert find_drops() == []
        set_policy(family, 0)
        [found] = find_drops()
        assert "chain FORWARD of table " in found
        set_policy(family, 1)
        assert find_drops() == []


def test_one_that_bridges_do_not_ask_is_nobodys_business(lab: Lab) -> None:
    with netns.visit(lab.machine("firewall", "10.7.0.9/24").namespace):
        set_policy(socket.AF_INET, 0)
        assert find_drops() != []
        assert write_sysctl("net/bridge/bridge-nf-call-iptables", 0)
        assert find_drops() == []
