"""What an agent says when it is asked for numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, disabled, listener, make_desired, monitor, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.numbers import Sources, rows_of
from evenload.host.haproxy_answers import Numbers
from evenload.model.enums import Kind
from evenload.model.numbers import Counted, Row
from evenload.render.options import RenderOptions
from evenload.tally import Tally

LISTENER, POOL, FIRST, SECOND = uuid(3), uuid(4), uuid(5), uuid(5, 1)
Said = Mapping[tuple[str, str], Numbers]


def said(status: str = "UP", total: float = 1.0, **moment: float) -> Numbers:
    return Numbers({"bytes_in": total}, moment, status)


@dataclass
class FewAnswers:
    by_balancer: dict[str, Said] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def keep(self, load_balancer_ids: set[str]) -> None:
        self.kept = load_balancer_ids

    def read(self, load_balancer_id: str, first_own: int | None) -> Said:
        del first_own
        return self.by_balancer.get(load_balancer_id, {})


class World:
    def __init__(self, most: int = 100) -> None:
        self.clock, self.server, self.host, self.tally = StillClock(), TableServer(), FakeHost(lingering=True), Tally()
        self.answers = FewAnswers()
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock, counting=self.tally)
        self.sources = Sources(
            version="1.2",
            answers=self.answers,
            most=most,
            counted=lambda: [Counted(each.name, each.labels, each.values) for each in self.tally.read()],
            answered_at=lambda: 1_700_000_000.0,
        )

    def apply(self, *wanted: object) -> None:
        for each in wanted:
            self.server.put(each)  # type: ignore[arg-type]
        self.agent.resync()
        for _ in range(40):
            while self.agent.run_due():
                pass
            self.clock.advance(1.0)

    def counted(self) -> dict[tuple[str, ...], float]:
        """Single numbers."""
        numbers = self.agent.numbers(self.sources)
        return {(each.name, *each.labels): each.values[0] for each in numbers.counted if len(each.values) == 1}


@pytest.fixture
def world() -> World:
    return World()


def test_rounds_processes_and_states_are_counted(world: World) -> None:
    world.apply(make_desired(monitors=(monitor(),)))
    found = world.counted()
    assert found["haproxy_starts_total", "first"] == 1.0
    assert found["rounds_total", "done"] >= 1.0
    assert found["resyncs_total",] == 1.0
    assert found["load_balancers_here", "served"] == 1.0
    assert found["rounds_queued", "server"] == found["rounds_running",] == 0.0
    assert found["server_answer_timestamp_seconds",] == 1_700_000_000.0
    assert world.agent.numbers(world.sources).version == "1.2"
    assert world.answers.kept == {BALANCER}


def test_what_waits_for_a_hand_is_counted_by_lane(world: World) -> None:
    world.agent.hint(BALANCER, 1)
    assert world.counted()["rounds_queued", "server"] == 1.0


def test_a_death_and_a_reload_say_why(world: World) -> None:
    first = make_desired(monitors=(monitor(),))
    world.apply(first)
    assert host_damage.kill_haproxy(world.host, BALANCER)
    world.apply(first)
    assert (world.counted()["haproxy_deaths_total",], world.counted()["haproxy_starts_total", "died"]) == (1.0, 1.0)
    second = changed(first, listeners=(listener(), listener(1, port=8080)))
    world.apply(second)
    assert world.counted()["haproxy_reloads_total", "configuration"] == 1.0
    third = disabled(second)
    world.apply(third)
    world.apply(changed(third, load_balancer=first.load_balancer))
    assert world.counted()["haproxy_starts_total", "again"] == 1.0


def test_rows_are_of_what_was_applied(world: World) -> None:
    desired = make_desired(monitors=(monitor(),))
    rows = list(
        rows_of(
            desired,
            {
                (LISTENER, "FRONTEND"): said("OPEN", 7.0, connections=2.0),
                (POOL, "BACKEND"): said("UP"),
                (f"{POOL}:{LISTENER}", "BACKEND"): said("DOWN", 2.0),
                (f"{POOL}:check:{uuid(6)}", "BACKEND"): said("UP", 50.0),
                (POOL, FIRST): said("UP 1/3", 3.0, check_seconds=0.2),
                (f"{POOL}:{LISTENER}", FIRST): said("DOWN", 1.0, check_seconds=0.1),
                ("another", "FRONTEND"): said("OPEN"),
            },
        )
    )
    assert rows == [
        Row(BALANCER, Kind.LISTENER, LISTENER, {"bytes_in": 7.0, "connections": 2.0, "up": 1.0}),
        Row(BALANCER, Kind.POOL, POOL, {"bytes_in": 3.0, "up": 1.0}),
        Row(BALANCER, Kind.MEMBER, FIRST, {"bytes_in": 4.0, "check_seconds": 0.2, "up": 1.0}, (), POOL),
    ]


def test_of_what_is_disabled_nobody_says_whether_it_is_up() -> None:
    desired = make_desired()
    members = tuple(replace(each, admin_state_up=False) for each in desired.members)
    listeners = tuple(replace(each, admin_state_up=False) for each in desired.listeners)
    places = {(LISTENER, "FRONTEND"): said("STOP"), (POOL, "BACKEND"): said("DOWN"), (POOL, FIRST): said("MAINT")}
    rows = list(rows_of(replace(desired, members=members, listeners=listeners), places))
    assert [row.kind for row in rows] == [Kind.LISTENER, Kind.POOL, Kind.MEMBER]
    assert [row.values for row in rows] == [{"bytes_in": 1.0}] * 3
    half = replace(desired, members=(members[0], desired.members[1]))
    assert [row.values.get("up") for row in rows_of(half, places)] == [0.0, 0.0, None]


def test_responses_stand_apart() -> None:
    numbers = Numbers({"1xx": 0.0, "2xx": 5.0, "3xx": 1.0, "4xx": 2.0, "5xx": 3.0, "other": 4.0}, {}, "DOWN")
    [row] = rows_of(make_desired(), {(LISTENER, "FRONTEND"): numbers})
    assert row.responses == (0.0, 5.0, 1.0, 2.0, 3.0, 4.0)
    assert row.values == {"up": 0.0}


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 100])
def test_too_many_are_left_out_members_first(most: int) -> None:
    world = World(most)
    world.apply(make_desired(monitors=(monitor(),)))
    world.answers.by_balancer[BALANCER] = {
        (POOL, FIRST): said(),
        (POOL, SECOND): said(),
        (POOL, "BACKEND"): said(),
        (LISTENER, "FRONTEND"): said("OPEN"),
    }
    numbers = world.agent.numbers(world.sources)
    order = [Kind.LISTENER, Kind.POOL, Kind.MEMBER, Kind.MEMBER]
    assert [row.kind for row in numbers.rows] == order[:most]
    rest = order[most:]
    assert numbers.left_out == {kind: rest.count(kind) for kind in (Kind.LISTENER, Kind.POOL, Kind.MEMBER)}
