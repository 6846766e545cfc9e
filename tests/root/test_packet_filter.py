"""A packet filter that drops what is forwarded is found while the agent runs."""

import ctypes
import socket
import struct
from pathlib import Path

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


_DROPS, _ACCEPTS = -1, -2
_GET_INFO, _GET_ENTRIES, _REPLACE = 64, 65, 64
_LIBC = ctypes.CDLL(None, use_errno=True)


def set_legacy_policy(family: socket.AddressFamily, verdict: int) -> None:
    """As ``iptables-legacy -P FORWARD`` does it: reads all rules, and replaces them all (ip_tables.h)."""
    level, offset_at = (socket.IPPROTO_IP, 88) if family is socket.AF_INET else (socket.IPPROTO_IPV6, 140)
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:

        def ask(option: int, question: bytes) -> bytes:
            buffer = ctypes.create_string_buffer(question, len(question))
            length = ctypes.c_uint(len(question))
            assert _LIBC.getsockopt(raw.fileno(), level, option, buffer, ctypes.byref(length)) == 0
            return buffer.raw

        info = ask(_GET_INFO, b"filter".ljust(84, b"\0"))
        name, hooks, *begins_and_policies, count, size = struct.unpack("=32s13I", info)
        answer = ask(_GET_ENTRIES, struct.pack("=32sI4x", b"filter", size) + bytes(size))
        rules = bytearray(answer[40:])
        at = begins_and_policies[5 + 2]
        (target,) = struct.unpack_from("=H", rules, at + offset_at)
        struct.pack_into("=i", rules, at + target + 32, verdict)
        counters = ctypes.create_string_buffer(16 * count)
        head = struct.pack("@32sIII10II", name, hooks, count, size, *begins_and_policies, count)
        pointer = struct.pack("@Q", ctypes.addressof(counters))
        raw.setsockopt(level, _REPLACE, head + pointer + bytes(rules))


@pytest.mark.parametrize("family", [socket.AF_INET, 1, 7])
def test_a_policy_that_drops_is_found_and_its_end_too(lab: Lab, family: int) -> None:
    with netns.visit(lab.machine("firewall", "10.7.0.9/24").namespace):
        assert find_drops() == []
        set_policy(family, 0)
        [found] = find_drops()
        assert "chain FORWARD of table " in found
        set_policy(family, 1)
        assert find_drops() == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_policy_of_iptables_legacy_is_found_and_its_end_too(lab: Lab, family: socket.AddressFamily) -> None:
    """A table that nobody has made is not made by the look, either."""
    names = Path(f"/proc/thread-self/net/{'ip' if family is socket.AF_INET else 'ip6'}_tables_names")
    with netns.visit(lab.machine("firewall", "10.7.0.9/24").namespace):
        assert find_drops() == []
        assert names.read_text() == ""
        set_legacy_policy(family, _DROPS)
        [found] = find_drops()
        assert "chain FORWARD of ip" in found
        assert "tables-legacy" in found
        set_legacy_policy(family, _ACCEPTS)
        assert names.read_text() == "filter\n"
        assert find_drops() == []


def test_one_that_bridges_do_not_ask_is_nobodys_business(lab: Lab) -> None:
    with netns.visit(lab.machine("firewall", "10.7.0.9/24").namespace):
        set_policy(socket.AF_INET, 0)
        assert find_drops() != []
        assert write_sysctl("net/bridge/bridge-nf-call-iptables", 0)
        assert find_drops() == []
