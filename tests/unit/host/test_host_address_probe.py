"""What is asked before an address is taken, and who counts as having it."""

import ipaddress
import socket
import struct
import time

import pytest

from evenload.host.address_probe import (
    Probe,
    arp_probe,
    attach,
    hear_only,
    hear_until,
    neighbour_solicitation,
    parse_owner,
)
from evenload.host.addresses import gratuitous_arp, unsolicited_advertisement

ARP, IPV6 = 0x0806, 0x86DD
MAC, OTHER = "fa:16:3e:00:00:01", "02:00:00:00:00:09"
FOUR, SIX = ipaddress.IPv4Address("10.0.0.5"), ipaddress.IPv6Address("2001:db8::5")


def ipv6(icmp: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + SIX.packed + SIX.packed + icmp


def test_a_question_tells_nobody_of_the_address() -> None:
    """Its sender is nobody, so no neighbour takes our MAC for that of the address."""
    assert arp_probe(MAC, FOUR)[14:18] == bytes(4)
    assert parse_owner(ARP, arp_probe(MAC, FOUR), b"") is None
    assert parse_owner(IPV6, neighbour_solicitation(SIX), b"") is None
    assert neighbour_solicitation(SIX)[8:24] == bytes(16)


def test_the_checksum_of_a_solicitation_is_right() -> None:
    packet = neighbour_solicitation(SIX)
    total = sum(struct.unpack("!28H", packet[8:])) + 24 + 58
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@pytest.mark.parametrize(
    ("protocol", "packet", "owner"),
    [
        (ARP, gratuitous_arp(OTHER, FOUR), ("10.0.0.5", OTHER)),
        (IPV6, ipv6(unsolicited_advertisement(OTHER, SIX)), ("2001:db8::5", OTHER)),
        (IPV6, ipv6(unsolicited_advertisement(OTHER, SIX)[:24]), ("2001:db8::5", "02:00:00:00:00:77")),
        (IPV6, ipv6(b"\x80" + bytes(23)), None),
        (IPV6, b"", None),
        (ARP, b"\0" * 10, None),
    ],
)
def test_who_has_it(protocol: int, packet: bytes, owner: tuple[str, str] | None) -> None:
    assert parse_owner(protocol, packet, b"\x02\0\0\0\0\x77") == owner


class Answers(socket.socket):
    """A packet socket to which ARP answers have come; made of a pair, since only root may have a real one."""

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, tuple[str, int, int, int, bytes]]:
        return self.recv(size, flags), ("eth0", ARP, 0, 1, bytes(6))


def test_an_answer_that_is_there_counts_though_the_time_is_over() -> None:
    """The thread may have waited for a processor for longer than for the answer."""
    ours, owners = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with owners, Answers(fileno=ours.detach()) as answers:
        answers.setblocking(False)
        owners.send(gratuitous_arp(OTHER, FOUR))
        probe = Probe("lb", 1, MAC, {str(FOUR): f"{FOUR}/24"}, (answers,))
        hear_until(probe, time.monotonic() - 1)
    assert probe.conflicts == {str(FOUR): OTHER}


def heard(version: int, addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address], *packets: bytes) -> list[bytes]:
    """What the kernel lets through of these packets. It filters those of any socket alike."""
    ours, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, others:
        ours.setblocking(False)
        attach(ours, hear_only(version, addresses))
        for each in packets:
            others.send(each)
        found = []
        try:
            while True:
                found.append(ours.recv(2048))
        except BlockingIOError:
            return found


def test_what_others_ask_and_say_of_other_addresses_wakes_nobody() -> None:
    second = ipaddress.IPv4Address("10.0.0.6")
    strangers = [gratuitous_arp(OTHER, FOUR + each) for each in range(5, 99)]
    claims = [gratuitous_arp(OTHER, FOUR), gratuitous_arp(OTHER, second)]
    assert heard(4, [FOUR, second], *strangers, arp_probe(OTHER, FOUR), b"", *claims) == claims
    claim = ipv6(unsolicited_advertisement(OTHER, SIX))
    strangers = [ipv6(unsolicited_advertisement(OTHER, SIX + each)) for each in range(5, 99)]
    asked = neighbour_solicitation(SIX)
    assert heard(6, [SIX + 1, SIX], *strangers, asked, ipv6(b"\x80" + bytes(23)), claim[:40], claim) == [claim]


def test_of_very_many_addresses_all_is_heard() -> None:
    many = [FOUR + each for each in range(300)]
    claims = [gratuitous_arp(OTHER, each) for each in (many[0], many[-1])]
    assert heard(4, [*many], *claims) == claims
