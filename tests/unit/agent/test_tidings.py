"""What waits to be told is folded and bounded, and what a round did to the process is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.fakes.desired import changed, listener, make_desired, member

from evenload.agent.causes import differences
from evenload.agent.tidings import MOST, Tidings
from evenload.model.event import EventKind, HostEvent

AT = datetime(2026, 1, 1, tzinfo=UTC)
DIED = HostEvent(kind=EventKind.PROCESS, at=AT, state="died", load_balancer_id="a", reason="why")


def test_what_is_alike_is_folded_while_it_waits() -> None:
    tidings = Tidings()
    later = replace(DIED, at=AT + timedelta(seconds=5))
    other = replace(DIED, load_balancer_id="b")
    tidings.note(DIED, other)
    tidings.note(later)
    assert tidings.take("a") == (replace(later, times=2),)
    assert tidings.take("a") == ()
    assert tidings.take() == (other,)


def test_what_could_not_be_told_comes_first_again() -> None:
    tidings = Tidings()
    tidings.note(DIED)
    taken = tidings.take("a")
    newer = replace(DIED, state="replaced")
    tidings.note(newer)
    tidings.put_back(taken)
    assert tidings.take() == (DIED, newer)


def test_the_oldest_go_where_too_many_wait() -> None:
    tidings = Tidings()
    for number in range(MOST + 5):
        tidings.note(replace(DIED, load_balancer_id=str(number)))
    waiting = tidings.take()
    assert [each.load_balancer_id for each in waiting] == [str(number) for number in range(5, MOST + 5)]


def test_differences_of_documents() -> None:
    before = make_desired()
    assert differences(None, before) == "a new load balancer on this host"
    assert differences(before, replace(before, generation=2)) == ""
    more = changed(before, listeners=(*before.listeners, listener(1)), members=before.members[:1])
    assert differences(before, more) == "1 listener added, 1 member removed"
    other = changed(before, members=(member(0, weight=9), *before.members[1:]))
    assert differences(before, other) == "1 member changed"
    rebuilt = replace(before, load_balancer=replace(before.load_balancer, incarnation=7))
    assert differences(before, rebuilt) == "failover"
