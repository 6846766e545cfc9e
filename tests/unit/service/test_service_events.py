"""What is told of changes, health, hosts and failovers, and with which words. On both stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.unit.service.conftest import World, make_world

from evenload.interfaces.store import UnitOfWork
from evenload.model.desired import Change, Health, Outcome, Report
from evenload.model.enums import OperatingStatus
from evenload.model.event import Event, EventKind, EventQuery, HostEvent, sentence
from evenload.model.registration import Registration
from evenload.service.commands import Changes
from evenload.service.event_book import EventSettings
from evenload.service.events import AT_ONCE
from evenload.service.housekeeping import Housekeeping
from evenload.service.roll_call import RollCall


def events(world: World, *kinds: EventKind) -> list[Event]:
    with world.context.uow.read() as transaction:
        return [each.event for each in transaction.events(EventQuery(limit=1000, kinds=kinds))]


def sentences(world: World, *kinds: EventKind) -> list[str]:
    return [sentence(event) for event in events(world, *kinds)]


def create(world: World, members: int = 1) -> str:
    pool = a_pool(
        members=tuple(a_member(f"10.0.{n // 250}.{n % 250 + 1}") for n in range(members)), monitor=a_monitor()
    )
    draft = a_balancer(listeners=(a_listener(default_pool=pool),))
    draft = replace(draft, record={**draft.record, "name": "shop"})
    return world.load_balancers.create("project", draft).id


def see(world: World, lb: str, word: OperatingStatus, reason: str | None = None) -> None:
    [member, *_] = world.load_balancers.tree(lb).members
    reasons = {} if reason is None else {member: reason}
    world.gateway.health(
        "host-1", [Health(load_balancer_id=lb, statuses={member: word}, statistics={}, reasons=reasons)]
    )


def test_a_creation_is_told_object_by_object_once_it_is_in_force(world: World) -> None:
    lb = create(world)
    assert sentences(world, EventKind.PROVISIONING) == []
    world.settle()
    told = sentences(world, EventKind.PROVISIONING)
    assert "load balancer shop: PENDING_CREATE -> ACTIVE" in told
    assert "member 10.0.0.1:8080 of load balancer shop: PENDING_CREATE -> ACTIVE" in told
    assert len(told) == 5
    assert {(each.load_balancer_id, each.project_id, each.agent) for each in events(world, EventKind.PROVISIONING)} == {
        (lb, "project", "host-1")
    }


def test_of_a_change_what_was_changed_is_told_and_not_what_had_to_follow(world: World) -> None:
    lb = create(world)
    world.settle()
    before = len(events(world))
    [member] = world.load_balancers.tree(lb).members
    pool = next(iter(world.load_balancers.tree(lb).pools))
    world.members.update(pool, member, Changes(item={"weight": 7}))
    world.settle()
    assert sentences(world)[before:] == ["member 10.0.0.1:8080 of load balancer shop: PENDING_UPDATE -> ACTIVE"]
    world.members.delete(pool, member)
    world.settle()
    assert sentences(world)[before + 1 :] == ["member 10.0.0.1:8080 of load balancer shop: PENDING_DELETE -> DELETED"]


def test_the_end_of_a_load_balancer_is_one_event(world: World) -> None:
    lb = create(world)
    world.settle()
    before = len(events(world))
    world.load_balancers.delete(lb, cascade=True)
    world.settle()
    assert sentences(world)[before:] == ["load balancer shop: PENDING_DELETE -> DELETED"]


def test_a_failure_is_told_with_its_reason_and_so_is_its_end(world: World) -> None:
    lb = create(world)
    world.report(lb, 1, Outcome.GIVE_UP, "no space left (ENOSPC)")
    told = sentences(world, EventKind.PROVISIONING)
    assert "load balancer shop: PENDING_CREATE -> ERROR: no space left (ENOSPC)" in told
    with capture_logs() as logs:
        world.settle()
    assert "load balancer shop: ERROR -> ACTIVE" in sentences(world, EventKind.PROVISIONING)
    assert "load balancer shop: ERROR -> ACTIVE" in [line["event"] for line in logs]


def test_a_member_that_goes_down_and_up_is_told_with_reason_and_moment(world: World) -> None:
    lb = create(world)
    world.settle()
    see(world, lb, OperatingStatus.ONLINE)
    world.clock.advance(60)
    before = len(events(world))
    with capture_logs() as logs:
        see(world, lb, OperatingStatus.ERROR, "no connection: Connection refused (L4CON)")
    [down] = events(world)[before:]
    words = "member 10.0.0.1:8080 of load balancer shop: ONLINE -> ERROR: no connection: Connection refused (L4CON)"
    assert sentence(down) == words
    [line] = [line for line in logs if line["event"] == words]
    assert line["log_level"] == "warning"
    assert (line["load_balancer"], line["member"], line["project"]) == (lb, down.object_id, "project")
    [record] = world.load_balancers.tree(lb).members.values()
    assert (record.operating_reason, record.operating_since) == (down.reason, down.at)
    world.clock.advance(5)
    see(world, lb, OperatingStatus.ERROR, "no answer in time (L7TOUT)")  # no other status
    assert len(events(world)) == before + 1
    [record] = world.load_balancers.tree(lb).members.values()
    assert (record.operating_reason, record.operating_since) == ("no answer in time (L7TOUT)", down.at)
    see(world, lb, OperatingStatus.ONLINE)
    assert sentences(world)[-1] == "member 10.0.0.1:8080 of load balancer shop: ERROR -> ONLINE"


def test_a_member_that_flaps_does_not_flood_and_its_last_state_is_told(world: World) -> None:
    lb = create(world)
    world.settle()
    before = len(events(world))
    words = (OperatingStatus.ONLINE, OperatingStatus.ERROR)
    for number in range(40):
        see(world, lb, words[number % 2])
    assert len(events(world)) - before <= 10
    assert events(world)[-1].state == "ERROR"
    see(world, lb, OperatingStatus.ONLINE)
    assert events(world)[-1].state == "ERROR"
    world.clock.advance(120)
    Housekeeping(world.context, world.hints, timedelta(seconds=1000)).sweep()
    last = events(world)[-1]
    assert last.state == "ONLINE"
    assert sum(each.times for each in events(world)[before:]) == 41


def test_of_very_many_at_once_the_first_are_told_and_the_number_of_the_others(world: World) -> None:
    lb = create(world, members=60)
    world.settle()
    told = events(world, EventKind.PROVISIONING)
    assert len(told) <= AT_ONCE + 5
    assert sum(each.times for each in told) == 64
    assert sentence(told[0]) == "load balancer shop: PENDING_CREATE -> ACTIVE"
    members = world.load_balancers.tree(lb).members
    before = len(events(world))
    for word in (OperatingStatus.ONLINE, OperatingStatus.ERROR):
        statuses = dict.fromkeys(members, word)
        world.gateway.health("host-1", [Health(load_balancer_id=lb, statuses=statuses, statistics={})])
    assert sentences(world)[-1] == f"member ({60 - AT_ONCE} more) of load balancer shop: ONLINE -> ERROR" + (
        f" ({60 - AT_ONCE} times)"
    )
    assert len(events(world)) == before + 2 * (AT_ONCE + 1)


def test_what_a_host_tells_comes_with_a_report_or_on_its_own(world: World) -> None:
    lb = create(world)
    reload = HostEvent(
        kind=EventKind.PROCESS,
        at=datetime(2026, 1, 2, tzinfo=UTC),
        state="reloaded",
        load_balancer_id=lb,
        reason="1 listener added",
    )
    transactions = getattr(world.context.uow, "transactions", None)
    report = Report(load_balancer_id=lb, generation=1, outcome=Outcome.DONE, change=Change.RELOAD, events=(reload,))
    world.gateway.report("host-1", report)
    if transactions is not None:
        assert world.context.uow.transactions == transactions + 1  # type: ignore[attr-defined]
    assert "load balancer shop: HAProxy reloaded: 1 listener added" in sentences(world)
    died = replace(reload, state="died", reason="x" * 5000, times=3)
    world.gateway.events("host-1", [died, replace(died, load_balancer_id="none")])
    [told] = [each for each in events(world) if each.state == "died"]
    assert (told.agent, told.at, told.times, len(told.reason or "")) == ("host-1", died.at, 3, 1000)
    world.gateway.events("host-2", [replace(died, state="hangs")])  # not its load balancer
    assert not [each for each in events(world) if each.state == "hangs"]


def test_a_failover_is_told(world: World) -> None:
    lb = create(world)
    world.settle()
    world.load_balancers.failover(lb)
    assert sentences(world, EventKind.FAILOVER) == ["load balancer shop: failover asked for: everything is built anew"]
    world.gateway.register("host-2", Registration())
    world.clock.advance(1000)
    world.gateway.register("host-2", Registration())
    world.load_balancers.failover(lb)
    assert sentences(world, EventKind.FAILOVER)[1:] == ["load balancer shop: failover asked for: from host-1 to host-2"]


def test_agents_that_begin_go_and_come_back_are_told_once(world: World, uow: UnitOfWork) -> None:
    def told() -> list[str]:
        return [f"{each.agent} {each.state}" for each in events(world, EventKind.AGENT)]

    lb = create(world)
    roll_call = RollCall(world.context)
    assert told() == ["host-1 began"]
    roll_call.sweep()
    world.clock.advance(1000)
    for _ in range(2):
        roll_call.sweep()
    assert told() == ["host-1 began", "host-1 away"]
    assert "it has 1 load balancers" in (events(world, EventKind.AGENT)[-1].reason or "")
    RollCall(world.context).sweep()  # the server began anew
    assert told() == ["host-1 began", "host-1 away"]
    world.gateway.assignments("host-1")
    for _ in range(2):
        roll_call.sweep()
    assert told() == ["host-1 began", "host-1 away", "host-1 back"]
    world.clock.advance(1000)
    roll_call.sweep()
    world.gateway.register("host-1", Registration())
    roll_call.sweep()
    assert told()[3:] == ["host-1 away", "host-1 began"]
    assert lb


@pytest.mark.parametrize(("keep", "days", "left"), [(3, 30, 3), (100, 1, 0)])
def test_old_events_are_removed(uow: UnitOfWork, keep: int, days: int, left: int) -> None:
    world = make_world(uow)
    object.__setattr__(world.context.events, "_settings", EventSettings(keep=keep, keep_for=timedelta(days=days)))
    create(world)
    world.settle()
    assert len(events(world)) > 3
    newest = events(world)[-3:]
    housekeeping = Housekeeping(world.context, world.hints, timedelta(days=100))
    world.clock.advance(2 * 86400.0)
    housekeeping.sweep()
    assert events(world) == newest[3 - left :]
