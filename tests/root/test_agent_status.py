"""Statuses and counters as a real HAProxy and real pings give them."""

import os
import signal
from collections.abc import Iterator

import pytest
from demo.traffic import Client
from tests.fakes.desired import monitor, uuid
from tests.root.agent_stage import Stage, staged
from tests.root.lab import Lab, run_ip
from tests.waiting import eventually

from evenload.agent.verdicts import verdicts_of_checks
from evenload.model.desired import Change, Statistics
from evenload.model.enums import MonitorType, OperatingStatus

pytestmark = pytest.mark.root

LISTENER, POOL, FIRST, SECOND = uuid(3), uuid(4), uuid(5), uuid(5, 1)
ONLINE, DEGRADED, ERROR = OperatingStatus.ONLINE, OperatingStatus.DEGRADED, OperatingStatus.ERROR


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def is_(stage: Stage, identifier: str, status: OperatingStatus) -> bool:
    return eventually(lambda: stage.server.statuses.get(identifier) is status)


def counted(stage: Stage) -> Statistics:
    with stage.server.lock:
        found = [each.statistics[LISTENER] for each in stage.server.heard if LISTENER in each.statistics]
    return found[-1] if found else Statistics()


def test_a_member_that_fails_its_http_checks(stage: Stage) -> None:
    wanted = stage.put(monitors=(monitor(fall=1, rise=1),))
    stage.apply(wanted)
    assert all(is_(stage, each, ONLINE) for each in (stage.id, LISTENER, POOL, FIRST, SECOND))
    stage.backends[0].status = 500
    assert is_(stage, FIRST, ERROR)
    assert is_(stage, POOL, DEGRADED)
    assert is_(stage, stage.id, DEGRADED)
    assert stage.bodies() == {"1"}
    verdicts = verdicts_of_checks(wanted, stage.host.read_servers(stage.id))
    failed, passed = (verdicts[wanted.monitors[0].id, member] for member in (FIRST, SECOND))
    assert (failed.up, passed.up) == (False, True)
    assert "wrong HTTP status" in (failed.reason or "")
    assert "(L7STS/" in (failed.reason or "")
    assert failed.latency is not None
    assert failed.when is not None
    stage.backends[0].status = 200
    assert is_(stage, FIRST, ONLINE)
    assert is_(stage, stage.id, ONLINE)


def test_health_outlives_a_reload(stage: Stage) -> None:
    stage.backends[0].stop()
    wanted = stage.put(monitors=(monitor(fall=1, rise=1, delay=1),))
    stage.apply(wanted)
    assert is_(stage, FIRST, ERROR)
    heard = len(stage.server.heard)
    two = (stage.listener(), stage.listener(1))
    report = stage.apply(stage.put(2, monitors=wanted.monitors, listeners=two))
    assert report.change is Change.RELOAD
    assert stage.bodies(12) == {"1"}

    def said() -> set[OperatingStatus]:
        """Of the first member, in any of the reports since then: some may be about other objects alone."""
        return {each.statuses[FIRST] for each in stage.server.heard[heard:] if FIRST in each.statuses}

    assert eventually(lambda: bool(said()))
    assert said() == {ERROR}


def test_a_member_that_does_not_answer_pings(stage: Stage) -> None:
    wanted = stage.put(monitors=(monitor(kind=MonitorType.PING, rise=1, fall=1),))
    stage.apply(wanted)
    assert is_(stage, FIRST, ONLINE)
    assert is_(stage, SECOND, ONLINE)
    namespace = stage.machines[0].namespace.name
    run_ip(["link set eth0 down"], namespace=namespace)
    assert is_(stage, FIRST, ERROR)
    assert is_(stage, POOL, DEGRADED)
    assert stage.bodies() == {"1"}
    # A new process must be told of it again, before and after a death.
    two = (stage.listener(), stage.listener(1))
    stage.apply(stage.put(2, monitors=wanted.monitors, listeners=two))
    assert stage.bodies() == {"1"}
    os.kill(stage.pid(), signal.SIGKILL)
    assert eventually(stage.answers)
    assert eventually(lambda: stage.bodies() == {"1"})
    run_ip(["link set eth0 up"], namespace=namespace)
    assert is_(stage, FIRST, ONLINE)
    assert eventually(lambda: stage.bodies() == {"0", "1"})


def test_without_the_ping_monitor_a_silent_member_counts_as_up(stage: Stage) -> None:
    stage.apply(stage.put(monitors=(monitor(kind=MonitorType.PING, rise=1, fall=1),)))
    run_ip(["link set eth0 down"], namespace=stage.machines[0].namespace.name)
    assert is_(stage, FIRST, ERROR)
    run_ip(["link set eth0 up"], namespace=stage.machines[0].namespace.name)
    stage.apply(stage.put(2))
    assert is_(stage, FIRST, OperatingStatus.NO_MONITOR)
    assert stage.bodies() == {"0", "1"}


def test_counters_outlive_a_reload_a_death_and_the_agent(stage: Stage) -> None:
    stage.apply(stage.put())
    for _ in range(5):
        stage.ask()
    assert eventually(lambda: counted(stage).total_connections == 5)
    stage.apply(stage.put(2, listeners=(stage.listener(), stage.listener(1))))
    for _ in range(3):
        stage.ask()
    assert eventually(lambda: counted(stage).total_connections == 8)
    os.kill(stage.pid(), signal.SIGKILL)
    assert eventually(stage.answers)
    total = 9
    assert eventually(lambda: counted(stage).total_connections >= total)
    before = counted(stage)
    stage.restart_agent()
    stage.ask()
    assert eventually(lambda: counted(stage).total_connections == before.total_connections + 1)
    # Bytes are counted when the request has ended, which may be after the answer was read.
    assert eventually(lambda: counted(stage).bytes_out > before.bytes_out)
    assert counted(stage).bytes_in > before.bytes_in


def test_a_listener_at_its_connection_limit_is_degraded(stage: Stage) -> None:
    stage.apply(stage.put(listeners=(stage.listener(connection_limit=1),)))
    assert is_(stage, LISTENER, ONLINE)
    connection = Client(stage.client).open("10.7.0.5")
    try:
        connection.ask()
        assert is_(stage, LISTENER, DEGRADED)
        assert is_(stage, stage.id, DEGRADED)
    finally:
        connection.close()
    assert is_(stage, LISTENER, ONLINE)
