"""ICMP packets, and when answers and losses change a verdict."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenload.host.icmp_echo import Echo, Streak, advance, parse_reply, render_request

ECHO = Echo(identifier=0x1234, sequence=7, token=b"12345678")
IP_HEADER = b"\x45" + bytes(19)


def verdicts(answers: str, rise: int, fall: int) -> str:
    """``+`` an answer, ``-`` a loss; the verdicts as ``U``, ``D``, or ``.`` for none."""
    streak, said = Streak(), ""
    for answer in answers:
        streak, verdict = advance(streak, answer == "+", rise, fall)
        said += "." if verdict is None else "U" if verdict else "D"
    return said


@pytest.mark.parametrize(
    ("answers", "rise", "fall", "said"),
    [
        ("+", 1, 1, "U"),
        ("-", 1, 1, "D"),
        ("+++", 3, 3, "..U"),
        ("---", 3, 3, "..D"),
        ("++-+++", 3, 3, ".....U"),
        ("+-+-+-", 2, 2, "......"),
        ("+--+--", 1, 3, "U....."),
        ("+---", 1, 3, "U..D"),
        ("+---++", 2, 3, "...D.U"),
        ("++--+++", 2, 2, ".U.D.U."),
        ("+++--", 1, 2, "U...D"),
    ],
)
def test_verdicts(answers: str, rise: int, fall: int, said: str) -> None:
    assert verdicts(answers, rise, fall) == said


@given(st.text(alphabet="+-"), st.integers(1, 10), st.integers(1, 10))
def test_a_verdict_comes_with_so_many_in_a_row_and_only_when_it_changes(answers: str, rise: int, fall: int) -> None:
    said = verdicts(answers, rise, fall)
    last = ""
    for place, verdict in enumerate(said):
        if verdict == "U":
            assert answers[: place + 1].endswith("+" * rise)
        if verdict == "D":
            assert answers[: place + 1].endswith("-" * fall)
        if verdict != ".":
            assert verdict != last
            last = verdict
    if answers.endswith("+" * rise):
        assert last == "U"
    if answers.endswith("-" * fall):
        assert last == "D"


def test_an_echo_of_version_4_adds_up() -> None:
    packet = render_request(socket.AF_INET, ECHO)
    assert packet[:2] == b"\x08\x00"
    total = sum(int.from_bytes(packet[place : place + 2]) for place in range(0, len(packet), 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_replies_are_read_back() -> None:
    four = bytearray(render_request(socket.AF_INET, ECHO))
    assert parse_reply(socket.AF_INET, IP_HEADER + four) is None  # the question itself
    four[0] = 0
    assert parse_reply(socket.AF_INET, IP_HEADER + four) == ECHO
    assert parse_reply(socket.AF_INET, b"\x46" + bytes(23) + four) == ECHO  # with an IP option
    six = bytearray(render_request(socket.AF_INET6, ECHO))
    assert parse_reply(socket.AF_INET6, bytes(six)) is None
    six[0] = 129
    assert parse_reply(socket.AF_INET6, bytes(six)) == ECHO


@given(st.binary(max_size=80), st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_any_packet_may_come(packet: bytes, family: socket.AddressFamily) -> None:
    reply = parse_reply(family, packet)
    assert reply is None or len(reply.token) < len(packet)
