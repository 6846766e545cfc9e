"""Asks the wire whether somebody has an address already, before it is taken: ARP probe (RFC 5227), duplicate address
detection (RFC 4862).

The answer is waited for as long as costs nobody anything, a few milliseconds beside HAProxy's start; one that comes
later is heard by a thread of this module. Who answers with the port's own MAC is the same load balancer on a host that
it has been moved away from, and counts for nothing.
"""

import ctypes
import ipaddress
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from evenload.host.links import pack_mac
from evenload.host.refusal import refusal
from evenload.host.waiting import News, WaitingThread
from evenload.threads import Faults

_ARP, _IPV6 = 0x0806, 0x86DD
_ARP_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_BROADCAST = b"\xff" * 6
_ICMPV6, _SOLICITATION, _ADVERTISEMENT, _TARGET_LINK_LAYER = 58, 135, 136, 2
_IPV6_HEADER = 40
_SO_ATTACH_FILTER = 26
_WINDOW = 0.003
_SUSPECTED_WINDOW = 1.0
_LATE = 2.0
"""Seconds that an answer is waited for before the address is taken; where one came too late before; and after it."""
_LOAD_BYTE, _LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x20, 0x15, 0x06
_SENDERS_ADDRESS = 14
_TARGETS_END = _IPV6_HEADER + 20
"""Where an ARP packet has the address of its sender, and an advertisement the last four bytes of its target."""

_MOST_IN_A_FILTER = 200
"""A jump in one is 255 steps long at most."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Retract = Callable[["Probe", str], None]
"""Told of a probe and the address (without length) that somebody has after all. Called from a thread of this module."""


@dataclass(slots=True, eq=False)
class Probe:
    """``index``: of the device. ``addresses``: in interface notation, by the address alone."""

    load_balancer_id: str
    index: int
    mac_address: str
    addresses: Mapping[str, str]
    sockets: tuple[socket.socket, ...] = ()
    conflicts: dict[str, str] = field(default_factory=dict)
    until: float = 0.0


class AddressProber:
    """``probe`` in the namespace, ``follow`` outside of it, after every ``probe``. The thread comes with the first."""

    def __init__(self, retract: Retract, faults: Faults | None = None) -> None:
        self._retract = retract
        self._thread = WaitingThread("address-probe", self._collect, faults or Faults(), pause=self._pause)
        self._followed: list[Probe] = []
        self._suspected: set[tuple[str, str]] = set()

    def probe(self, load_balancer_id: str, device: str, index: int, mac: str, addresses: Collection[str]) -> Probe:
        """``conflicts`` of the result: address → MAC of who has it."""
        by_host = {str(ipaddress.ip_interface(each).ip): each for each in addresses}
        probe = Probe(load_balancer_id, index, mac, by_host)
        with self._thread.lock:
            suspected = any((load_balancer_id, each) in self._suspected for each in by_host)
        opened: list[socket.socket] = []
        try:
            for version in sorted({ipaddress.ip_address(each).version for each in by_host}):
                family = [each for each in map(ipaddress.ip_address, by_host) if each.version == version]
                opened.append(_open(version, index, family))
                for address in family:
                    _ask(opened[-1], device, mac, address)
        except OSError as error:
            for each in opened:
                each.close()
            raise refusal(f"ask for {', '.join(by_host)} on {device}", error) from error
        probe.sockets = tuple(opened)
        hear_until(probe, time.monotonic() + (_SUSPECTED_WINDOW if suspected else _WINDOW))
        with self._thread.lock:
            for host in by_host:
                if host in probe.conflicts:
                    self._suspected.add((load_balancer_id, host))
                else:
                    self._suspected.discard((load_balancer_id, host))
        return probe

    def follow(self, probe: Probe) -> None:
        """Answers that come late; and closing a packet socket takes long, too."""
        probe.until = time.monotonic() + _LATE
        with self._thread.lock:
            self._thread.start()
            running = self._thread.running
            if running:
                for each in probe.sockets:
                    self._thread.register(each, probe)
                self._followed.append(probe)
                if len(self._followed) == 1:  # else it waits for one that is due before this one
                    self._thread.rouse()
        if not running:
            _close(probe)

    def close(self) -> None:
        self._thread.close(self._drop_all)

    def _pause(self) -> float | None:
        return max(0.0, self._followed[0].until - time.monotonic()) if self._followed else None

    def _collect(self, found: list[Probe]) -> list[News]:
        news = [each for probe in dict.fromkeys(found) for each in self._hear_late(probe)]
        now = time.monotonic()
        while self._followed and self._followed[0].until <= now:
            probe = self._followed.pop(0)
            for each in probe.sockets:
                self._thread.unregister(each)
            news.append(News("address-probe", probe.load_balancer_id, partial(_close, probe)))
        return news

    def _hear_late(self, probe: Probe) -> list[News]:
        before = set(probe.conflicts)
        _hear(probe)
        late = sorted(probe.conflicts.keys() - before)
        self._suspected.update((probe.load_balancer_id, address) for address in late)
        return [
            News("address-probe", probe.load_balancer_id, partial(self._retract, probe, address)) for address in late
        ]

    def _drop_all(self) -> None:
        for probe in self._followed:
            for each in probe.sockets:
                self._thread.unregister(each)
            _close(probe)
        self._followed.clear()


def arp_probe(mac_address: str, address: ipaddress.IPv4Address) -> bytes:
    """A question that tells nobody of us (RFC 5227, 2.1.1)."""
    return _ARP_PACKET.pack(1, 0x0800, 6, 4, 1, pack_mac(mac_address), bytes(4), bytes(6), address.packed)


def neighbour_solicitation(address: ipaddress.IPv6Address) -> bytes:
    """A whole packet, from nobody to all whose address ends like this one (RFC 4862, 5.4.2)."""
    source, group = bytes(16), ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:]
    body = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + address.packed
    pseudo = source + group + struct.pack("!II", len(body), _ICMPV6)
    total: int = sum(struct.unpack(f"!{(len(pseudo) + len(body)) // 2}H", pseudo + body))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + source + group + body


def parse_owner(protocol: int, packet: bytes, sender: bytes) -> tuple[str, str] | None:
    """Who says to have which address: (address, MAC); None for other packets. ``sender``: MAC of the frame."""
    if protocol == _ARP:
        if len(packet) < _ARP_PACKET.size:
            return None
        kind, network, _, _, _, mac, address, _, _ = _ARP_PACKET.unpack_from(packet)
        if (kind, network) != (1, 0x0800) or address == bytes(4):
            return None
        return str(ipaddress.IPv4Address(address)), mac.hex(":")
    icmp = packet[_IPV6_HEADER:]
    if len(icmp) < 24 or packet[6] != _ICMPV6 or icmp[0] != _ADVERTISEMENT:
        return None
    mac = icmp[26:32] if icmp[24:26] == bytes([_TARGET_LINK_LAYER, 1]) and len(icmp) >= 32 else sender
    return str(ipaddress.IPv6Address(icmp[8:24])), mac.hex(":")


def _open(version: int, index: int, addresses: Sequence[Address]) -> socket.socket:
    """Gets nothing but what somebody says of these addresses: every question on the network comes by here, and where
    hundreds of load balancers are made in a row, each of them asks some."""
    protocol = _ARP if version == 4 else _IPV6
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    try:
        attach(opened, hear_only(version, addresses))
        opened.bind((socket.if_indextoname(index), protocol))
    except OSError:
        opened.close()
        raise
    return opened


def hear_only(version: int, addresses: Sequence[Address]) -> list[tuple[int, int, int, int]]:
    """A filter (linux/filter.h) for what somebody says of these addresses. IPv6 ones are told by their ends; what comes
    through is judged by ``parse_owner``."""
    ends = [int.from_bytes(each.packed[-4:], "big") for each in addresses]
    if len(ends) > _MOST_IN_A_FILTER:
        return [(_RETURN, 0, 0, 0xFFFF)]
    program = []
    if version == 6:
        program += [
            (_LOAD_BYTE, 0, 0, 6),  # the next header
            (_JUMP_IF_EQUAL, 0, len(ends) + 3, _ICMPV6),
            (_LOAD_BYTE, 0, 0, _IPV6_HEADER),  # the type
            (_JUMP_IF_EQUAL, 0, len(ends) + 1, _ADVERTISEMENT),
        ]
    program.append((_LOAD_WORD, 0, 0, _SENDERS_ADDRESS if version == 4 else _TARGETS_END))
    program += [(_JUMP_IF_EQUAL, len(ends) - place, 0, end) for place, end in enumerate(ends)]
    return [*program, (_RETURN, 0, 0, 0), (_RETURN, 0, 0, 0xFFFF)]


def attach(opened: socket.socket, program: Sequence[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    memory = ctypes.create_string_buffer(code, len(code))
    words = struct.pack("@HP", len(program), ctypes.addressof(memory))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, words)


def _ask(opened: socket.socket, device: str, mac: str, address: Address) -> None:
    if isinstance(address, ipaddress.IPv4Address):
        opened.sendto(arp_probe(mac, address), (device, _ARP, 0, 0, _BROADCAST))
    else:
        group = b"\x33\x33\xff" + address.packed[13:]
        opened.sendto(neighbour_solicitation(address), (device, _IPV6, 0, 0, group))


def hear_until(probe: Probe, deadline: float) -> None:
    """Notes who has which address. What is there already counts, however late this thread gets to look."""
    poll = select.poll()
    for each in probe.sockets:
        poll.register(each, select.POLLIN)
    while len(probe.conflicts) < len(probe.addresses) and (left := deadline - time.monotonic()) > 0:
        if poll.poll(max(1, round(left * 1000))):
            _hear(probe)
    _hear(probe)


def _hear(probe: Probe) -> None:
    for each in probe.sockets:
        while True:
            try:
                packet, (_, protocol, _, _, sender) = each.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError:  # the device went
                break
            owner = parse_owner(protocol, packet, sender)
            if owner is not None and owner[0] in probe.addresses and owner[1] != probe.mac_address:
                probe.conflicts[owner[0]] = owner[1]


def _close(probe: Probe) -> None:
    for each in probe.sockets:
        each.close()
