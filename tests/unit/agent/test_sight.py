"""What is shown of what monitoring holds: rates of two looks, statuses, last checks, and no question to HAProxy."""

from collections.abc import Callable

import pytest
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired, monitor, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.counters import Counters
from evenload.agent.health import Judged
from evenload.agent.loop import Agent
from evenload.agent.trail import Trail
from evenload.model.desired import ProxyStatistics, Statistics
from evenload.model.errors import HostError
from evenload.model.sight import SeenBalancer
from evenload.render.options import RenderOptions

LISTENER, POOL, FIRST, SECOND = uuid(3), uuid(4), uuid(5), uuid(5, 1)


class World:
    def __init__(self) -> None:
        self.clock, self.server, self.host = StillClock(), TableServer(), FakeHost(lingering=True)
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock)
        self.apply(make_desired(monitors=(monitor(),)))

    def apply(self, wanted: object) -> None:
        self.server.put(wanted)  # type: ignore[arg-type]
        self.agent.resync()
        for _ in range(40):
            while self.agent.run_due():
                pass
            self.clock.advance(1.0)

    def look(self, seconds: float = 2.0) -> None:
        self.clock.advance(seconds)
        self.agent.monitoring.look()

    def traffic(self, total: int, active: int = 0) -> None:
        process = self.host.places[BALANCER].process
        assert process is not None
        process.traffic[LISTENER] = Statistics(
            bytes_in=10 * total, bytes_out=100 * total, total_connections=total, active_connections=active
        )

    @property
    def seen(self) -> SeenBalancer:
        [seen] = self.agent.sights(BALANCER)
        assert seen.parts is not None
        return seen


@pytest.fixture
def world() -> World:
    return World()


def test_before_the_first_look_there_is_little_to_say(world: World) -> None:
    [seen] = world.agent.sights(BALANCER)
    assert (seen.generation, seen.worker, seen.answers, seen.status, seen.parts) == (1, 1, None, None, None)
    assert seen.pid is not None
    assert world.agent.sights(uuid(1, 7)) == ()


def test_a_rate_is_made_of_two_looks_and_falls_to_nothing_where_nothing_comes(world: World) -> None:
    world.traffic(10, active=3)
    world.look()
    assert (world.seen.flow.total, world.seen.flow.connections, world.seen.flow.per_second) == (10, 3, None)
    world.traffic(30, active=4)
    world.look(2.0)
    flow = world.seen.flow
    assert (flow.per_second, flow.bytes_in, flow.bytes_out, flow.connections) == (10.0, 100.0, 1000.0, 4)
    assert world.seen.parts is not None
    assert world.seen.parts.listeners == {LISTENER: flow}
    world.traffic(30)
    for _ in range(3):
        world.look()
        assert world.seen.flow.per_second == 0.0


def test_all_are_shown_without_parts(world: World) -> None:
    world.look()
    [seen] = world.agent.sights(None)
    assert (seen.parts, seen.status, seen.members, seen.answers) == (None, "ONLINE", {"ONLINE": 2}, True)


def test_a_member_that_is_down_is_shown_with_its_check(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    process.servers[POOL, FIRST].judge(False)
    world.look()
    seen = world.seen
    assert (seen.status, seen.members) == ("DEGRADED", {"ERROR": 1, "ONLINE": 1})
    assert seen.parts is not None
    assert seen.parts.statuses[FIRST] == "ERROR"
    assert seen.parts.reasons[FIRST]
    assert (seen.down, seen.why) == ((FIRST, seen.parts.reasons[FIRST]), "1 of 1 pools is not well")
    [check] = seen.parts.members[FIRST].checks
    assert (check.monitor, check.up) == (uuid(6), False)
    assert seen.parts.members[SECOND].checks[0].up


def test_a_process_that_is_dead_does_not_answer(world: World) -> None:
    world.look()
    host_damage.kill_haproxy(world.host, BALANCER)
    world.look()
    world.look()
    assert (world.seen.answers, world.seen.status) == (False, "ERROR")


def test_nothing_is_asked_of_the_host(world: World) -> None:
    world.look()
    before = list(world.host.operations)
    assert world.seen.answers
    world.agent.sights(None)
    assert world.host.operations == before


def test_an_attempt_that_failed_is_shown_with_its_reason(world: World) -> None:
    world.host.fail(error=HostError("the bridge is full"))
    world.server.put(changed(make_desired(monitors=(monitor(),)), listeners=(listener(), listener(1))))
    world.agent.resync()
    while world.agent.run_due():
        pass
    [seen] = world.agent.sights(BALANCER)
    assert (seen.failures, seen.generation) == (1, 1)
    assert seen.reason == "the bridge is full"


def row(server: str, total: int) -> ProxyStatistics:
    return ProxyStatistics(
        proxy=POOL, server=server, status="UP", statistics=Statistics(total_connections=total, bytes_in=total)
    )


def noted(trail: Trail) -> Callable[[float, list[ProxyStatistics]], None]:
    def note(now: float, rows: list[ProxyStatistics]) -> None:
        trail.note(now, Counters("e"), rows, Judged({}, {}), {}, answered=True, workers=1)

    return note


def test_members_of_a_large_pool_have_the_rate_of_the_looks_that_saw_their_rows_anew() -> None:
    trail = Trail()
    note = noted(trail)
    others = [row(f"m{number}", 0) for number in range(100)]
    old, new = [row("m", 10), *others], [row("m", 60), *others]
    for now, rows in ((0.0, old), (1.0, old), (5.0, new), (6.0, new), (9.0, new)):
        note(now, rows)
    assert trail.seen is not None
    assert trail.seen.flows_of_members()[POOL, "m"].per_second == 10.0
    note(16.0, new)
    assert trail.seen.flows_of_members()[POOL, "m"].per_second == 0.0


def test_a_process_that_counts_from_zero_makes_no_rate_below_zero() -> None:
    trail = Trail()
    note = noted(trail)
    note(0.0, [row("m", 1000)])
    note(2.0, [row("m", 8)])
    assert trail.seen is not None
    assert trail.seen.flows_of_members()[POOL, "m"].per_second == 4.0


def test_the_backends_of_one_pool_count_together_and_those_of_checks_not_at_all() -> None:
    trail = Trail()
    second = ProxyStatistics(
        proxy=f"{POOL}:{LISTENER}", server="m", status="UP", statistics=Statistics(active_connections=2)
    )
    check = ProxyStatistics(
        proxy=f"{POOL}:check:{uuid(6)}", server="m", status="UP", statistics=Statistics(active_connections=5)
    )
    first = ProxyStatistics(proxy=POOL, server="m", status="UP", statistics=Statistics(active_connections=1))
    noted(trail)(0.0, [first, second, check])
    assert trail.seen is not None
    assert {key: flow.connections for key, flow in trail.seen.flows_of_members().items()} == {(POOL, "m"): 3}
