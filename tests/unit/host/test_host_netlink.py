"""The encoding, held against what iproute2 sends; and answers as the kernel lays them out."""

import errno
import struct
from collections.abc import Callable
from socket import SO_RCVTIMEO, SOL_SOCKET

import pytest

from evenload.host.links import PortVlan, read_port_vlans, set_port_vlan
from evenload.host.netlink import (
    Message,
    Netlink,
    as_number,
    as_text,
    attribute,
    attribute_list,
    attributes,
    nest,
    text,
)
from evenload.host.refusal import refusal
from evenload.model.errors import Hopeless, HostError


class Recorder(Netlink):
    """Keeps what is asked, answers what it was told."""

    def __init__(self, answer: Callable[[int], list[Message]] = lambda kind: []) -> None:
        self._answer = answer
        self.asked: list[tuple[int, int, bytes]] = []

    def ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        self.asked.append((kind, flags, body))
        return self._answer(kind)

    def close(self) -> None:
        """Nothing is open."""


def test_attributes_are_padded_and_found_again() -> None:
    data = text(3, "tap1") + attribute(4, b"\x01\x02\x03") + nest(5, attribute(1, b"\xff"))
    assert len(data) % 4 == 0
    found = attributes(data)
    assert as_text(found[3]) == "tap1"
    assert found[4] == b"\x01\x02\x03"
    assert attributes(found[5]) == {1: b"\xff"}
    assert [kind for kind, _ in attribute_list(data)] == [3, 4, 5]


@pytest.mark.parametrize("damaged", [b"\x00", b"\x02\x00\x01\x00", b"\x00\x00\x00\x00" * 3])
def test_damaged_attributes_end_the_reading(damaged: bytes) -> None:
    assert attribute_list(damaged) == []


def test_numbers_of_any_width() -> None:
    assert as_number(struct.pack("=H", 4094)) == 4094
    assert as_number(struct.pack("=I", 70000)) == 70000
    assert as_number(None, 7) == 7


def test_an_access_port_is_asked_for_as_bridge_vlan_add_does() -> None:
    """``bridge vlan add dev … vid 101 pvid untagged``, then ``bridge vlan del dev … vid 1``, as strace shows them."""
    netlink = Recorder()
    set_port_vlan(netlink, 880, "tap1", 101, [PortVlan(1, pvid=True, untagged=True)])
    head = struct.pack("=BxHiII", 7, 0, 880, 0, 0)
    added = head + struct.pack("=HHHHHH", 12, 26, 8, 2, 0x2 | 0x4, 101)
    removed = head + struct.pack("=HHHHHH", 12, 26, 8, 2, 0, 1)
    assert netlink.asked == [(19, 0x4, added), (17, 0x4, removed)]


def test_an_access_port_that_is_one_already_is_left_alone() -> None:
    netlink = Recorder()
    set_port_vlan(netlink, 880, "tap1", 101, [PortVlan(101, pvid=True, untagged=True)])
    assert netlink.asked == []


def test_vlans_of_a_port_are_read_with_their_ranges() -> None:
    def entry(flags: int, vlan: int, *rest: bytes) -> bytes:
        return nest(1, attribute(1, struct.pack("=HH", flags, vlan)), *rest)

    body = struct.pack("=BxxxI", 7, 880)
    body += entry(0x6, 1) + entry(0, 10, attribute(2, struct.pack("=H", 12)), attribute(3, b"\x03"))
    netlink = Recorder(lambda kind: [Message(112, body)])
    assert read_port_vlans(netlink, 880) == [
        PortVlan(1, pvid=True, untagged=True),
        PortVlan(10, pvid=False, untagged=False),
        PortVlan(11, pvid=False, untagged=False),
        PortVlan(12, pvid=False, untagged=False),
    ]
    assert netlink.asked == [(114, 0x300, struct.pack("=BxxxI", 7, 880))]


def refuse(number: int, said: str = "") -> Callable[[int], list[Message]]:
    def answer(kind: int) -> list[Message]:
        error = OSError(number, "words")
        error.args = (number, "words", said)
        raise error

    return answer


def test_a_refusal_names_the_attempt_and_the_kernels_words() -> None:
    netlink = Recorder(refuse(errno.EINVAL, "Nexthop has invalid gateway"))
    with pytest.raises(HostError, match=r"cannot add a route: Nexthop has invalid gateway; .*\(EINVAL\)") as caught:
        netlink.request(24, 0, b"", "add a route")
    assert not isinstance(caught.value, Hopeless)


def test_a_missing_privilege_is_hopeless() -> None:
    with pytest.raises(Hopeless, match="needs root"):
        Recorder(refuse(errno.EPERM)).request(16, 0, b"", "make the bridge br0")


def test_a_kernel_that_does_not_answer_is_waited_for_so_long_and_no_longer() -> None:
    with Netlink() as netlink:
        assert netlink._socket.getsockopt(SOL_SOCKET, SO_RCVTIMEO, 16) != bytes(16)
        netlink._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("@ll", 0, 1000))
        with pytest.raises(BlockingIOError) as refused:
            netlink._socket.recv(1)
    assert "does not answer in time" in str(refusal("look", refused.value))
