"""Orphans: few go, many stay until somebody says that they may go."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.fakes.clock import StillClock
from tests.fakes.desired import make_desired, uuid
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.orphans import choose_removable, find_orphans
from evenload.agent.settings import AgentSettings
from evenload.model.desired import Desired, Gone
from evenload.render.options import RenderOptions


@pytest.mark.parametrize(
    ("orphans", "present", "share", "goes"),
    [
        (0, 8, 0.25, True),
        (1, 1, 0.25, True),
        (2, 2, 0.25, True),  # a share of so few says nothing
        (3, 3, 0.25, False),
        (3, 8, 0.25, False),
        (3, 12, 0.25, True),
        (25, 100, 0.25, True),
        (26, 100, 0.25, False),
        (100, 100, 1.0, True),
        (2, 100, 0.0, True),
        (3, 100, 0.0, False),
    ],
)
def test_all_of_them_go_or_none(orphans: int, present: int, share: float, goes: bool) -> None:
    names = [str(number) for number in range(orphans)]
    assert choose_removable(names, present, share) == (frozenset(names) if goes else frozenset())


def test_what_is_being_removed_already_is_no_orphan() -> None:
    documents: dict[str, Desired | Gone | None] = {
        "a": make_desired(),
        "b": Gone(load_balancer_id="b"),
        "c": None,
        "d": make_desired(),
    }
    assert find_orphans(["a", "b", "e"], documents, {"d"}) == {"a", "e"}


class World:
    """A host with ``number`` load balancers. ``share``: as in the settings."""

    def __init__(self, number: int) -> None:
        self.clock, self.server, self.host = StillClock(), TableServer(), FakeHost()
        self.ids = [uuid(1, each) for each in range(number)]
        self.agent = self.start()
        for each in self.ids:
            self.server.put(named(each))
        self.resync()
        assert self.served == self.ids

    def start(self, share: float = 0.25) -> Agent:
        self.host.close()
        settings = AgentSettings(removal_share=share)
        self.agent = Agent(self.server, self.host, RenderOptions(state_dir="/run/x"), self.clock, settings)
        return self.agent

    def resync(self) -> None:
        self.agent.resync()
        self.run()

    def run(self) -> None:
        for _ in range(30):
            while self.agent.run_due():
                pass
            self.clock.advance(1.0)

    @property
    def served(self) -> list[str]:
        return [key for key, place in sorted(self.host.places.items()) if place.process is not None]


def named(identifier: str) -> Desired:
    made = make_desired()
    return replace(made, load_balancer=replace(made.load_balancer, id=identifier))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_server_that_knows_nothing_takes_nothing_away_until_it_is_confirmed(restarted: bool) -> None:
    world = World(5)
    before = str(world.host)
    world.server.documents.clear()
    if restarted:
        world.start()
    for _ in range(4):
        with capture_logs() as logs:
            world.resync()
        assert str(world.host) == before
    [complaint] = [each for each in logs if each["log_level"] == "error"]  # not again for each of them
    assert (complaint["unknown"], complaint["present"]) == (5, 5)
    assert "removal_share" in complaint["advice"]
    assert [report.load_balancer_id for report in world.server.reports] == world.ids  # of when they were made
    world.start(share=1.0)
    world.resync()
    assert str(world.host) == ""


def test_they_are_looked_after_meanwhile_and_taken_back_when_the_server_knows_them_again() -> None:
    world = World(5)
    known = dict(world.server.documents)
    world.server.documents.clear()
    world.start()
    world.resync()
    place = world.host.places[world.ids[0]]
    place.end()
    world.resync()
    assert world.served == world.ids
    world.server.documents |= known
    newer = replace(named(world.ids[0]), generation=2)
    world.server.put(newer)
    world.resync()
    assert world.served == world.ids
    assert (2, world.ids[0]) in [(report.generation, report.load_balancer_id) for report in world.server.reports]


def test_few_orphans_go_at_once() -> None:
    world = World(5)
    for each in world.ids[:2]:
        world.server.forget(each)
    world.resync()
    assert world.served == world.ids[2:]


def test_any_number_goes_at_once_when_the_server_is_deleting_them() -> None:
    world = World(5)
    for each in world.ids:
        world.server.put(Gone(load_balancer_id=each, generation=2))
    world.resync()
    assert str(world.host) == ""
    assert len(world.server.reports) == 10


def test_a_server_that_comes_back_in_the_middle_of_a_resync_takes_nothing_away() -> None:
    """It was away when it was asked what is assigned, and answers the fetches: nothing has counted the orphans."""
    world = World(5)
    before = str(world.host)
    world.server.documents.clear()
    world.start()
    world.server.away = True
    world.agent.resync()
    world.server.away = False
    world.run()
    assert str(world.host) == before
