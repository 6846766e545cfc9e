"""Events: what every store promises about them."""

from dataclasses import replace
from datetime import timedelta

from tests.contract.samples import START, a_tree, moment

from evenload.interfaces.store import UnitOfWork
from evenload.model.enums import Kind, OperatingStatus
from evenload.model.event import Event, EventKind, EventQuery

DOWN = Event(
    kind=EventKind.OPERATING,
    at=START,
    state="ERROR",
    former="ONLINE",
    project_id="project-1",
    load_balancer_id="lb-1",
    load_balancer_name="shop",
    object_kind=Kind.MEMBER,
    object_id="member-1",
    object_name="wéb ’1’",
    reason="no connection: Connection refused (L4CON)",
    agent="host-1",
    times=3,
)
AWAY = Event(kind=EventKind.AGENT, at=moment(1), state="away", agent="host-2")


def found(store: UnitOfWork, **query: object) -> list[Event]:
    asked = EventQuery(**{"limit": 100, **query})  # type: ignore[arg-type]
    with store.read() as transaction:
        return [each.event for each in transaction.events(asked)]


def test_events_are_kept_as_they_were_told(store: UnitOfWork) -> None:
    assert found(store) == []
    store.write(lambda transaction: transaction.insert_events([]))
    store.write(lambda transaction: transaction.insert_events([DOWN, AWAY]))
    later = [replace(DOWN, at=moment(2 + number), load_balancer_id="lb-2", times=1) for number in range(250)]
    store.write(lambda transaction: transaction.insert_events(later))
    assert found(store, limit=1000) == [DOWN, AWAY, *later]


def test_what_is_asked_for(store: UnitOfWork) -> None:
    third = replace(DOWN, at=moment(2), load_balancer_id="lb-2", load_balancer_name="Shop", object_id="member-2")
    for event in (DOWN, AWAY, third):
        store.write(lambda transaction, event=event: transaction.insert_events([event]))  # type: ignore[misc]
    assert found(store, limit=2) == [AWAY, third]
    assert found(store, since=moment(1)) == [AWAY, third]
    assert found(store, kinds=(EventKind.AGENT, EventKind.PROCESS)) == [AWAY]
    assert found(store, load_balancer_id="lb-1") == [DOWN]
    assert found(store, named="shop") == [DOWN]
    assert found(store, named="member-2") == [third]
    assert found(store, named="host-2") == [AWAY]
    assert found(store, named="wéb ’1’", limit=1) == [third]
    with store.read() as transaction:
        first = transaction.events(EventQuery(limit=3))[0].position
        behind = transaction.events(EventQuery(limit=1, after=first))
        assert [each.event for each in behind] == [AWAY]
        assert transaction.events(EventQuery(limit=5, after=behind[0].position + 1)) == []


def test_the_oldest_go_by_age_and_by_number(store: UnitOfWork) -> None:
    events = [replace(AWAY, at=moment(number)) for number in range(10)]
    store.write(lambda transaction: transaction.insert_events(events))

    def remove(before: float, keep: int, most: int = 100) -> int:
        return store.write(lambda transaction: transaction.remove_events(before=moment(before), keep=keep, most=most))

    assert remove(0, 100) == 0
    assert remove(3, 100, most=2) == 2
    assert remove(3, 100, most=2) == 1
    assert found(store) == events[3:]
    assert remove(0, 5) == 2
    assert found(store) == events[5:]
    assert remove(100, 5) == 5
    assert remove(100, 5) == 0
    store.write(lambda transaction: transaction.insert_events(events[:1]))
    assert found(store) == events[:1]


def test_positions_are_never_given_twice(store: UnitOfWork) -> None:
    """Who follows would miss what came under a number that is behind him."""

    def write() -> int:
        store.write(lambda transaction: transaction.insert_events([AWAY]))
        with store.read() as transaction:
            return transaction.events(EventQuery(limit=1))[0].position

    first = write()
    store.write(lambda transaction: transaction.remove_events(before=moment(9), keep=0, most=9))
    assert found(store) == []
    assert write() > first


def test_an_exception_takes_back_the_event_with_the_change(store: UnitOfWork) -> None:
    tree = a_tree()

    def work(transaction: object) -> None:
        transaction.insert_tree(tree)  # type: ignore[attr-defined]
        transaction.insert_events([DOWN])  # type: ignore[attr-defined]
        raise KeyError

    try:
        store.write(work)
    except KeyError:
        pass
    assert found(store) == []


def test_reasons_of_statuses_are_kept_with_the_object(store: UnitOfWork) -> None:
    tree = a_tree()
    store.write(lambda transaction: transaction.insert_tree(tree))
    member = next(iter(tree.members.values()))
    down = replace(
        member,
        operating_status=OperatingStatus.ERROR,
        operating_reason="no answer in time (L7TOUT)",
        operating_since=START + timedelta(microseconds=1),
    )
    after = tree.with_record(down)
    store.write(lambda transaction: transaction.update_tree(tree, after))
    with store.read() as transaction:
        assert transaction.tree(tree.id) == after
