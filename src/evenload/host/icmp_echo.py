"""ICMP echo, version 4 and 6: the packets, the sockets, and when a series of answers and losses means up or down.

All of it is pure, apart from ``open_socket``.
"""

import socket
import struct
from dataclasses import dataclass, replace

from evenload.host.refusal import refusal

_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEADER = struct.Struct("!BBHHH")
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1


@dataclass(frozen=True, slots=True)
class Echo:
    """``token`` is random, so that an answer to somebody else's question is not taken for ours."""

    identifier: int
    sequence: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Streak:
    """``up`` None: not decided yet. ``count``: answers or losses in a row that speak against ``up``; while nothing is
    decided, answers are positive and losses negative."""

    up: bool | None = None
    count: int = 0


def advance(streak: Streak, answered: bool, rise: int, fall: int) -> tuple[Streak, bool | None]:
    """The streak after one more answer or loss, and the new verdict where it changed, else None."""
    if streak.up is answered:
        return replace(streak, count=0), None
    step = 1 if answered else -1
    count = streak.count + step if streak.count * step > 0 else step
    needed = rise if answered else fall
    if abs(count) >= needed:
        return Streak(up=answered), answered
    return replace(streak, count=count), None


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def render_request(family: int, echo: Echo) -> bytes:
    """The kernel fills in the checksum of version 6."""
    header = _HEADER.pack(_REQUEST[socket.AddressFamily(family)], 0, 0, echo.identifier, echo.sequence)
    if family == socket.AF_INET6:
        return header + echo.token
    checksum = _checksum(header + echo.token)
    return _HEADER.pack(_REQUEST[socket.AF_INET], 0, checksum, echo.identifier, echo.sequence) + echo.token


def parse_reply(family: int, packet: bytes) -> Echo | None:
    """None for everything but a whole echo reply. A packet of version 4 comes with its IP header."""
    if family == socket.AF_INET:
        if not packet or packet[0] >> 4 != 4:
            return None
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) < _HEADER.size:
        return None
    kind, code, _, identifier, sequence = _HEADER.unpack_from(packet)
    if kind != _REPLY[socket.AddressFamily(family)] or code != 0:
        return None
    return Echo(identifier, sequence, packet[_HEADER.size :])


def open_socket(family: int) -> socket.socket:
    """In the calling thread's namespace, where it stays. Only echo replies come in."""
    version = socket.AddressFamily(family)
    try:
        opened = socket.socket(version, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _PROTOCOL[version])
    except OSError as error:
        raise refusal("open a socket for ICMP", error) from error
    try:
        if version is socket.AF_INET:
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << _REPLY[version]) & 0xFFFFFFFF))
        else:
            word, bit = divmod(_REPLY[version], 32)
            passed = [0xFFFFFFFF & ~(1 << bit) if index == word else 0xFFFFFFFF for index in range(8)]
            opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *passed))
    except OSError as error:
        opened.close()
        raise refusal("filter ICMP", error) from error
    return opened


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
