"""A look at an agent through its socket: who may, what comes back, and what is said where nobody is there."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.unix_sockets import MINE, NOT_MINE, stream_socket
from tests.waiting import NET

from evenload.bus.looking import OutOfSight, SightGate, find_listener, look_at
from evenload.model.sight import Flow, SeenBalancer, SeenCheck, SeenMember, SeenParts, Sight
from evenload.payloads.documents import UnknownContent
from evenload.payloads.sights import pack_question, pack_sight, read_question, read_sight
from evenload.threads import Faults

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
FLOW = Flow(connections=1, total=5, per_second=0.5, bytes_in=10.0, bytes_out=20.0)
CHECK = SeenCheck(monitor="h", up=False, reason="Connection refused", latency=0.1, when=NOW)
PARTS = SeenParts(
    statuses={"m": "ERROR"},
    listeners={"l": FLOW},
    members={"m": SeenMember(words="DOWN", since=NOW, flow=FLOW, checks=(CHECK,))},
    finishing=1,
)
BALANCER = SeenBalancer(
    id="b", generation=3, pid=7, worker=2, answers=True, failures=1, reason="no bridge", status="ERROR", flow=FLOW,
    members={"ERROR": 1}, parts=PARTS,
)  # fmt: skip


class Site:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str | None] = []
        self.faults = Faults()

    def answer(self, load_balancer_id: str | None) -> Sight:
        self.asked.append(load_balancer_id)
        if load_balancer_id == "broken":
            raise RuntimeError("broken")
        found = () if load_balancer_id is None else (BALANCER,)
        return Sight(name="edge-1", version="1", started_at=NOW, connected=True, faults={"x": 1}, balancers=found)

    def open(self, users: frozenset[int] = MINE) -> SightGate:
        gate = SightGate(stream_socket(self.path), users, self.answer, self.faults)
        gate.start()
        return gate


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "look")


@pytest.fixture
def gate(site: Site) -> Iterator[SightGate]:
    gate = site.open()
    yield gate
    gate.stop()


@pytest.mark.usefixtures("gate")
def test_what_is_seen_crosses_whole(site: Site) -> None:
    sight, pid = look_at(site.path, MINE, "b", NET)
    assert (sight, pid) == (site.answer("b"), os.getpid())
    sight, _ = look_at(site.path, MINE, None, NET)
    assert (sight.balancers, site.asked) == ((), ["b", "b", None])
    assert find_listener(site.path, NET).pid == os.getpid()


def test_a_stranger_is_shown_nothing(site: Site) -> None:
    gate = site.open(NOT_MINE)
    try:
        with pytest.raises(OutOfSight, match="closed"):
            look_at(site.path, MINE, None, NET)
        with pytest.raises(OutOfSight, match="is not the agent's"):
            look_at(site.path, NOT_MINE, None, NET)
    finally:
        gate.stop()
    assert site.asked == []


@pytest.mark.usefixtures("gate")
def test_it_goes_on_after_a_fault_and_after_what_is_no_question(site: Site) -> None:
    with pytest.raises(OutOfSight):
        look_at(site.path, MINE, "broken", NET)
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(site.path))
        rude.sendall(b"\xff" * 8)
    with socket.socket(socket.AF_UNIX) as hasty:
        hasty.connect(str(site.path))
    assert look_at(site.path, MINE, None, NET)[0].name == "edge-1"
    assert sum(site.faults.counts.values()) == 1


def test_what_is_not_there_is_said_so(site: Site) -> None:
    with pytest.raises(OutOfSight, match="does not run"):
        look_at(site.path, MINE, None, NET)
    stream_socket(site.path).close()
    with pytest.raises(OutOfSight, match="does not run"):
        find_listener(site.path, NET)


def test_one_that_listens_and_says_nothing_is_told_from_one_that_is_away(site: Site) -> None:
    with stream_socket(site.path) as silent:
        silent.listen()
        with pytest.raises(OutOfSight, match="did not answer within") as caught:
            look_at(site.path, MINE, None, 0.05)
    assert caught.value.pid == os.getpid()


def test_another_version_says_less_or_more() -> None:
    assert read_question(b'{"load_balancer": "b", "later": 1}') == "b"
    least = b'{"name": "a", "version": "9", "started_at": "2026-11-29T12:00:00Z", "connected": false, "new": [1]}'
    assert read_sight(least).balancers == ()
    for content in (b"", b"[]", b'{"name": 1}'):
        with pytest.raises(UnknownContent):
            read_sight(content)
    with pytest.raises(UnknownContent):
        read_question(b'{"load_balancer": 7}')
    assert read_question(pack_question(None)) is None
    assert pack_sight(read_sight(least)).startswith(b'{"name":"a"')
