"""What is told to the server of statuses and counters: what changed, once."""

from dataclasses import replace

import pytest
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired, monitor, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.counters import load_counters
from evenload.agent.loop import Agent
from evenload.model.desired import Gone, Statistics
from evenload.model.enums import OperatingStatus
from evenload.render.options import RenderOptions

LISTENER, POOL, FIRST = uuid(3), uuid(4), uuid(5)
ONLINE, ERROR = OperatingStatus.ONLINE, OperatingStatus.ERROR


class World:
    def __init__(self) -> None:
        self.clock, self.server, self.host = StillClock(), TableServer(), FakeHost(lingering=True)
        self.agent = self.start()

    def start(self) -> Agent:
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock)
        return self.agent

    def apply(self, wanted: object) -> None:
        assert not isinstance(wanted, int)
        self.server.put(wanted)  # type: ignore[arg-type]
        self.agent.resync()
        self.run()

    def run(self) -> None:
        for _ in range(40):
            while self.agent.run_due():
                pass
            self.clock.advance(1.0)

    def look(self) -> int:
        """Returns how many messages that made."""
        before = len(self.server.heard)
        self.clock.advance(1.0)
        self.agent.monitoring.look()
        return len(self.server.heard) - before

    def traffic(self, connections: int, active: int = 0) -> None:
        process = self.host.places[BALANCER].process
        assert process is not None
        process.traffic[LISTENER] = Statistics(
            bytes_in=10 * connections, total_connections=connections, active_connections=active
        )

    @property
    def counted(self) -> Statistics:
        return [each.statistics[LISTENER] for each in self.server.heard if LISTENER in each.statistics][-1]


@pytest.fixture
def world() -> World:
    world = World()
    world.apply(make_desired(monitors=(monitor(),)))
    return world


def test_statuses_are_told_once(world: World) -> None:
    assert world.look() == 1
    assert world.server.statuses == dict.fromkeys([BALANCER, LISTENER, POOL, FIRST, uuid(5, 1)], ONLINE)
    assert world.look() == 0


def test_another_reason_is_told_though_the_status_is_the_same(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    server = process.servers[POOL, FIRST]
    server.up = server.passing = False
    assert world.look() == 1
    first = world.server.heard[-1]
    assert first.reasons[FIRST] == "a check failed"
    assert world.look() == 0
    server.reason = "no answer in time (L7TOUT)"
    assert world.look() == 1
    told = world.server.heard[-1]
    assert told.statuses == {FIRST: ERROR}
    assert told.reasons == {FIRST: "no answer in time (L7TOUT)"}
    server.up = server.passing = True
    assert world.look() == 1
    assert world.server.heard[-1].reasons == {}


def test_only_what_changed_is_told(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    process.servers[POOL, FIRST].up = False
    assert world.look() == 1
    degraded = OperatingStatus.DEGRADED
    assert world.server.heard[-1].statuses == {FIRST: ERROR, POOL: degraded, BALANCER: degraded}
    assert world.server.heard[-1].statistics == {}


def test_everything_is_said_again_after_a_change_and_now_and_then(world: World) -> None:
    world.look()
    world.apply(changed(make_desired(monitors=(monitor(),))))
    assert world.look() == 1
    assert len(world.server.heard[-1].statuses) == 5
    assert world.look() == 0
    world.clock.advance(300.0)
    assert world.look() == 1
    assert len(world.server.heard[-1].statuses) == 5


def test_what_was_not_heard_is_said_again(world: World) -> None:
    world.server.away = True
    assert world.look() == 0
    world.server.away = False
    assert world.look() == 1
    assert world.server.statuses[BALANCER] is ONLINE


def test_a_process_that_is_just_being_replaced_is_no_news_a_dead_one_is(world: World) -> None:
    world.look()
    host_damage.kill_haproxy(world.host, BALANCER)
    assert world.look() == 0
    assert world.look() == 1
    assert world.server.statuses[LISTENER] is ERROR


def test_a_process_that_was_told_to_finish_a_moment_ago_is_no_news_one_that_no_other_follows_is(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    for _ in range(3):
        process.finishing = True
        assert world.look() == 0
        process.finishing = False
        assert world.look() == 0
    process.finishing = True
    assert [world.look(), world.look(), world.look()] == [0, 1, 0]
    assert world.server.statuses[LISTENER] is ERROR
    assert world.server.statuses[POOL] is ONLINE
    process.finishing = False
    assert world.look() == 1
    assert world.server.statuses[LISTENER] is ONLINE


def test_counters_outlive_reloads_deaths_and_restarts_of_the_agent(world: World) -> None:
    world.traffic(5, active=2)
    world.look()
    assert (world.counted.total_connections, world.counted.active_connections) == (5, 2)
    world.apply(changed(make_desired(monitors=(monitor(),)), listeners=(listener(), listener(1))))
    world.traffic(3)
    world.look()
    assert world.counted.total_connections == 8
    host_damage.finish(world.host, BALANCER)
    host_damage.kill_haproxy(world.host, BALANCER)
    world.run()
    world.look()
    assert (world.counted.total_connections, world.counted.active_connections) == (8, 0)
    world.agent.monitoring.stop()
    world.start().resync()
    world.run()
    world.traffic(1)
    world.look()
    assert world.counted.total_connections == 9


def test_counters_are_kept_only_when_they_changed(world: World) -> None:
    world.traffic(5)
    for _ in range(12):
        world.look()
    assert world.host.operations.count("save_counters") == 1
    assert load_counters(world.host.load_counters(BALANCER) or "").totals([LISTENER])[LISTENER].total_connections == 5


def test_damaged_counters_start_anew(world: World) -> None:
    world.host.save_counters(BALANCER, "{")
    world.traffic(5)
    assert world.look() == 1
    assert world.counted.total_connections == 5


def test_nothing_is_said_of_what_is_gone(world: World) -> None:
    world.look()
    world.apply(Gone(load_balancer_id=BALANCER, generation=9))
    assert world.look() == 0


def test_one_that_hangs_does_not_make_the_others_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    process.deaf = True
    read, asked = world.host.read_statistics, []

    def slowly(load_balancer_id: str) -> object:
        asked.append(world.clock.monotonic())
        world.clock.advance(2.0 if process.deaf else 0.0)
        return read(load_balancer_id)

    monkeypatch.setattr(world.host, "read_statistics", slowly)
    for _ in range(20):
        world.look()
    assert world.server.statuses[LISTENER] is ERROR
    assert len(asked) <= 3
    process.deaf = False
    for _ in range(30):
        world.look()
    assert world.server.statuses[LISTENER] is ONLINE


def test_one_that_hangs_is_replaced_after_two_looks_and_one_of_a_round(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    process.deaf = True
    world.look()
    while world.agent.run_due():  # it waits for an answer as long as the next look
        assert world.host.places[BALANCER].process is process
    world.look()
    while world.agent.run_due():
        pass
    assert world.host.places[BALANCER].process not in (None, process)
    world.look()
    assert world.server.statuses[LISTENER] is ONLINE


def test_one_that_answers_a_round_does_not_hang(world: World) -> None:
    world.look()
    process = world.host.places[BALANCER].process
    assert process is not None
    process.deaf = True
    world.look()
    world.look()
    process.deaf = False
    while world.agent.run_due():
        pass
    process.deaf = True
    world.agent.resync()
    while world.agent.run_due():
        pass
    assert world.host.places[BALANCER].process is process


def test_a_fault_with_one_load_balancer_keeps_no_other_from_being_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = uuid(70)
    made = make_desired()
    world.apply(replace(made, load_balancer=replace(made.load_balancer, id=other)))
    read = world.host.read_statistics

    def faulty(load_balancer_id: str) -> object:
        if load_balancer_id == BALANCER:
            raise RuntimeError("a fault")
        return read(load_balancer_id)

    monkeypatch.setattr(world.host, "read_statistics", faulty)
    assert world.look() == 1
    assert world.server.statuses[other] is ONLINE


def test_a_veto_is_noticed_at_the_next_look_and_survives_reloads_and_agents(world: World) -> None:
    several = changed(make_desired(monitors=(monitor(), monitor(number=1))))
    world.apply(several)
    place, check = world.host.places[BALANCER], f"{POOL}:check:{uuid(6, 16)}"

    def up() -> bool:
        assert place.process is not None
        return place.process.servers[POOL, FIRST].up

    def judge(backend: str, passing: bool) -> None:
        assert place.process is not None
        place.process.servers[backend, FIRST].judge(passing)
        world.look()
        world.run()

    judge(check, False)
    assert not up()
    assert world.server.statuses[FIRST] is ERROR
    world.apply(changed(several, listeners=(listener(), listener(1, timeout_member_data=9000))))
    assert not up()
    assert place.process is not None
    assert not place.process.servers[f"{POOL}:{uuid(3, 1)}", FIRST].up
    world.start().resync()
    world.run()
    assert not up()
    judge(POOL, False)
    judge(check, True)
    assert not up()
    judge(POOL, True)
    assert up()
    judge(check, False)
    assert not up()
    world.apply(changed(changed(changed(several)), monitors=(monitor(),)))
    assert up()
    world.look()
    assert world.server.statuses[FIRST] is ONLINE


def test_a_deaf_process_is_told_no_vetoes(world: World) -> None:
    world.apply(changed(make_desired(monitors=(monitor(), monitor(number=1)))))
    process = world.host.places[BALANCER].process
    assert process is not None
    process.deaf = True
    world.agent.resync()
    while world.agent.run_due():
        pass
    assert world.host.places[BALANCER].process is process
    assert [report.outcome.value for report in world.server.reports] == ["done"] * len(world.server.reports)


def test_a_workers_last_words_count_though_something_was_changed_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were read, and it was let go: nobody will say them again."""
    world.traffic(5)
    two = changed(make_desired(monitors=(monitor(),)), listeners=(listener(), listener(1)))
    world.apply(two)
    read = world.host.read_statistics

    def read_while_it_changes(load_balancer_id: str) -> object:
        monkeypatch.setattr(world.host, "read_statistics", read)
        rows = read(load_balancer_id)
        host_damage.finish(world.host, BALANCER)
        world.apply(changed(two, listeners=(listener(),)))
        return rows

    monkeypatch.setattr(world.host, "read_statistics", read_while_it_changes)
    world.look()
    world.look()
    assert world.counted.total_connections == 5
