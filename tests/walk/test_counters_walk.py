"""Random walks of what an agent counts: whatever is killed or lost, and in whatever order, totals never fall.

The server of this walk sums over epochs and forgives nothing: within an epoch it takes no value that is lower than the
one before. Where nothing but the agent and processes are killed, the sum is also close to the truth: it lacks what
nobody could read, and exceeds it by no more than what was reported and not yet kept on disk.
"""

from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired, uuid
from tests.fakes.haproxy import FakeHaproxy
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.counters import load_counters
from evenload.agent.loop import Agent
from evenload.model.desired import Desired, Health, Statistics
from evenload.model.errors import HostError
from evenload.render.options import RenderOptions

LISTENER = uuid(3)


class SummingServer(TableServer):
    def __init__(self) -> None:
        super().__init__()
        self.epochs: dict[str, Statistics] = {}

    def health(self, healths: Sequence[Health]) -> None:
        super().health(healths)
        for health in healths:
            if LISTENER in health.statistics:
                now, before = health.statistics[LISTENER], self.epochs.get(health.epoch, Statistics())
                assert now.total_connections >= before.total_connections >= 0
                assert now.bytes_in >= before.bytes_in >= 0
                self.epochs[health.epoch] = now

    @property
    def total(self) -> int:
        return sum(each.total_connections for each in self.epochs.values())


class CountersWalk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock, self.server, self.host = StillClock(), SummingServer(), FakeHost(lingering=True)
        self.agent = self.start()
        self.desired: Desired = make_desired()
        self.before = 0
        self.truth = 0
        self.counted_twice = 0
        self.only_kills = True

    def start(self) -> Agent:
        self.host.close()
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock)
        return self.agent

    def run(self) -> None:
        while self.agent.run_due():
            pass

    @initialize()
    def begin(self) -> None:
        self.server.put(self.desired)
        self.agent.resync()
        self.run()

    @property
    def processes(self) -> list[FakeHaproxy]:
        place = self.host.places[BALANCER]
        return [*place.finishing, *([place.process] if place.process is not None else [])]

    @rule(which=st.integers(0, 2), connections=st.integers(1, 9), looks=st.integers(0, 2))
    def traffic(self, which: int, connections: int, looks: int = 0) -> None:
        for process in self.processes[which : which + 1]:
            total = process.traffic.get(LISTENER, Statistics()).total_connections + connections
            process.traffic[LISTENER] = Statistics(total_connections=total, bytes_in=10 * total)
            self.truth += connections
        for _ in range(looks):
            self.look(1.0)

    @rule()
    def look_later(self) -> None:
        self.look(6.0)

    def look(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.agent.monitoring.look()

    @rule()
    def work(self) -> None:
        self.clock.advance(1.0)
        self.run()

    @rule()
    def reload(self) -> None:
        number = self.desired.generation % 2
        self.desired = changed(self.desired, listeners=(listener(), listener(1 + number)))
        self.server.put(self.desired)
        self.agent.hint(BALANCER, self.desired.generation)
        self.run()

    @rule()
    def finish(self) -> None:
        host_damage.finish(self.host, BALANCER)

    @rule()
    def kill_haproxy(self) -> None:
        host_damage.kill_haproxy(self.host, BALANCER)

    @rule(unresponsive=st.booleans())
    def hang(self, unresponsive: bool) -> None:
        for process in self.processes[-1:]:
            process.deaf = unresponsive

    @rule()
    def restart_the_agent(self) -> None:
        self.agent.monitoring.stop()
        self.adopt()

    @rule(haproxy_too=st.booleans())
    def kill_the_agent(self, haproxy_too: bool) -> None:
        self.counted_twice += self.reported_and_not_kept() if self.only_kills else 0
        if haproxy_too:
            host_damage.kill_haproxy(self.host, BALANCER)
        self.adopt()

    def reported_and_not_kept(self) -> int:
        kept = self.host.load_counters(BALANCER)
        totals = load_counters(kept).totals([LISTENER]) if kept is not None else {LISTENER: Statistics()}
        newest = list(self.server.epochs.values())[-1:]
        return max(0, sum(each.total_connections for each in newest) - totals[LISTENER].total_connections)

    def adopt(self) -> None:
        self.start()
        self.agent.resync()
        self.run()
        self.look(1.0)

    @rule(away=st.booleans())
    def lose_the_server(self, away: bool) -> None:
        self.server.away = away

    @rule(after=st.integers(0, 3))
    def fill_the_disk(self, after: int) -> None:
        """The next thing that is done to the host fails, be it that counters are kept."""
        self.only_kills = False
        self.host.fail(after=after, error=HostError("no space left on device"))

    @rule(content=st.sampled_from([None, "{", "{}"]))
    def lose_the_counters(self, content: str | None) -> None:
        self.only_kills = False
        directory = self.host.places[BALANCER].directory
        if directory is not None:
            directory.counters = content

    @rule()
    def lose_the_state_directory(self) -> None:
        self.only_kills = False
        host_damage.lose_directory(self.host, BALANCER)

    @invariant()
    def totals_never_fall(self) -> None:
        assert self.server.total >= self.before
        self.before = self.server.total

    @precondition(lambda self: self.only_kills)
    @invariant()
    def nothing_is_counted_twice_but_what_was_not_kept(self) -> None:
        assert self.server.total <= self.truth + self.counted_twice

    def teardown(self) -> None:
        """Left alone, it counts on from where it is."""
        self.host.heal()
        self.server.away = False
        for process in self.processes:
            process.deaf = False
        for _ in range(40):
            self.clock.advance(5.0)
            self.agent.resync()
            self.run()
        self.agent.monitoring.look()
        self.totals_never_fall()
        before = self.server.total
        self.traffic(len(self.processes) - 1, 7)
        self.agent.monitoring.look()
        assert self.server.total == before + 7


CountersWalk.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


TestCountersWalk = CountersWalk.TestCase
