"""A resync looks at all of a load balancer only where a glance, or its turn, says so."""

import pytest
from tests.fakes.desired import BALANCER, changed, make_desired, member
from tests.unit.agent.test_monitoring import World

from evenload.agent.memory import Memory
from evenload.agent.resync import WHOLE_EVERY, is_glance_enough, plan_resync
from evenload.model.desired import Gone


class Counted(World):
    """Applied, looked at wholly once after that, and found to answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.looks = 0
        observe = self.host.observe

        def counting(load_balancer_id: str, port: object) -> object:
            self.looks += 1
            return observe(load_balancer_id, port)  # type: ignore[arg-type]

        self.apply(make_desired())
        self.resync()
        self.look()
        monkeypatch.setattr(self.host, "observe", counting)
        monkeypatch.setattr(self.host, "glance", lambda _: self.host.places[BALANCER].directory is not None)
        self.resync()
        while not self.spares_a_look():
            pass

    def resync(self) -> None:
        self.agent.resync()
        self.run()

    def spares_a_look(self) -> bool:
        before = self.looks
        self.resync()
        return self.looks == before


def test_each_has_its_turn_at_every_tenth_resync(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    spared = [world.spares_a_look() for _ in range(5 * WHOLE_EVERY)]
    assert spared.count(False) == 5


def test_what_a_glance_finds_changed_is_looked_at_and_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    directory = world.host.places[BALANCER].directory
    world.host.places[BALANCER].directory = None
    assert not world.spares_a_look()
    assert directory is not None
    assert world.host.places[BALANCER].directory is not None


def test_after_a_change_of_our_own_there_is_a_look_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.apply(changed(make_desired(), members=(member(0), member(1, weight=7))))
    looks = [world.spares_a_look() for _ in range(2)]
    assert looks[0] is False


def test_what_was_made_is_not_looked_at_wholly_before_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a creation was acknowledged a moment ago, and from its end on events, glances and looks at its
    statistics tell of the rest."""
    world = Counted(monkeypatch)
    for generation in (2, 4):  # for one of the two the next resync is not its turn
        world.apply(Gone(load_balancer_id=BALANCER, generation=generation))
        world.apply(make_desired(generation + 1))
        world.look()
        spared = [world.spares_a_look() for _ in range(WHOLE_EVERY)]
        assert spared.count(False) == 1
        world.resync()


def test_what_was_made_and_does_not_look_like_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.apply(make_desired())
    world.look()
    looks = []
    monkeypatch.setattr(world.host, "observe", lambda key, port: looks.append(key))
    monkeypatch.setattr(world.host, "glance", lambda _: "something else")
    world.agent.resync()
    world.run()
    assert looks


def test_one_that_does_not_answer_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    process = world.host.places[BALANCER].process
    assert process is not None
    process.deaf = True
    world.look()
    world.look()
    assert not world.spares_a_look()


def test_news_of_the_server_is_fetched_and_others_wait_for_their_turn() -> None:
    kept = make_desired(generation=3)
    documents = {"a": kept, "b": kept, "c": kept}
    planned = plan_resync(["a", "b", "c"], documents, {"a": 3, "b": 4, "c": 3}, 20.0, {"a", "b"})
    assert [(each.load_balancer_id, each.task.fetch) for each in planned] == [("b", True), ("c", False)]


def test_the_turns_are_spread() -> None:
    many = [Memory(f"{number:08x}-0000-4000-8000-000000000000") for number in range(200)]
    for memory in many:
        memory.host.glance = "as it was"
    due = [sum(not is_glance_enough(memory, resync) for memory in many) for resync in range(WHOLE_EVERY)]
    assert sum(due) == len(many)
    assert max(due) <= len(many) / WHOLE_EVERY * 2


def test_what_is_in_doubt_is_looked_at() -> None:
    for doubt in ("glance", "failing", "silent", "busy"):
        memory = Memory(BALANCER)
        memory.host.glance = None if doubt == "glance" else "as it was"
        memory.host.failures = int(doubt == "failing")
        memory.process.unanswered = int(doubt == "silent")
        memory.host.busy_since = {("pool", "member"): 1.0} if doubt == "busy" else {}
        assert not any(is_glance_enough(memory, resync) for resync in range(WHOLE_EVERY))
