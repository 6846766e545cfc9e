"""Asks the wire whether somebody has an address already, before it is taken: ARP probe (RFC 5227), duplicate address
detection (RFC 4862).

The answer is waited for as long as costs nobody anything, a few milliseconds beside HAProxy's start; one that comes
later is heard by a thread of this module. Who answers with the port's own MAC is the same load balancer on a host that
it has been moved away from, and counts for nothing.
"""

import ctypes
import ipaddress
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from evenload.host.links import pack_mac
from evenload.host.refusal import refusal
from evenload.threads import Faults, LastingThread

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
_LONGEST_SLEEP = 60.0

# ICMPv6 neighbour advertisements alone: a packet socket for IPv6 would get a copy of everything.
_ADVERTISEMENTS = (
    (0x30, 0, 0, 6),  # load the next header
    (0x15, 0, 3, _ICMPV6),
    (0x30, 0, 0, _IPV6_HEADER),  # load the type
    (0x15, 0, 1, _ADVERTISEMENT),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)

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
        self._faults = faults or Faults()
        self._lock = threading.Lock()
        self._fresh: list[Probe] = []
        self._selector: selectors.BaseSelector | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._thread: LastingThread | None = None
        self._suspected: set[tuple[str, str]] = set()
        self._closed = False

    def probe(self, load_balancer_id: str, device: str, index: int, mac: str, addresses: Collection[str]) -> Probe:
        """``conflicts`` of the result: address → MAC of who has it."""
        by_host = {str(ipaddress.ip_interface(each).ip): each for each in addresses}
        probe = Probe(load_balancer_id, index, mac, by_host)
        with self._lock:
            suspected = any((load_balancer_id, each) in self._suspected for each in by_host)
        opened: list[socket.socket] = []
        try:
            for version in sorted({ipaddress.ip_address(each).version for each in by_host}):
                opened.append(_open(version, index))
                for address in map(ipaddress.ip_address, by_host):
                    if address.version == version:
                        _ask(opened[-1], device, mac, address)
        except OSError as error:
            for each in opened:
                each.close()
            raise refusal(f"ask for {', '.join(by_host)} on {device}", error) from error
        probe.sockets = tuple(opened)
        hear_until(probe, time.monotonic() + (_SUSPECTED_WINDOW if suspected else _WINDOW))
        with self._lock:
            for host in by_host:
                if host in probe.conflicts:
                    self._suspected.add((load_balancer_id, host))
                else:
                    self._suspected.discard((load_balancer_id, host))
        return probe

    def follow(self, probe: Probe) -> None:
        """Answers that come late; and closing a packet socket takes long, too."""
        probe.until = time.monotonic() + _LATE
        with self._lock:
            if self._closed:
                _close(probe)
                return
            self._fresh.append(probe)
            if self._thread is None:
                self._selector = selectors.DefaultSelector()
                self._wake = socket.socketpair()
                self._wake[0].setblocking(False)
                self._selector.register(self._wake[0], selectors.EVENT_READ, None)
                step = partial(self._wait_and_hear, self._selector, self._wake[0])
                self._thread = LastingThread("address-probe", step, self._faults)
                self._thread.start()
            self._rouse()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._rouse()
            thread, selector, wake = self._thread, self._selector, self._wake
            self._thread = self._selector = self._wake = None
        if thread is not None:
            thread.hurry()
            thread.join()
        if selector is not None:
            for probe in _probes_of(selector):
                _close(probe)
            selector.close()
        for each in wake or ():
            each.close()
        for probe in self._fresh:
            _close(probe)

    def _wait_and_hear(self, selector: selectors.BaseSelector, wake: socket.socket) -> bool:
        probes = _probes_of(selector)
        due = min((each.until for each in probes), default=time.monotonic() + _LONGEST_SLEEP)
        events = selector.select(max(0.0, due - time.monotonic()))
        with self._lock:
            if self._closed:
                return False
            fresh, self._fresh = self._fresh, []
        for key, _ in events:
            if key.data is None:
                wake.recv(4096)
        for probe in fresh:
            for each in probe.sockets:
                selector.register(each, selectors.EVENT_READ, probe)
        for probe in dict.fromkeys(key.data for key, _ in events if key.data is not None):
            self._hear_late(probe)
        now = time.monotonic()
        for probe in probes:
            if probe.until <= now:
                for each in probe.sockets:
                    selector.unregister(each)
                _close(probe)
        return True

    def _hear_late(self, probe: Probe) -> None:
        before = set(probe.conflicts)
        _hear(probe)
        for address in probe.conflicts.keys() - before:
            with self._lock:
                self._suspected.add((probe.load_balancer_id, address))
            try:
                self._retract(probe, address)
            except Exception:  # noqa: BLE001 it is noted, and the next ones are heard
                self._faults.note("address-probe", load_balancer=probe.load_balancer_id)

    def _rouse(self) -> None:
        if self._wake is not None:
            self._wake[1].send(b"x")


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


def _open(version: int, index: int) -> socket.socket:
    protocol = _ARP if version == 4 else _IPV6
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    try:
        if version == 6:
            code = b"".join(struct.pack("=HBBI", *each) for each in _ADVERTISEMENTS)
            _attach(opened, len(_ADVERTISEMENTS), code)
        opened.bind((socket.if_indextoname(index), protocol))
    except OSError:
        opened.close()
        raise
    return opened


def _attach(opened: socket.socket, length: int, code: bytes) -> None:
    program = ctypes.create_string_buffer(code, len(code))
    words = struct.pack("@HP", length, ctypes.addressof(program))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, words)


def _ask(opened: socket.socket, device: str, mac: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
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


def _probes_of(selector: selectors.BaseSelector) -> list[Probe]:
    return list(dict.fromkeys(key.data for key in selector.get_map().values() if key.data is not None))


def _close(probe: Probe) -> None:
    for each in probe.sockets:
        each.close()
