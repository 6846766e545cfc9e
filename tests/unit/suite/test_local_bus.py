"""The bus of a single process."""

from tests.fakes.local_bus import LocalBus

from evenload.threads import Faults


def test_a_hint_reaches_the_agent_of_that_name_alone() -> None:
    bus, seen = LocalBus(), list[tuple[str, str, int]]()
    bus.register("here", lambda key, generation: seen.append(("here", key, generation)))
    bus.register("there", lambda key, generation: seen.append(("there", key, generation)))
    bus.hint("there", "lb", 7)
    assert seen == [("there", "lb", 7)]


def test_a_hint_for_nobody_is_dropped() -> None:
    bus, seen = LocalBus(), list[int]()
    bus.register("here", lambda key, generation: seen.append(generation))
    bus.hint("nobody", "lb", 1)
    assert seen == []


def test_an_agent_at_fault_does_not_fail_the_request() -> None:
    def broken(load_balancer_id: str, generation: int) -> None:
        raise RuntimeError("a fault")

    faults = Faults()
    bus = LocalBus(faults)
    bus.register("here", broken)
    bus.hint("here", "lb", 1)
    assert faults.counts == {"hint": 1}
