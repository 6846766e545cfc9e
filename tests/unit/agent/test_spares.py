"""Which load balancers have a HAProxy begun ahead: the table, and what becomes of it on a host."""

from dataclasses import replace

import pytest
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.schedule import Schedule, Task
from evenload.agent.spares import AT_MOST, LASTING, QUIET, Candidate, Choice, Spare, choose_spares
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
    assert world.host.spares == {}
    world.later(QUIET)
    assert world.host.spares == {BALANCER: (2, True)}
    world.apply(replace(changed(wanted), listeners=(*wanted.listeners, listener(1))))
    assert world.sparing.tend() == pytest.approx(LASTING)
    assert world.host.spares == {BALANCER: (3, True)}
    world.later(LASTING)
    assert world.host.spares == {}


def test_without_a_listener_the_spare_is_for_a_start(world: World) -> None:
    world.apply(replace(make_desired(), listeners=()))
    world.later(QUIET)
    assert world.host.spares == {BALANCER: (2, False)}
    world.apply(Gone(load_balancer_id=BALANCER, generation=9))
    world.sparing.tend()
    assert world.host.spares == {}


def test_no_spare_is_begun_while_work_waits(world: World) -> None:
    world.apply(make_desired())
    world.agent.hint(BALANCER, 2)
    wait = world.later(QUIET)
    assert wait is not None
    assert wait < QUIET
    assert world.host.spares == {}
    while world.agent.run_due():
        pass
    world.later(QUIET)
    assert world.host.spares == {BALANCER: (2, True)}


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
