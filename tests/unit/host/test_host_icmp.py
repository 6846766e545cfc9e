"""Which question the pinger asks when, and what its work grows with. Nothing is sent; answers are those of the test."""

import queue
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.counting import steps
from tests.waiting import NET

from evenload.host.icmp import Pinger
from evenload.model.desired import PingTarget
from evenload.model.verdict import Verdict

HOUR = 3600
LB = "lb"


class Recorder(Pinger):
    """``asked``: (address, packet) of every question."""

    def __init__(self) -> None:
        super().__init__(lambda load_balancer_id: Path("/nowhere"))
        self.asked: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.site: object = None

    def _socket(self, site: object, family: int) -> "Recorder":  # type: ignore[override]
        self.site = site
        return self

    def sendto(self, packet: bytes, place: tuple[str, int]) -> None:
        self.asked.put((place[0], packet))

    def next(self) -> str:
        return self.asked.get(timeout=NET)[0]


@pytest.fixture
def pinger() -> Iterator[Recorder]:
    pinger = Recorder()
    yield pinger
    pinger.close()


def target(number: int = 0, **more: int) -> PingTarget:
    times = {"delay": HOUR, "timeout": HOUR, "rise": 1, "fall": 1} | more
    return PingTarget(monitor="ping", member=f"m{number}", address=f"192.0.2.{number}", **times)


def ignore(load_balancer_id: str, verdict: Verdict) -> None:
    pass


def test_times_that_are_shortened_hold_at_once(pinger: Recorder) -> None:
    verdicts: queue.Queue[Verdict] = queue.Queue()
    pinger.ping(LB, [target()], lambda _, verdict: verdicts.put(verdict))
    pinger.next()
    shorter = target(timeout=1)
    pinger.ping(LB, [shorter], lambda _, verdict: verdicts.put(verdict))
    assert not verdicts.get(timeout=NET).up  # the question of before counts as lost by the new timeout
    pinger.ping(LB, [replace(shorter, delay=1)], lambda _, verdict: verdicts.put(verdict))
    assert pinger.next() == shorter.address  # and the next one is asked by the new delay


def test_times_that_are_lengthened_hold_at_once() -> None:
    pinger = Recorder()
    try:
        pinger.ping(LB, [target(delay=1, timeout=1)], ignore)
        pinger.next()
        pinger.ping(LB, [target(), target(1, delay=1, timeout=1)], ignore)
        assert [pinger.next() for _ in range(3)] == ["192.0.2.1"] * 3
    finally:
        pinger.close()


def test_probes_that_are_no_longer_made_leave_nothing_behind(pinger: Recorder) -> None:
    for number in range(200):
        pinger.ping(LB, [target(number)], ignore)
        pinger.next()
    pinger.ping(LB, [target(201, delay=1, timeout=1)], ignore)
    pinger.next()
    pinger.next()  # one turn later
    assert len(pinger._due) < 100


def test_answers_cost_what_they_are_not_what_is_pinged() -> None:
    assert work_of_answers(400) < 5 * work_of_answers(100)


def work_of_answers(size: int) -> int:
    """Steps that the answers of so many members cost."""
    pinger = Recorder()
    try:
        pinger.ping(LB, [target(number) for number in range(size)], ignore)
        wire: Any = Wire([reply_to(*pinger.asked.get(timeout=NET)) for _ in range(size)])
        site: Any = pinger.site

        def answer() -> None:
            news = pinger._receive([(site, wire)])
            assert len(news) == size
            for each in news:
                pinger._tell(*each)

        return steps(answer)
    finally:
        pinger.close()


class Wire:
    """A socket with these packets in it."""

    family = socket.AF_INET

    def __init__(self, packets: list[tuple[bytes, tuple[str, int]]]) -> None:
        self._packets = packets

    def fileno(self) -> int:
        return 0

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        if not self._packets:
            raise BlockingIOError
        return self._packets.pop()


def reply_to(address: str, packet: bytes) -> tuple[bytes, tuple[str, int]]:
    """With an IP header of no interest."""
    return b"\x45" + bytes(19) + b"\x00" + packet[1:], (address, 0)


class Reading(Recorder):
    """``between``: how many questions were asked from one look for answers to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.since = 0
        self.between: list[int] = []

    def sendto(self, packet: bytes, place: tuple[str, int]) -> None:
        self.since += 1
        super().sendto(packet, place)

    def _receive(self, found: Any) -> Any:
        self.between.append(self.since)
        self.since = 0
        return super()._receive(found)


def test_answers_are_read_before_they_are_more_than_a_socket_has_room_for() -> None:
    pinger = Reading()
    try:
        pinger.ping(LB, [target(number) for number in range(240)], ignore)
        for _ in range(240):
            pinger.next()
    finally:
        pinger.close()
    assert max([*pinger.between, pinger.since]) <= 50


def test_what_is_due_costs_the_same_beside_many_load_balancers() -> None:
    assert work_beside(400) < 1.5 * work_beside(10)


def work_beside(others: int) -> int:
    """Steps of a turn in which nothing is due."""
    pinger = Recorder()
    try:
        for number in range(others):
            pinger.ping(f"lb{number}", [target()], ignore)
            pinger.next()
        with pinger._thread.lock:
            return steps(lambda: pinger._turn(0.0))
    finally:
        pinger.close()
