"""Random walks of an agent over a host in memory.

Whatever the order of changes, failures and damage: once the agent is left alone it brings the host to the very state
that building the last desired state from nothing gives, letter by letter; and what is gone leaves nothing.
"""

from dataclasses import replace
from enum import Enum
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import (
    BALANCER,
    changed,
    disabled,
    failed_over,
    ip,
    listener,
    make_desired,
    member,
    monitor,
    pool,
    port,
    route,
    uuid,
)
from tests.fakes.haproxy import FakeHaproxy
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.settings import AgentSettings
from evenload.model.balancer import SessionPersistence, Vip
from evenload.model.desired import Desired, DesiredPort, Gone, Outcome
from evenload.model.enums import Algorithm, MonitorType, PersistenceType
from evenload.model.errors import HostError
from evenload.model.observed import HostRoute
from evenload.model.verdict import Verdict
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_monitors import serves
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
LONGEST = 2000

PORTS = (
    port(),
    port(ip(), ip("2001:db8::5/64", "2001:db8::1")),
    port(ip("10.0.0.6", None, host_routes=(route("0.0.0.0/0", "10.0.0.9"), route("10.8.0.0/16", "10.0.0.8")))),
    port(ip("10.0.0.5/32", "192.0.2.1"), mtu=1400),
    port(ip("10.0.0.5"), vlan=7),
    port(ip("10.0.3.5", "10.0.3.1"), number=1),
)
DAMAGES = (
    host_damage.kill_haproxy,
    host_damage.lose_namespace,
    host_damage.lose_device,
    host_damage.take_down,
    host_damage.unplug_from_bridge,
    host_damage.change_mac,
    host_damage.lose_addresses,
    host_damage.edit_config,
    host_damage.lose_config,
    host_damage.lose_memory,
    host_damage.lose_directory,
    host_damage.drop_servers,
    host_damage.change_vetoes,
    lambda host, key: host_damage.add_address(host, key, "10.0.0.77/24"),
    lambda host, key: host_damage.add_foreign_device(host, key, "eth7"),
    lambda host, key: host_damage.change_servers(host, key, 42),
    lambda host, key: host_damage.add_route(host, key, HostRoute(destination="10.99.0.0/16", nexthop="10.0.0.1")),
)


class Bench:
    """One agent with its host and its server, driven step by step in this thread."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.server = TableServer()
        self.host = FakeHost()
        self.agent = self._agent()

    def restart(self) -> None:
        self.host.close()
        self.agent = self._agent()

    def run_due(self) -> None:
        """Performs what is due now."""
        for _ in range(LONGEST):
            if not self.agent.run_due():
                return
        raise AssertionError("a round asks for itself again and again")

    def settle(self) -> None:
        """Lets time pass until the agent wants nothing more."""
        for _ in range(LONGEST):
            if self.agent.run_due():
                continue
            if self.agent.settled():
                return
            self.clock.advance(1.0)
        raise AssertionError("the agent never comes to rest")

    @property
    def process(self) -> FakeHaproxy | None:
        place = self.host.places.get(BALANCER)
        return place.process if place is not None else None

    def _agent(self) -> Agent:
        return Agent(self.server, self.host, OPTIONS, self.clock, AgentSettings())


def from_nothing(wanted: Desired) -> str:
    bench = Bench()
    bench.server.put(wanted)
    bench.agent.hint(BALANCER, wanted.generation)
    bench.settle()
    assert bench.server.outcomes == [(wanted.generation, Outcome.DONE)]
    return str(bench.host)


class Way(Enum):
    """How a change reaches the agent."""

    UNHEARD = "its hint is lost"
    HINTED = "it waits"
    DONE_AT_ONCE = "the agent works on it at once"


ways = st.sampled_from([Way.DONE_AT_ONCE, Way.HINTED, Way.UNHEARD])
members = st.lists(
    st.builds(
        member,
        st.integers(0, 4),
        st.integers(0, 1),
        weight=st.integers(0, 3),
        admin_state_up=st.booleans(),
        backup=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda each: each.id,
)


class AgentWalk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.last: Desired = make_desired()

    @initialize()
    def begin(self) -> None:
        self.bench.server.put(self.last)
        self.bench.agent.hint(BALANCER, self.last.generation)

    def put(self, wanted: Desired, way: Way) -> None:
        self.last = wanted
        self.bench.server.put(wanted)
        if way is not Way.UNHEARD:
            self.bench.agent.hint(BALANCER, wanted.generation)
        if way is Way.DONE_AT_ONCE:
            self.bench.run_due()

    @rule(chosen=members, way=ways)
    def change_members(self, chosen: list[Any], way: Way) -> None:
        self.put(changed(self.last, members=tuple(chosen)), way)

    @rule(chosen=st.permutations(range(5)), way=ways)
    def reorder_members(self, chosen: list[int], way: Way) -> None:
        kept = {each.id: each for each in self.last.members}
        order = [uuid(5, number) for number in chosen]
        self.put(changed(self.last, members=tuple(kept[key] for key in order if key in kept)), way)

    @rule(
        numbers=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, 0, 1]), st.booleans()), max_size=3),
        timeout=st.sampled_from([50_000, 9_000]),
        way=ways,
    )
    def change_listeners(self, numbers: list[tuple[int, int | None, bool]], timeout: int, way: Way) -> None:
        chosen = {
            number: listener(number, target, admin_state_up=up, timeout_member_data=timeout + 1000 * number)
            for number, target, up in numbers
        }
        self.put(changed(self.last, listeners=tuple(chosen.values())), way)

    @rule(
        algorithm=st.sampled_from(list(Algorithm)),
        kept=st.sampled_from([None, PersistenceType.SOURCE_IP, PersistenceType.HTTP_COOKIE]),
        up=st.booleans(),
        way=ways,
    )
    def change_pools(self, algorithm: Algorithm, kept: PersistenceType | None, up: bool, way: Way) -> None:
        persistence = SessionPersistence(type=kept) if kept is not None else None
        first = pool(0, algorithm=algorithm, session_persistence=persistence)
        self.put(changed(self.last, pools=(first, pool(1, admin_state_up=up))), way)

    @rule(
        chosen=st.lists(st.tuples(st.sampled_from(list(MonitorType)), st.integers(0, 2), st.booleans()), max_size=3),
        which=st.integers(0, 1),
        way=ways,
    )
    def change_monitors(self, chosen: list[tuple[MonitorType, int, bool]], which: int, way: Way) -> None:
        others = tuple(each for each in self.last.monitors if each.pool_id != uuid(4, which))
        mine = {number: monitor(which, kind, number, admin_state_up=up) for kind, number, up in chosen}
        self.put(changed(self.last, monitors=others + tuple(mine.values())), way)

    @rule(chosen=st.sampled_from(PORTS), way=ways)
    def change_port(self, chosen: DesiredPort, way: Way) -> None:
        vips = tuple(Vip(address=each.address, subnet_id=uuid(8)) for each in chosen.ips)
        balancer = replace(self.last.load_balancer, port_id=chosen.id, vips=vips)
        self.put(changed(self.last, port=chosen, load_balancer=balancer), way)

    @rule(way=ways)
    def change_admin_state(self, way: Way) -> None:
        down = self.last.load_balancer.admin_state_up
        balancer = replace(self.last.load_balancer, admin_state_up=True)
        self.put(disabled(self.last) if down else changed(self.last, load_balancer=balancer), way)

    @rule(way=ways)
    def fail_over(self, way: Way) -> None:
        self.put(failed_over(self.last), way)

    @rule(damages=st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3), first=st.booleans())
    def damage(self, damages: list[Any], first: bool) -> None:
        if first:
            self.bench.run_due()
        if BALANCER in self.bench.host.places:
            for each in damages:
                each(self.bench.host, BALANCER)

    @rule(after=st.integers(0, 12), effect=st.booleans())
    def fail_later(self, after: int, effect: bool) -> None:
        self.bench.host.fail(after=after, error=HostError("told to fail"), effect=effect)

    @rule(away=st.booleans())
    def lose_the_server(self, away: bool) -> None:
        self.bench.server.away = away

    @rule()
    def restart_the_agent(self) -> None:
        self.bench.restart()

    @rule()
    def resync(self) -> None:
        self.bench.agent.resync()

    @rule(rounds=st.integers(1, 3), seconds=st.floats(0, 40))
    def work(self, rounds: int, seconds: float) -> None:
        self.bench.clock.advance(seconds)
        for _ in range(rounds):
            self.bench.agent.run_due()

    @precondition(lambda self: self.bench.host.places.get(BALANCER) is not None)
    @rule(up=st.booleans())
    def answer_pings(self, up: bool) -> None:
        place = self.bench.host.places[BALANCER]
        if place.on_verdict is not None:
            for target in place.targets:
                place.on_verdict(BALANCER, Verdict(monitor=target.monitor, member=target.member, up=up))

    @precondition(lambda self: self.bench.process is not None)
    @rule(which=st.integers(0, 7), passing=st.booleans(), look=st.booleans())
    def check(self, which: int, passing: bool, look: bool) -> None:
        servers = list(self.bench.process.servers.values()) if self.bench.process is not None else []
        for server in servers[which : which + 1]:
            server.judge(passing)
        if look:
            self.bench.agent.monitoring.look()

    @invariant()
    def no_more_than_one_process(self) -> None:
        place = self.bench.host.places.get(BALANCER)
        assert place is None or not place.finishing

    def look(self) -> None:
        self.bench.agent.monitoring.look()
        self.bench.settle()

    def no_member_serves_that_a_further_check_fails(self) -> None:
        servers = self.bench.process.servers if self.bench.process is not None else {}
        failing = {
            (pool_of(backend), name)
            for (backend, name), server in servers.items()
            if not serves(backend) and not server.passing
        }
        for (backend, name), server in servers.items():
            if serves(backend) and not server.maintenance:
                assert not (server.up and (pool_of(backend), name) in failing)

    def teardown(self) -> None:
        bench = self.bench
        bench.host.heal()
        bench.server.away = False
        bench.agent.resync()
        bench.settle()
        self.look()
        self.no_member_serves_that_a_further_check_fails()
        place = bench.host.places[BALANCER]
        if place.on_verdict is not None:
            for target in place.targets:
                place.on_verdict(BALANCER, Verdict(monitor=target.monitor, member=target.member, up=True))
        for server in bench.process.servers.values() if bench.process is not None else ():
            server.judge(True)
        self.look()
        # A look at what damage the settled memory could not know of.
        bench.agent.resync()
        bench.settle()
        assert not [report for report in bench.server.reports if "internal fault" in (report.reason or "")]
        assert str(bench.host) == from_nothing(self.last)
        assert bench.server.outcomes[-1] == (self.last.generation, Outcome.DONE)
        bench.server.put(Gone(load_balancer_id=BALANCER, generation=self.last.generation + 1))
        bench.agent.hint(BALANCER, self.last.generation + 1)
        bench.settle()
        assert str(bench.host) == ""
        assert bench.server.outcomes[-1] == (self.last.generation + 1, Outcome.DONE)


AgentWalk.TestCase.settings = settings(
    max_examples=250,
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


TestAgentWalk = AgentWalk.TestCase
