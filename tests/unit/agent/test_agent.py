"""Rounds of an agent: hints, retries, resyncs, deaths and a server that is away. No threads; time is told."""

from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from tests.counting import steps
from tests.fakes import host_damage
from tests.fakes.clock import StillClock
from tests.fakes.desired import BALANCER, changed, listener, make_desired, member, monitor, pool, uuid, with_member
from tests.fakes.haproxy import FakeHaproxy
from tests.fakes.host import FakeHost
from tests.fakes.server import TableServer

from evenload.agent.loop import Agent
from evenload.agent.plan import plan
from evenload.model.balancer import HttpCheck
from evenload.model.desired import Change, Desired, Gone, Outcome, Unreadable
from evenload.model.difference import difference_of
from evenload.model.enums import MonitorType
from evenload.model.errors import Hopeless, HostError
from evenload.model.snapshot import Snapshot
from evenload.model.verdict import Verdict
from evenload.render.options import RenderOptions

DONE, RETRY, GIVE_UP = Outcome.DONE, Outcome.RETRY, Outcome.GIVE_UP
GONE = Gone(load_balancer_id=BALANCER, generation=9)


class World:
    def __init__(self, *, hard_stop_after: int = 0) -> None:
        self.clock = StillClock()
        self.server = TableServer()
        self.host = FakeHost()
        self.options = RenderOptions(state_dir="/run/x", hard_stop_after=hard_stop_after)
        self.agent = self.start()

    def start(self) -> Agent:
        """Another agent on the same host."""
        self.host.close()
        self.agent = Agent(self.server, self.host, self.options, self.clock)
        return self.agent

    def put(self, wanted: Desired | Gone) -> None:
        self.server.put(wanted)
        assert wanted.generation is not None
        self.agent.hint(BALANCER, wanted.generation)

    def run(self) -> int:
        """Performs what is due now; returns how many rounds that took."""
        rounds = 0
        while self.agent.run_due():
            rounds += 1
            assert rounds < 50
        return rounds

    def apply(self, wanted: Desired | Gone) -> None:
        self.put(wanted)
        self.run()

    def take(self) -> list[str]:
        """The operations since the last time."""
        taken, self.host.operations = self.host.operations, []
        return taken

    def serves(self) -> bool:
        place = self.host.places.get(BALANCER)
        return place is not None and place.process is not None


@pytest.fixture
def world() -> World:
    return World()


def test_a_hint_leads_to_the_desired_state_and_a_report(world: World) -> None:
    world.apply(make_desired())
    assert world.serves()
    [report] = world.server.reports
    assert (report.generation, report.outcome, report.change, report.reason) == (1, DONE, Change.START, None)
    assert world.agent.settled()


def test_a_change_goes_without_a_look_at_the_host(world: World) -> None:
    world.apply(make_desired())
    world.take()
    world.apply(with_member(make_desired(), 0, weight=7))
    command = f"set server {uuid(4)}/{uuid(5)} weight 7"
    assert world.take() == [command, "record_running", "write_config", "remember"]
    assert world.server.reports[-1].change is Change.RUNTIME


def test_a_server_that_was_put_back_to_an_earlier_state_is_followed_at_the_next_resync(world: World) -> None:
    former = make_desired()
    world.apply(with_member(changed(changed(former)), 0, weight=7))
    world.agent.resync()
    world.run()
    world.server.put(former)
    world.agent.resync()
    world.run()
    assert str(world.host) == _built(former)
    assert world.server.outcomes[-1] == (former.generation, DONE)


def test_what_was_applied_under_the_same_number_before_a_restore_is_not_taken_for_the_answer(world: World) -> None:
    world.apply(changed(make_desired()))
    other = with_member(make_desired(), 0, weight=7)
    assert other.generation == 2
    world.apply(other)
    assert world.server.outcomes == [(2, DONE), (2, DONE)]
    assert str(world.host) == _built(other)


def test_a_restarted_agent_follows_a_server_that_was_put_back(world: World) -> None:
    world.apply(with_member(changed(changed(make_desired())), 0, weight=7))
    world.server.away = True
    world.start().resync()
    world.run()
    world.server.away = False
    world.server.put(make_desired())
    world.agent.resync()
    world.clock.advance(60.0)
    world.run()
    assert str(world.host) == _built(make_desired())
    assert world.server.outcomes[-1] == (1, DONE)


def test_hints_fold_into_the_newest_desired_state(world: World) -> None:
    world.put(make_desired())
    newest = changed(changed(make_desired()))
    world.put(newest)
    assert world.run() == 1
    assert world.server.outcomes == [(newest.generation, DONE)]


def test_a_hint_during_work_leads_to_another_round(world: World) -> None:
    newer = changed(make_desired(), members=(member(0),))

    def meanwhile() -> None:
        world.server.on_fetch = lambda: None
        world.put(newer)

    world.server.on_fetch = meanwhile
    world.put(make_desired())
    assert world.run() == 2
    assert world.server.outcomes == [(1, DONE), (2, DONE)]


def test_a_repeated_hint_is_answered_again_only_when_the_report_must_be_lost(world: World) -> None:
    world.apply(make_desired())
    world.agent.hint(BALANCER, 1)
    world.run()
    assert len(world.server.reports) == 1
    world.clock.advance(60.0)
    world.agent.hint(BALANCER, 1)
    world.run()
    assert world.server.outcomes == [(1, DONE), (1, DONE)]


def test_a_failure_is_tried_again_and_told_with_its_reason(world: World) -> None:
    world.host.fail(after=3, error=HostError("the bridge is full"))
    world.apply(make_desired())
    assert world.server.outcomes == [(1, RETRY)]
    assert world.server.reports[0].reason == "the bridge is full"
    world.clock.advance(0.2)
    world.run()
    assert world.server.outcomes[-1] == (1, DONE)
    assert world.serves()


def test_after_a_few_failures_the_server_hears_that_it_is_given_up_and_later_that_it_is_done(world: World) -> None:
    for number in range(8):
        world.host.fail(after=number, error=HostError("no space left"))
    world.put(make_desired())
    for _ in range(40):
        world.run()
        world.clock.advance(1.0)
    outcomes = [outcome for _, outcome in world.server.outcomes]
    assert outcomes == [RETRY, GIVE_UP]
    for _ in range(100):
        world.run()
        world.clock.advance(1.0)
    assert world.server.outcomes[-1] == (1, DONE)


def test_what_cannot_help_is_given_up_at_once_and_tried_at_each_resync_interval(world: World) -> None:
    world.host.fail(error=Hopeless("the agent lacks a capability"))
    world.apply(make_desired())
    assert world.server.outcomes == [(1, GIVE_UP)]
    world.clock.advance(29.0)
    assert world.run() == 0
    world.clock.advance(1.0)
    world.run()
    assert world.server.outcomes[-1] == (1, DONE)


def test_a_desired_state_that_cannot_be_rendered_leaves_the_former_one_serving(world: World) -> None:
    world.apply(make_desired())
    before = str(world.host)
    world.apply(changed(make_desired(), monitors=(monitor(http=HttpCheck(url_path="/a b")),)))
    assert world.server.outcomes[-1] == (2, GIVE_UP)
    assert str(world.host) == before


def test_a_newer_desired_state_does_not_wait_for_the_older_ones_retry(world: World) -> None:
    world.host.fail(error=Hopeless("never"))
    world.apply(make_desired())
    world.apply(changed(make_desired()))
    assert world.server.outcomes == [(1, GIVE_UP), (2, DONE)]


def test_a_refused_runtime_change_becomes_a_reload(world: World) -> None:
    world.apply(make_desired())
    process = world.host.places[BALANCER].process
    assert process is not None
    del process.servers[uuid(4), uuid(5)]  # behind the agent's back: its command will be refused
    world.apply(with_member(make_desired(), 0, weight=7))
    report = world.server.reports[-1]
    assert (report.outcome, report.change) == (DONE, Change.RELOAD)
    world.apply(changed(changed(make_desired())))
    assert str(world.host) == _built(changed(changed(make_desired())))


def test_a_process_that_does_not_answer_is_reloaded_all_the_same(world: World) -> None:
    world.apply(make_desired())
    world.host.fail(
        after=2, error=HostError("no answer")
    )  # after the port is reserved, to the question for its members' health
    world.apply(changed(make_desired(), listeners=(listener(port=8080),)))
    assert world.server.reports[-1].outcome is DONE
    assert world.server.reports[-1].change is Change.RELOAD


@pytest.mark.parametrize(("hard_stop_after", "stays"), [(300, False), (0, True)])
def test_a_busy_server_goes_when_it_is_idle_or_overdue(hard_stop_after: int, stays: bool) -> None:
    world = World(hard_stop_after=hard_stop_after)
    world.apply(make_desired())
    process = world.host.places[BALANCER].process
    assert process is not None
    key = (uuid(4), uuid(5))
    process.servers[key].busy = True
    world.apply(changed(make_desired(), members=(member(1),)))
    assert world.server.reports[-1].change is Change.RUNTIME
    assert process.servers[key].maintenance
    world.agent.resync()
    world.run()
    assert key in process.servers
    world.clock.advance(300.0)
    world.agent.resync()
    world.clock.advance(30.0)
    world.run()
    assert (key in process.servers) is stays
    if stays:
        process.servers[key].busy = False
    world.agent.resync()
    world.run()
    assert key not in process.servers


def test_what_stands_in_the_way_of_all_is_told_when_it_comes_and_when_it_goes(world: World) -> None:
    def told() -> list[str]:
        with capture_logs() as logs:
            world.agent.resync()
        return [each["event"] for each in logs if each.get("finding") == "a packet filter"]

    assert told() == []
    world.host.found = ["a packet filter"]
    assert [told(), told()] == [["the host stands in the way"], []]
    world.host.found = []
    assert told() == ["no longer in the way"]


def test_a_dead_process_is_back_at_once(world: World) -> None:
    world.apply(make_desired())
    assert host_damage.kill_haproxy(world.host, BALANCER)
    world.run()
    assert world.serves()
    assert str(world.host) == _built(make_desired())


def test_a_process_that_dies_again_and_again_is_braked_but_not_for_a_new_desired_state(world: World) -> None:
    world.apply(make_desired())
    for _ in range(8):
        host_damage.kill_haproxy(world.host, BALANCER)
        world.run()
        if not world.serves():
            break
    assert not world.serves()
    world.clock.advance(30.0)
    world.run()
    assert world.serves()
    for _ in range(8):
        host_damage.kill_haproxy(world.host, BALANCER)
        world.run()
    assert not world.serves()
    world.apply(changed(make_desired(), listeners=(listener(port=8080),)))
    assert world.serves()


def test_what_happens_to_the_process_is_told_with_its_cause(world: World) -> None:
    world.apply(make_desired())
    assert world.server.events_told == [("started", "a new load balancer on this host")]
    assert not world.server.happened  # the report took it along
    world.apply(changed(make_desired(), listeners=(listener(), listener(1, port=8080))))
    assert world.server.events_told[1:] == [("reloaded", "1 listener added")]
    host_damage.kill_haproxy(world.host, BALANCER)
    world.run()
    world.agent.monitoring.look()
    assert world.server.events_told[2:] == [
        ("died", "its process is gone, and nobody here ended it"),
        ("replaced", "the one before has died"),
    ]
    _process(world).deaf = True
    for _ in range(4):
        world.clock.advance(1.0)
        world.agent.monitoring.look()
        world.run()
    assert world.server.events_told[4:] == [("replaced", "the one before gave no answer")]
    world.apply(replace(make_desired(3), listeners=()))
    assert world.server.events_told[1:2] == [("reloaded", "1 listener added")]
    assert ("ended", "no listener is in service") in world.server.events_told


def test_what_happens_while_the_server_is_away_is_told_later_and_once(world: World) -> None:
    world.apply(make_desired())
    world.server.away = True
    for _ in range(2):
        host_damage.kill_haproxy(world.host, BALANCER)
        world.run()
    world.agent.monitoring.look()
    assert world.server.events_told[1:] == []
    world.server.away = False
    world.agent.monitoring.look()
    assert world.server.events_told[1:] == []  # it is not asked again at once
    world.clock.advance(10.0)
    world.agent.monitoring.look()
    world.agent.monitoring.look()
    assert sorted(state for state, _ in world.server.events_told[1:]) == ["died", "died", "replaced"]
    assert [each.times for each in world.server.happened if each.state == "replaced"] == [2]


def test_a_resync_puts_right_what_was_damaged(world: World) -> None:
    world.apply(make_desired())
    host_damage.lose_addresses(world.host, BALANCER)
    host_damage.edit_config(world.host, BALANCER)
    world.agent.resync()
    world.run()
    assert str(world.host) == _built(make_desired())


def test_a_resync_finds_a_change_whose_hint_was_lost(world: World) -> None:
    world.apply(make_desired())
    world.server.put(with_member(make_desired(), 0, weight=9))
    world.agent.resync()
    world.run()
    assert world.server.outcomes[-1] == (2, DONE)


def test_a_resync_without_news_asks_for_no_documents_and_says_nothing(world: World) -> None:
    world.apply(make_desired())
    fetches = world.server.fetches
    world.agent.resync()
    assert world.run() == 1
    assert (world.server.fetches, len(world.server.reports)) == (fetches, 1)


def test_a_hint_that_is_sent_again_is_not_logged(world: World) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            world.apply(make_desired())
    assert [line["log_level"] for line in lines if line["event"] == "reconciled"] == ["info", "debug", "debug"]


def test_later_resyncs_are_spread(world: World) -> None:
    for number in range(1, 5):
        world.server.put(_balancer(number))
    world.agent.resync()
    assert world.run() == 4
    world.agent.resync()
    assert world.run() == 1
    world.clock.advance(15.0)
    assert world.run() == 3


def test_a_restarted_agent_adopts_what_runs_and_tells_what_it_found(world: World) -> None:
    world.apply(make_desired())
    process = world.host.places[BALANCER].process
    world.take()
    world.start().resync()
    world.run()
    assert world.host.places[BALANCER].process is process
    assert world.host.places[BALANCER].watcher is not None
    assert [name for name in world.take() if name != "watch" and not name.endswith("health up")] == []
    assert world.server.outcomes == [(1, DONE), (1, DONE)]


def test_without_the_server_a_restarted_agent_keeps_and_repairs_what_it_remembers(world: World) -> None:
    world.apply(make_desired())
    host_damage.lose_addresses(world.host, BALANCER)
    world.server.away = True
    world.start().resync()
    world.run()
    assert str(world.host) == _built(make_desired())
    host_damage.kill_haproxy(world.host, BALANCER)
    world.run()
    assert world.serves()
    world.server.put(changed(make_desired()))
    world.server.away = False
    world.agent.resync()
    world.clock.advance(30.0)
    world.run()
    assert world.server.outcomes[-1] == (2, DONE)


def test_a_hint_while_the_server_is_away_is_not_lost(world: World) -> None:
    world.server.away = True
    world.put(make_desired())
    world.run()
    assert not world.serves()
    world.server.away = False
    world.clock.advance(0.2)
    world.run()
    assert world.server.outcomes == [(1, DONE)]


def test_a_report_that_did_not_get_through_is_owed(world: World) -> None:
    world.server.on_fetch = lambda: setattr(world.server, "away", True)
    world.apply(make_desired())
    assert world.serves()
    assert world.server.reports == []
    world.server.away, world.server.on_fetch = False, lambda: None
    world.clock.advance(1.0)
    world.run()
    assert world.server.outcomes == [(1, DONE)]


def test_gone_leaves_nothing(world: World) -> None:
    world.apply(make_desired())
    world.apply(GONE)
    assert str(world.host) == ""
    assert world.server.outcomes[-1] == (9, DONE)
    world.agent.resync()
    assert world.run() == 0


def test_removal_goes_on_after_a_failure_and_keeps_the_directory_until_all_is_gone(world: World) -> None:
    world.apply(make_desired())
    world.host.fail(error=HostError("it does not end"))
    world.apply(GONE)
    assert world.host.load_balancer_ids() == [BALANCER]
    assert world.host.places[BALANCER].devices is None
    assert world.server.outcomes[-1] == (9, RETRY)
    world.clock.advance(1.0)
    world.run()
    assert str(world.host) == ""
    assert world.server.outcomes[-1] == (9, DONE)


def test_an_orphan_goes_only_when_the_server_says_so(world: World) -> None:
    world.apply(make_desired())
    world.server.forget(BALANCER)
    world.server.away = True
    world.start().resync()
    world.run()
    assert world.serves()
    world.server.away = False
    world.clock.advance(60.0)
    world.agent.resync()
    world.clock.advance(60.0)
    world.run()
    assert str(world.host) == ""
    assert all(outcome is DONE for _, outcome in world.server.outcomes)


def test_a_deletion_whose_report_was_lost_is_told_again(world: World) -> None:
    world.server.put(GONE)
    world.agent.resync()
    world.run()
    assert world.server.outcomes == [(9, DONE)]


def test_verdicts_of_pings_reach_haproxy_and_every_new_process(world: World) -> None:
    pinged = make_desired(monitors=(monitor(kind=MonitorType.PING),))
    world.apply(pinged)
    place = world.host.places[BALANCER]
    assert [target.member for target in place.targets] == [uuid(5), uuid(5, 1)]
    assert place.on_verdict is not None
    target = place.targets[0]
    place.on_verdict(BALANCER, Verdict(monitor=target.monitor, member=target.member, up=False))
    world.run()
    key = (uuid(4), uuid(5))
    assert place.process is not None
    assert not place.process.servers[key].up
    host_damage.kill_haproxy(world.host, BALANCER)
    world.run()
    assert place.process is not None
    assert not place.process.servers[key].up
    world.apply(changed(pinged, listeners=(listener(), listener(1))))
    assert place.process.servers[key].up is False
    world.apply(changed(changed(pinged), monitors=()))
    assert place.targets == ()
    assert all(server.up for server in place.process.servers.values())


@pytest.mark.parametrize("late", range(12))
def test_a_process_that_was_begun_is_ended_where_a_later_step_fails(world: World, late: int) -> None:
    world.host.fail(after=late)
    world.apply(make_desired())
    assert "begun" not in str(world.host)
    world.clock.advance(1.0)
    world.run()
    assert world.server.outcomes[-1] == (1, DONE)
    running = str(world.host)
    world.host.fail(after=late)
    world.apply(changed(make_desired(), listeners=(listener(), listener(1))))
    assert "begun" not in str(world.host)
    assert running.count("process") == str(world.host).count("process")
    world.clock.advance(1.0)
    world.run()
    assert world.server.outcomes[-1] == (2, DONE)


def test_a_fault_of_the_program_after_a_process_was_begun_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    with monkeypatch.context() as patched:  # no fake can be asked to have a fault of the program's own
        patched.setattr(world.host, "plug", fault)
        world.apply(make_desired())
    assert "begin_haproxy" in world.host.operations
    assert "begun" not in str(world.host)


def test_a_fault_of_the_program_is_told_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(load_balancer_id: str) -> None:
        raise ZeroDivisionError("a fault")

    with monkeypatch.context() as patched:  # no fake can be asked to have a fault of the program's own
        patched.setattr(world.host, "ensure_state", fault)
        world.apply(make_desired())
    assert world.server.outcomes == [(1, GIVE_UP)]
    assert "a fault" in (world.server.reports[0].reason or "")
    world.clock.advance(30.0)
    world.run()
    assert world.server.outcomes[-1] == (1, DONE)


def _balancer(number: int) -> Desired:
    identifier = uuid(1, number)
    made = make_desired()
    return replace(
        made,
        load_balancer=replace(made.load_balancer, id=identifier),
        listeners=(replace(listener(), load_balancer_id=identifier),),
        pools=(replace(pool(), load_balancer_id=identifier),),
    )


def _built(wanted: Desired) -> str:
    other = World()
    other.apply(wanted)
    return str(other.host)


def test_a_change_of_a_process_that_does_not_answer_takes_a_new_one(world: World) -> None:
    world.apply(make_desired())
    _process(world).deaf = True
    wanted = with_member(make_desired(), 0, weight=7)
    world.apply(wanted)
    assert world.server.outcomes[-1] == (wanted.generation, DONE)
    assert world.server.reports[-1].change is Change.RELOAD
    assert str(world.host) == _built(wanted)


def test_a_process_that_hangs_is_replaced_after_a_while_and_not_at_once(world: World) -> None:
    world.apply(make_desired())
    hanging = _process(world)
    hanging.deaf = True
    world.agent.resync()
    for _ in range(2):
        world.clock.advance(30.0)
        world.run()
    assert _process(world) is hanging
    world.clock.advance(30.0)
    world.run()
    assert not _process(world).deaf
    assert world.agent.settled()
    assert str(world.host) == _built(make_desired())


def test_an_answer_in_between_lets_a_slow_process_live(world: World) -> None:
    world.apply(make_desired())
    slow = _process(world)
    world.agent.resync()
    for look in range(6):
        slow.deaf = look % 3 != 2
        world.clock.advance(30.0)
        world.agent.resync()
        world.run()
    assert _process(world) is slow


def _process(world: World) -> FakeHaproxy:
    process = world.host.places[BALANCER].process
    assert process is not None
    return process


def test_a_document_that_cannot_be_read_is_reported_and_what_was_applied_stands(world: World) -> None:
    world.apply(make_desired())
    world.take()
    reason = "the field listeners.0.tls is unknown to version 1"
    world.server.unreadable[BALANCER] = Unreadable(load_balancer_id=BALANCER, generation=2, reason=reason)
    world.agent.hint(BALANCER, 2)
    world.run()
    assert (2, GIVE_UP, reason) in [
        (report.generation, report.outcome, report.reason) for report in world.server.reports
    ]
    assert world.take() == []
    assert world.serves()
    del world.server.unreadable[BALANCER]  # the agent is brought up to date, or the change is taken back
    world.apply(changed(changed(make_desired())))
    assert world.server.outcomes[-1] == (3, DONE)


def test_a_resync_fetches_what_it_does_not_know_in_batches(world: World) -> None:
    for number in range(45):
        world.server.put(_balancer(number))
    world.agent.resync()
    while world.agent.run_due():
        pass
    assert (world.server.fetch_calls, world.server.fetches) == (3, 45)
    assert len([place for place in world.host.places.values() if place.process is not None]) == 45


def test_an_answer_of_a_batch_overtakes_none_that_came_meanwhile(world: World) -> None:
    world.apply(make_desired())
    second, third = changed(make_desired()), with_member(changed(make_desired()), 0, weight=7)

    def meanwhile() -> None:
        world.server.on_fetch = lambda: None
        world.clock.advance(1.0)
        world.apply(third)
        world.clock.advance(1.0)

    world.server.put(second)
    world.server.on_fetch = meanwhile
    world.agent.resync()
    world.run()
    assert world.server.outcomes == [(1, DONE), (third.generation, DONE)]
    assert str(world.host) == _built(third)


def test_an_answer_of_a_batch_brings_nothing_back_that_was_removed_meanwhile(world: World) -> None:
    def meanwhile() -> None:
        world.server.on_fetch = lambda: None
        world.clock.advance(1.0)
        world.apply(GONE)
        world.clock.advance(1.0)

    world.server.put(make_desired())
    world.server.on_fetch = meanwhile
    world.agent.resync()
    world.run()
    assert str(world.host) == ""
    assert world.take() == []
    assert world.server.outcomes == [(9, DONE)]


def test_a_document_that_comes_with_its_hint_is_not_fetched(world: World) -> None:
    _hint_with(world, make_desired(), world.clock.monotonic())
    _hint_with(world, with_member(make_desired(), 0, weight=7), world.clock.monotonic() + 0.001)
    assert world.server.fetches == 0
    assert world.server.outcomes == [(1, DONE), (2, DONE)]
    assert str(world.host) == _built(with_member(make_desired(), 0, weight=7))


def test_a_document_from_before_the_last_answer_is_fetched_anew(world: World) -> None:
    newest = with_member(changed(make_desired()), 0, weight=7)
    before = world.clock.monotonic()
    world.clock.advance(1.0)
    world.apply(newest)
    fetches = world.server.fetches
    _hint_with(world, changed(make_desired()), before, put=False)
    assert world.server.fetches == fetches + 1
    assert str(world.host) == _built(newest)


def test_a_document_brings_nothing_back_that_was_removed_meanwhile(world: World) -> None:
    before = world.clock.monotonic()
    world.clock.advance(1.0)
    world.apply(make_desired())
    world.apply(GONE)
    _hint_with(world, make_desired(), before, put=False)
    assert str(world.host) == ""


def test_a_document_dated_by_another_clock_is_fetched(world: World) -> None:
    _hint_with(world, make_desired(), world.clock.monotonic() + 5.0, ahead=False)
    assert world.server.fetches == 1
    assert world.server.outcomes == [(1, DONE)]


def test_what_has_changed_in_the_document_at_hand_is_not_fetched(world: World) -> None:
    first = replace(make_desired(size=40), edition=1)
    second = replace(with_member(first, 0, weight=7), edition=2)
    third, fourth = (replace(with_member(second, 1, weight=each), edition=each) for each in (3, 4))
    world.apply(first)
    fetches = world.server.fetches
    world.take()
    _hint_of_changes(world, first, second)
    world.run()
    command = f"set server {uuid(4)}/{uuid(5)} weight 7"
    assert world.take() == [command, "record_running", "write_config", "remember"]
    _hint_of_changes(world, second, third)
    _hint_of_changes(world, third, replace(fourth, generation=fourth.generation + 1))
    world.run()
    assert (world.server.fetches, len(world.server.outcomes)) == (fetches, 3)  # the last two were one
    assert str(world.host) == _built(replace(fourth, generation=fourth.generation + 1))


def test_members_that_do_not_change_cost_a_round_next_to_nothing() -> None:
    """A line that is rendered or read costs hundreds of steps."""
    took = {}
    for size in (100, 200):
        world, first = World(), replace(make_desired(size=size), edition=1)
        world.apply(first)
        second = replace(with_member(first, 0, weight=7), edition=2)
        _hint_of_changes(world, first, second)
        took[size] = steps(world.run)
        assert world.server.outcomes[-1] == (second.generation, DONE)
    assert (took[200] - took[100]) / 100 <= 70


def test_what_has_changed_in_another_document_is_fetched(world: World) -> None:
    first = replace(make_desired(size=40), edition=1)
    second = replace(with_member(first, 0, weight=7), edition=2)
    third = replace(with_member(second, 1, weight=9), edition=3)
    world.apply(first)
    fetches = world.server.fetches
    _hint_of_changes(world, second, third)  # and the one before was lost
    world.run()
    assert world.server.fetches == fetches + 1
    assert str(world.host) == _built(third)


def _hint_of_changes(world: World, before: Desired, after: Desired) -> None:
    world.server.put(after)
    world.clock.advance(1.0)
    snapshot = Snapshot(document=difference_of(before, after), moment=world.clock.monotonic(), database="d")
    world.clock.advance(1.0)
    world.agent.hint(BALANCER, after.generation, snapshot)


def test_of_two_documents_that_wait_the_newer_counts(world: World) -> None:
    newer, now = with_member(make_desired(), 0, weight=7), world.clock.monotonic()
    world.clock.advance(1.0)
    for document, moment in ((newer, now + 0.2), (make_desired(), now + 0.1)):
        world.agent.hint(BALANCER, document.generation, Snapshot(document=document, moment=moment, database="d"))
    world.run()
    assert (world.server.fetches, world.server.outcomes) == (0, [(2, DONE)])
    assert str(world.host) == _built(newer)


def test_what_is_removed_needs_no_fetch(world: World) -> None:
    document = make_desired()
    world.apply(document)
    fetches, now = world.server.fetches, world.clock.monotonic()
    world.clock.advance(1.0)
    gone = Gone(load_balancer_id=BALANCER, generation=document.generation + 1)
    world.server.put(gone)
    world.agent.hint(BALANCER, gone.generation or 0, Snapshot(document=gone, moment=now + 0.5, database="d"))
    world.run()
    assert (world.server.fetches, world.server.outcomes[-1]) == (fetches, (2, DONE))
    assert str(world.host) == ""


def _hint_with(world: World, document: Desired, moment: float, *, put: bool = True, ahead: bool = True) -> None:
    if put:
        world.server.put(document)
    if ahead:
        world.clock.advance(1.0)
    world.agent.hint(BALANCER, document.generation, Snapshot(document=document, moment=moment, database="d"))
    world.run()


def test_what_asks_for_nothing_is_planned_but_once_and_anew_where_anything_differs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []

    def counting(*arguments: Any, **more: Any) -> Any:
        planned.append(arguments)
        return plan(*arguments, **more)

    monkeypatch.setattr("evenload.agent.planning.plan", counting)
    world.apply(make_desired())
    for _ in range(2):
        world.agent.resync()
        world.run()
    del planned[:]
    for _ in range(3):
        world.agent.resync()
        world.run()
    assert planned == []
    place = world.host.places[BALANCER]
    assert place.process is not None
    place.process.servers[uuid(4), uuid(5)].weight = 77
    world.agent.resync()
    world.run()
    assert len(planned) == 1
    assert place.process.servers[uuid(4), uuid(5)].weight == 1
