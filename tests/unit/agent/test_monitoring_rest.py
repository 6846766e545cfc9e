"""What is at rest is looked at less often, and at once when anything happens."""

from dataclasses import replace

import pytest
from tests.fakes.desired import BALANCER, changed, make_desired, member, monitor
from tests.unit.agent.test_monitoring import ERROR, FIRST, POOL, World

from evenload.agent.pace import QUIET_AFTER
from evenload.model.enums import MonitorType
from evenload.model.verdict import Verdict


class Counted(World):
    """At rest: each look of the last ones found nothing new."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, delay: int = 10) -> None:
        super().__init__()
        self.asked = 0
        read = self.host.read_statistics

        def counting(load_balancer_id: str) -> object:
            self.asked += 1
            return read(load_balancer_id)

        monkeypatch.setattr(self.host, "read_statistics", counting)
        self.apply(make_desired(monitors=(monitor(delay=delay),)))
        for _ in range(QUIET_AFTER + 3):
            self.look()

    def asked_in(self, looks: int) -> int:
        before = self.asked
        for _ in range(looks):
            self.look()
        return self.asked - before


def test_what_is_at_rest_is_asked_at_every_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Counted(monkeypatch).asked_in(30) == 15


def test_verdicts_of_frequent_checks_are_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Counted(monkeypatch, delay=1).asked_in(12) == 12


def test_a_member_that_goes_down_is_told_in_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    process = world.host.places[BALANCER].process
    assert process is not None
    process.servers[POOL, FIRST].up = False
    assert sum(world.look() for _ in range(2)) == 1
    assert world.server.statuses[FIRST] is ERROR
    assert world.asked_in(2) == 2  # and what follows is told at once


def test_with_a_connection_every_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.traffic(1, active=1)
    world.asked_in(QUIET_AFTER + 3)
    assert world.asked_in(6) == 6


def test_a_change_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.asked_in(1)
    before = make_desired(monitors=(monitor(delay=10),))
    world.apply(changed(before, members=(member(0), member(1, weight=7))))
    assert world.asked_in(1) == 1


def test_a_ping_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.apply(changed(make_desired(monitors=(monitor(kind=MonitorType.PING, delay=60),))))
    place = world.host.places[BALANCER]
    world.asked_in(QUIET_AFTER + 1)
    while world.asked_in(1) == 0:
        pass
    target = next(each for each in place.targets if each.member == FIRST)
    assert place.on_verdict is not None
    place.on_verdict(BALANCER, Verdict(monitor=target.monitor, member=FIRST, up=False, reason="lost"))
    assert world.look() == 1
    assert world.server.statuses[FIRST] is ERROR


def test_a_finishing_worker_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.traffic(1, active=1)
    world.apply(changed(make_desired(monitors=(monitor(delay=20),))))
    assert world.host.places[BALANCER].finishing
    world.asked_in(QUIET_AFTER + 3)
    assert world.asked_in(6) == 6


def test_only_those_that_are_due_are_asked_and_all_of_them_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    del world.host.asked_ahead[:]
    assert world.asked_in(4) == 2
    assert sorted(world.host.asked_ahead) == [(), (), (BALANCER,), (BALANCER,)]


def test_in_between_only_those_at_rest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    while world.asked_in(1) == 0:
        pass
    world.clock.advance(1.5)
    before = world.asked
    world.agent.monitoring.look(only_resting=True)
    assert world.asked == before + 1
    world.traffic(1, active=1)
    world.asked_in(2)
    before = world.asked
    world.clock.advance(0.5)
    world.agent.monitoring.look(only_resting=True)
    assert world.asked == before


def test_at_rest_the_counters_are_not_written_out_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Counted(monkeypatch)
    world.asked_in(10)
    dumped: list[object] = []
    monkeypatch.setattr("evenload.agent.kept_counters.dump_counters", dumped.append)
    world.asked_in(60)
    assert not dumped


def test_all_is_said_again_after_each_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of which the server has heard meanwhile has moved its statuses."""
    world = Counted(monkeypatch)
    memory = world.agent._memories.of(BALANCER)
    assert memory.reports.acknowledged is not None
    memory.reports.acknowledged = replace(memory.reports.acknowledged, moment=world.clock.monotonic())
    assert sum(world.look() for _ in range(2)) == 1
    assert len(world.server.heard[-1].statuses) == 5
