"""Which load balancers have a HAProxy begun ahead: the table, and what becomes of it on a host."""

from dataclasses import replace

import pytest
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.memory import Memory
from evenload.agent.schedule import Schedule, Task
from evenload.agent.spares import (
    AT_MOST,
    LASTING,
    NEXT_LASTING,
    QUIET,
    Candidate,
    Choice,
    Spare,
    choose_spares,
    kept_spares,
    next_until,
)
from evenload.model.desired import Gone
from evenload.render.options import RenderOptions

NOW = 1000.0
START, RELOAD = Spare(worker=3, pid=None), Spare(worker=3, pid=7)
FIRST = Spare(worker=2, pid=7)


def candidate(name: str, ago: float, spare: Spare | None = RELOAD) -> Candidate:
    return Candidate(load_balancer_id=name, changed_at=NOW - ago, spare=spare)


def choice(*end: str, due: float | None = None, **begin: Spare) -> Choice:
    """``due`` in seconds from now."""
    return Choice(begin=begin, end=frozenset(end), due=None if due is None else NOW + due)


MANY = [candidate(name, ago) for ago, name in enumerate("abcdef", start=1)]
TABLE = [
    ([], {}, choice()),
    ([candidate("a", 0.0)], {}, choice(a=RELOAD, due=LASTING)),
    ([candidate("a", 1.0, START)], {}, choice(a=START, due=LASTING - 1.0)),
    # It stands ready; its start is another one by now; it is forgotten.
    ([candidate("a", 1.0)], {"a": RELOAD}, choice(due=LASTING - 1.0)),
    ([candidate("a", 1.0)], {"a": START}, choice(a=RELOAD, due=LASTING - 1.0)),
    ([candidate("a", 1.0)], {"a": Spare(worker=3, pid=8)}, choice(a=RELOAD, due=LASTING - 1.0)),
    ([candidate("a", LASTING)], {"a": RELOAD}, choice("a")),
    ([], {"a": RELOAD}, choice("a")),
    # None can be had: it is in trouble, or being removed.
    ([candidate("a", 1.0, None)], {}, choice(due=LASTING - 1.0)),
    ([candidate("a", 1.0, None)], {"a": RELOAD}, choice("a", due=LASTING - 1.0)),
    # One that was changed but once waits for quiet.
    ([candidate("a", QUIET / 2, FIRST)], {}, choice(due=QUIET / 2)),
    ([candidate("a", QUIET, FIRST)], {}, choice(a=FIRST, due=LASTING - QUIET)),
    ([candidate("a", QUIET / 2, FIRST)], {"a": START}, choice(due=QUIET / 2)),
    # Quiet is when none of these was changed: in a row of creations each is followed by another one.
    ([candidate("a", QUIET / 2, FIRST), candidate("b", QUIET, FIRST)], {}, choice(due=QUIET / 2)),
    ([candidate("a", QUIET / 2, FIRST), candidate("b", QUIET)], {}, choice(b=RELOAD, due=QUIET / 2)),
    ([candidate("a", QUIET / 2), candidate("b", QUIET, FIRST)], {}, choice(a=RELOAD, b=FIRST, due=LASTING - QUIET)),
    ([candidate("a", QUIET, FIRST), candidate("b", 1.0, FIRST)], {}, choice(a=FIRST, b=FIRST, due=LASTING - 1.0)),
    # The ones that were changed last.
    (MANY, {}, choice(a=RELOAD, b=RELOAD, c=RELOAD, d=RELOAD, due=LASTING - 6.0)),
    (MANY[::-1], dict.fromkeys("cdef", RELOAD), choice("e", "f", a=RELOAD, b=RELOAD, due=LASTING - 6.0)),
    ([candidate("z", 0.5, None), *MANY], dict.fromkeys("abcd", RELOAD), choice(due=LASTING - 6.0)),
]


@pytest.mark.parametrize(("candidates", "kept", "expected"), TABLE)
def test_the_choice(candidates: list[Candidate], kept: dict[str, Spare], expected: Choice) -> None:
    found = choose_spares(candidates, kept, NOW)
    assert (found.begin, found.end) == (expected.begin, expected.end)
    assert found.due == pytest.approx(expected.due)
    assert len({*kept, *found.begin} - found.end) <= AT_MOST


@pytest.mark.parametrize(
    ("last_change", "until"),
    [(None, None), (NOW, NOW + NEXT_LASTING), (NOW - NEXT_LASTING + 1, NOW + 1), (NOW - NEXT_LASTING, None)],
)
def test_until_when_something_stands_ready_for_a_new_load_balancer(
    last_change: float | None, until: float | None
) -> None:
    assert next_until(last_change, NOW) == until


def test_a_spare_that_came_with_its_namespace_is_for_a_start() -> None:
    assert kept_spares({"a": 3, "b": 1, "c": 1}, {"a": RELOAD, "c": RELOAD, "d": RELOAD}) == {
        "a": RELOAD,
        "b": Spare(worker=1, pid=None),
        "c": Spare(worker=1, pid=None),
    }


class World:
    def __init__(self) -> None:
        self.clock, self.server, self.host = StillClock(), TableServer(), FakeHost()
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock)
        self.sparing = self.agent.sparing

    def apply(self, wanted: object) -> None:
        self.server.put(wanted)  # type: ignore[arg-type]
        self.agent.hint(BALANCER, wanted.generation)  # type: ignore[attr-defined]
        while self.agent.run_due():
            pass

    def ready(self) -> bool:
        return self.host.has_next

    def later(self, seconds: float) -> float | None:
        self.clock.advance(seconds)
        return self.sparing.tend()


@pytest.fixture
def world() -> World:
    return World()


def test_the_spare_follows_the_process_and_ends_a_minute_after_the_last_change(world: World) -> None:
    wanted = make_desired()
    world.apply(wanted)
    assert world.sparing.tend() == pytest.approx(QUIET)
    assert world.host.begun_ahead == {}
    world.later(QUIET)
    assert world.host.begun_ahead == {BALANCER: (2, True)}
    world.apply(replace(changed(wanted), listeners=(*wanted.listeners, listener(1))))
    assert world.sparing.tend() == pytest.approx(LASTING)
    assert world.host.begun_ahead == {BALANCER: (3, True)}
    world.later(LASTING)
    assert world.host.begun_ahead == {}


def test_without_a_listener_the_spare_is_for_a_start(world: World) -> None:
    world.apply(replace(make_desired(), listeners=()))
    world.later(QUIET)
    assert world.host.begun_ahead == {BALANCER: (1, False)}
    world.apply(Gone(load_balancer_id=BALANCER, generation=9))
    world.sparing.tend()
    assert world.host.begun_ahead == {}


def test_what_came_with_the_namespace_waits_for_the_first_listener(world: World) -> None:
    """However late that comes: the same process is there, and it is for the very start."""
    wanted = make_desired()
    world.host.begun_ahead[BALANCER] = (1, False)
    world.apply(replace(wanted, listeners=()))
    world.sparing.tend()
    world.host.begun_ahead[BALANCER] = kept = (1, False)
    world.later(QUIET)
    world.apply(replace(changed(wanted), listeners=()))
    world.later(QUIET)
    assert world.host.begun_ahead[BALANCER] is kept  # not begun anew


def test_something_stands_ready_for_the_next_load_balancer_from_the_first_change_on(world: World) -> None:
    assert world.sparing.tend() is None
    assert not world.ready()
    world.apply(make_desired())
    world.sparing.tend()
    assert world.ready()
    world.later(LASTING)
    assert world.later(NEXT_LASTING - LASTING - 1.0) == pytest.approx(1.0)
    assert world.ready()
    assert world.later(1.0) is None
    assert not world.ready()


def test_what_came_with_the_namespace_of_a_load_balancer_that_has_no_use_for_it_ends(world: World) -> None:
    world.apply(make_desired())
    world.host.begun_ahead["another"] = (1, False)
    world.sparing.tend()
    assert world.host.begun_ahead == {}


def test_a_look_costs_the_same_however_many_were_changed_of_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a row of creations the last few are asked about, of a row of deletions none twice."""
    wanted = [
        replace(make_desired(), load_balancer=replace(make_desired().load_balancer, id=f"lb-{n}")) for n in range(40)
    ]
    for each in wanted:
        world.server.put(each)
        world.agent.hint(each.id, each.generation)
        while world.agent.run_due():
            pass
        world.clock.advance(0.01)
    asked: list[str] = []
    memories = world.sparing._memories
    find = memories.find

    def noted(load_balancer_id: str) -> Memory | None:
        asked.append(load_balancer_id)
        return find(load_balancer_id)

    monkeypatch.setattr(memories, "find", noted)
    world.sparing.tend()
    assert set(asked) <= {each.id for each in wanted[-AT_MOST:]}
    for each in wanted:
        world.server.put(Gone(load_balancer_id=each.id, generation=9))
        world.agent.hint(each.id, 9)
    while world.agent.run_due():
        pass
    world.sparing.tend()
    asked.clear()
    world.sparing.tend()
    assert asked == []


def test_no_spare_is_begun_while_work_waits(world: World) -> None:
    world.apply(make_desired())
    world.agent.hint(BALANCER, 2)
    wait = world.later(QUIET)
    assert wait is not None
    assert wait < QUIET
    assert world.host.begun_ahead == {}
    while world.agent.run_due():
        pass
    world.later(QUIET)
    assert world.host.begun_ahead == {BALANCER: (2, True)}


def test_a_reserved_load_balancer_keeps_its_place_and_is_not_taken() -> None:
    schedule = Schedule(4)
    schedule.add("a", Task(), 5.0, urgent=True)
    assert schedule.reserve("a", 0.0)
    assert not schedule.reserve("b", 0.0)
    schedule.add("a", Task(observe=True), 1.0, urgent=True)
    assert schedule.take(9.0) is None
    schedule.done("a")
    assert schedule.next_due() == 1.0
    assert not schedule.reserve("b", 1.0)
    assert schedule.take(1.0) == ("a", Task(observe=True))
    assert not schedule.reserve("b", 0.0)
    schedule.done("a")
    assert schedule.idle
