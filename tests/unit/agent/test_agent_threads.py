"""The agent's threads: different load balancers in parallel, one never twice at once, and a clean stop."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.fakes import host_damage
from tests.fakes.desired import make_desired, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer
from tests.waiting import NET, ThreadsSince, eventually

from evenload.agent.loop import Agent
from evenload.agent.settings import AgentSettings
from evenload.model.desired import Desired, Gone, Report, Unreadable
from evenload.render.options import RenderOptions

LONG = NET
FIRST, SECOND = uuid(1), uuid(1, 1)


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class GatedServer(TableServer):
    """A fetch of ``FIRST``, or of any where ``all_wait``, waits at the gate; ``arrived`` counts those that came to it,
    ``told`` hands out reports."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.inside = 0
        self.all_wait = False
        self.most_inside = 0
        self.told: queue.Queue[Report] = queue.Queue()

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        if self.all_wait or FIRST in load_balancer_ids:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.arrived.release()
            assert self.gate.wait(LONG)
            self.inside -= 1
        return super().fetch(load_balancer_ids)

    def report(self, report: Report) -> None:
        super().report(report)
        self.told.put(report)


@pytest.fixture
def server() -> GatedServer:
    return GatedServer()


@pytest.fixture
def threads() -> ThreadsSince:
    return ThreadsSince()


@pytest.fixture
def agent(threads: ThreadsSince, server: GatedServer) -> Iterator[Agent]:
    settings = AgentSettings(workers=4, resync_interval=3600.0, statistics_interval=3600.0)
    agent = Agent(server, FakeHost(), RenderOptions(state_dir="/run/x"), RealClock(), settings)
    agent.start()
    assert eventually(lambda: server.resyncs)  # so the one of its start sees nothing of what the test does
    yield agent
    server.gate.set()
    agent.stop()


def named(identifier: str) -> Desired:
    made = make_desired()
    return replace(made, load_balancer=replace(made.load_balancer, id=identifier))


def test_one_that_takes_long_does_not_keep_the_others(server: GatedServer, agent: Agent) -> None:
    for identifier in (FIRST, SECOND):
        server.put(named(identifier))
        agent.hint(identifier, 1)
    assert server.arrived.acquire(timeout=LONG)
    assert server.told.get(timeout=LONG).load_balancer_id == SECOND
    server.gate.set()
    assert server.told.get(timeout=LONG).load_balancer_id == FIRST


def test_hints_during_a_round_make_one_more_round_after_it(server: GatedServer, agent: Agent) -> None:
    server.put(named(FIRST))
    agent.hint(FIRST, 1)
    assert server.arrived.acquire(timeout=LONG)
    for generation in range(2, 9):
        agent.hint(FIRST, generation)
    server.put(replace(named(FIRST), generation=8))
    server.gate.set()
    while server.told.get(timeout=LONG).generation != 8:
        pass
    assert server.most_inside == 1
    assert server.fetches <= 2


def test_it_stops_while_nothing_is_to_do_and_starts_again(
    threads: ThreadsSince, server: GatedServer, agent: Agent
) -> None:
    server.gate.set()
    agent.stop()
    assert threads.named("agent-") == []
    agent.start()
    server.put(named(SECOND))
    agent.hint(SECOND, 1)
    assert server.told.get(timeout=LONG).load_balancer_id == SECOND


def test_a_death_is_repaired_while_the_server_keeps_every_hint_waiting(server: GatedServer, agent: Agent) -> None:
    server.put(named(SECOND))
    agent.hint(SECOND, 1)
    assert server.told.get(timeout=LONG).load_balancer_id == SECOND
    host = agent._host
    assert isinstance(host, FakeHost)
    server.all_wait = True
    for number in range(9):
        agent.hint(uuid(1, 10 + number), 1)
    assert server.arrived.acquire(timeout=LONG)
    before = host.places[SECOND].process
    assert host_damage.kill_haproxy(host, SECOND)
    assert eventually(lambda: host.places[SECOND].process not in (None, before))
