"""What flaps does not flood, and the last word is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evenload.model.enums import Kind
from evenload.model.event import Event, EventKind
from evenload.service.event_restraint import BURST, BURST_OF_PARTS, EVERY, EVERY_OF_PARTS, Restraint

AT = datetime(2026, 1, 1, tzinfo=UTC)


def flap(number: int, member: str = "m1") -> Event:
    words = ("ERROR", "ONLINE") if number % 2 else ("ONLINE", "ERROR")
    return Event(
        kind=EventKind.OPERATING,
        at=AT + timedelta(seconds=number),
        former=words[0],
        state=words[1],
        load_balancer_id="lb",
        object_kind=Kind.MEMBER,
        object_id=member,
    )


def tell(restraint: Restraint, event: Event, now: float) -> tuple[Event, ...]:
    sifted = restraint.sift([event], now)
    restraint.note(sifted)
    return sifted.told


def test_the_first_ones_are_told_and_then_one_in_a_while_with_their_number() -> None:
    restraint = Restraint()
    told = [each for second in range(600) for each in tell(restraint, flap(second), float(second))]
    assert told[:BURST] == [flap(number) for number in range(BURST)]
    assert BURST + 8 <= len(told) <= BURST + 600 / EVERY
    last = told[-1]
    assert last == replace(flap(int((last.at - AT).total_seconds())), times=last.times)
    held = restraint.release(600 + EVERY)
    assert sum(each.times for each in (*told, *held.told)) == 600
    assert held.told[-1].state == flap(599).state
    assert held.told[-1].at == flap(599).at


def test_what_was_held_back_is_told_once() -> None:
    restraint = Restraint()
    for number in range(BURST + 3):
        tell(restraint, flap(number), 0.0)
    assert restraint.release(1.0).told == ()
    released = restraint.release(EVERY)
    assert released.told == (replace(flap(BURST + 2), times=3),)
    assert restraint.release(EVERY).told == released.told  # it may be rolled back
    restraint.note(released)
    assert restraint.release(EVERY * 9).told == ()


def test_others_are_told_meanwhile() -> None:
    restraint = Restraint()
    for number in range(BURST):
        tell(restraint, flap(number), 0.0)
    assert tell(restraint, flap(0), 0.0) == ()
    assert tell(restraint, flap(0, "m2"), 0.0) == (flap(0, "m2"),)
    died = Event(kind=EventKind.PROCESS, at=AT, state="died", load_balancer_id="lb")
    assert tell(restraint, died, 0.0) == (died,)


def test_looking_changes_nothing() -> None:
    """A transaction may be run again."""
    restraint = Restraint()
    events = [flap(number) for number in range(BURST + 1)]
    assert restraint.sift(events, 0.0) == restraint.sift(events, 0.0)
    assert restraint.sift(events, 0.0).told == tuple(events[:BURST])


def test_what_is_held_back_while_the_rest_is_told_is_not_lost() -> None:
    """Between a look and its commit another transaction may be quicker."""
    restraint = Restraint()
    for number in range(BURST + 1):
        tell(restraint, flap(number), 0.0)
    released = restraint.release(EVERY)
    assert released.told == (flap(BURST),)
    tell(restraint, flap(BURST + 1), EVERY / 2)
    restraint.note(released)
    last = restraint.release(EVERY * 3).told[-1]
    assert (last.state, last.at) == (flap(BURST + 1).state, flap(BURST + 1).at)


def test_two_at_once_hold_back_what_came_last() -> None:
    restraint = Restraint()
    for number in range(BURST):
        tell(restraint, flap(number), 0.0)
    first = restraint.sift([flap(BURST)], 0.0)
    second = restraint.sift([flap(BURST + 1)], EVERY)
    assert second.told == (flap(BURST + 1),)
    restraint.note(first)
    restraint.note(second)
    assert restraint.release(EVERY * 9).told == ()  # the last word has been told


def test_what_is_told_of_many_at_once_is_none_of_the_load_balancers_own() -> None:
    restraint = Restraint()

    def all_at_once(number: int) -> list[Event]:
        member = flap(number)
        own = replace(member, object_kind=None, object_id=None)
        return [own, replace(member, object_id=None, object_name="(30 more)", times=30)]

    told: list[Event] = []
    for number in range(BURST + 2):
        sifted = restraint.sift(all_at_once(number), 0.0)
        restraint.note(sifted)
        told += sifted.told
    released = restraint.release(EVERY).told
    for state in ("ONLINE", "ERROR"):
        others = [each for each in (*told, *released) if each.object_kind is not None and each.state == state]
        assert sum(each.times for each in others) == 30 * (BURST + 2) // 2
    own = [each for each in (*told, *released) if each.object_kind is None]
    assert (own[-1].state, own[-1].times) == (flap(BURST + 1).state, 2)


def test_many_parts_that_flap_together_push_out_nobody_elses() -> None:
    restraint = Restraint()
    minutes, members = 5, [f"m{number}" for number in range(100)]
    told: list[Event] = []
    for second in range(minutes * 60):
        sifted = restraint.sift([flap(second, member) for member in members], float(second))
        restraint.note(sifted)
        told += sifted.told
    assert len(told) <= BURST_OF_PARTS + minutes * 60 / EVERY_OF_PARTS
    other = replace(flap(0, "x1"), load_balancer_id="other")
    assert tell(restraint, other, minutes * 60.0) == (other,)
    own = replace(flap(0), object_kind=None, object_id=None)
    assert tell(restraint, own, minutes * 60.0) == (own,)
    last: dict[str | None, Event] = {}
    for second in range(minutes * 60, minutes * 180):  # all are quiet: in the end each has had its last word
        released = restraint.release(float(second))
        restraint.note(released)
        last.update({each.object_id: each for each in released.told})
    final = flap(minutes * 60 - 1)
    assert {each.state for each in last.values()} == {final.state}
    assert len(last) > len(members) / 2
    assert restraint.release(minutes * 600.0).told == ()
