"""Faults of the program, wherever they happen: no thread of the agent ends by them, no load balancer is forgotten."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from tests.fakes.desired import BALANCER, changed, make_desired, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer
from tests.waiting import NET, ThreadsSince, eventually

from evenload.agent.loop import Agent
from evenload.agent.settings import AgentSettings
from evenload.model.desired import Desired, Gone, Health, Outcome, ProxyStatistics, Report, Unreadable
from evenload.render.options import RenderOptions

LONG = NET
WORKERS = 3
TIMES = 3


class Fault(RuntimeError):
    """One that nobody foresees."""


class Trouble:
    """Raises a fault at some place for the next so many times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}

    def expect(self, place: str, times: int = 1) -> None:
        with self._lock:
            self._left[place] = times

    def __call__(self, place: str) -> None:
        with self._lock:
            if self._left.get(place, 0) <= 0:
                return
            self._left[place] -= 1
        raise Fault(place)

    def over(self, place: str) -> bool:
        with self._lock:
            return self._left.get(place, 0) <= 0


class TroubledClock:
    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        if threading.current_thread().name.startswith("agent-"):
            self._trouble("clock")
        return time.monotonic()


class TroubledServer(TableServer):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble
        self.done: queue.Queue[Report] = queue.Queue()
        self.healths: queue.Queue[Health] = queue.Queue()

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        self._trouble("fetch")
        return super().fetch(load_balancer_ids)

    def assignments(self) -> dict[str, int]:
        self._trouble("assignments")
        return super().assignments()

    def report(self, report: Report) -> None:
        self._trouble("report")
        super().report(report)
        if report.outcome is Outcome.DONE:
            self.done.put(report)

    def health(self, healths: Sequence[Health]) -> None:
        self._trouble("health")
        super().health(healths)
        for health in healths:
            self.healths.put(health)


class TroubledHost(FakeHost):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def load_balancer_ids(self) -> list[str]:
        self._trouble("known")
        return super().load_balancer_ids()

    def observe(self, load_balancer_id: str, port: Any) -> Any:
        self._trouble("observe")
        return super().observe(load_balancer_id, port)

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        self._trouble("read_statistics")
        return super().read_statistics(load_balancer_id)


class World:
    def __init__(self) -> None:
        self.trouble = Trouble()
        self.server, self.host = TroubledServer(self.trouble), TroubledHost(self.trouble)
        settings = AgentSettings(
            workers=WORKERS, resync_interval=0.2, statistics_interval=0.05, retry_delays=(0.01, 0.05)
        )
        clock = TroubledClock(self.trouble)
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), clock, settings)
        self.generation = 0
        self._threads = ThreadsSince()

    def begin_a_change(self) -> None:
        self.generation += 1
        self.server.put(make_desired(generation=self.generation))
        self.agent.hint(BALANCER, self.generation)

    def change(self) -> None:
        """A change is made, and done and told in the end."""
        self.begin_a_change()
        while self.server.done.get(timeout=LONG).generation != self.generation:
            pass

    @property
    def threads(self) -> list[str]:
        return self._threads.named("agent-")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.agent.start()
    yield world
    world.agent.stop()
    assert eventually(lambda: world.threads == []), world.threads


PLACES = ["fetch", "report", "assignments", "known", "observe", "health", "read_statistics", "clock"]


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_ends_no_thread_and_forgets_no_load_balancer(world: World, place: str) -> None:
    world.change()
    before = world.threads
    assert len(before) == WORKERS + 3
    world.trouble.expect(place, TIMES)

    def over() -> bool:
        world.begin_a_change()
        return world.trouble.over(place)

    assert eventually(over)
    world.change()
    assert world.threads == before
    assert sum(world.agent.faults.counts.values()) >= TIMES


def test_a_fault_in_what_comes_after_a_round_does_not_forget_the_load_balancer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise Fault("requeue")

    world.change()
    before = world.threads
    with monkeypatch.context() as patched:  # a pure function cannot be asked to have a fault
        patched.setattr("evenload.agent.reconcile.choose_requeue", fault)
        world.generation += 1
        world.server.put(changed(make_desired(generation=world.generation - 1)))
        world.agent.hint(BALANCER, world.generation)
        assert eventually(lambda: world.agent.faults.counts.get("round", 0) >= 2)  # in the round, and in telling of it
    world.change()
    assert world.threads == before


def test_a_fault_of_the_queue_itself_ends_no_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object, **__: object) -> None:
        raise Fault("schedule")

    world.change()
    before = world.threads
    with monkeypatch.context() as patched:  # as above
        patched.setattr("evenload.agent.schedule.Schedule.take", fault)

        def met() -> bool:
            with pytest.raises(Fault):
                world.agent.run_due()
            world.agent.hint(uuid(1, 9), 1)
            return any(name.startswith("agent-worker") for name in world.agent.faults.counts)

        assert eventually(met)
    world.change()
    assert world.threads == before
