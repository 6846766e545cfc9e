"""Pools with several monitors: a member gets connections while all of them agree, whatever happens meanwhile."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from demo.traffic import FAILURES
from tests.fakes.desired import monitor, uuid
from tests.root.agent_stage import Change, Stage, staged
from tests.root.lab import Lab, run
from tests.waiting import Repeating, eventually, grows

from evenload.model.balancer import HealthMonitor, HttpCheck
from evenload.model.desired import Desired
from evenload.model.enums import MonitorType, OperatingStatus

pytestmark = pytest.mark.root

POOL, FIRST, SECOND, THIRD = uuid(4), uuid(5), uuid(5, 1), uuid(5, 2)
ONLINE, ERROR = OperatingStatus.ONLINE, OperatingStatus.ERROR
HTTP_A = monitor(rise=1, fall=1, http=HttpCheck(url_path="/a"))
HTTP_B = monitor(number=1, rise=1, fall=1, http=HttpCheck(url_path="/b"))
PING = monitor(number=2, kind=MonitorType.PING, rise=1, fall=1)
BOTH = (HTTP_A, HTTP_B)
SOME = 20
"""Requests."""


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def is_(stage: Stage, identifier: str, status: OperatingStatus) -> bool:
    return eventually(lambda: stage.server.statuses.get(identifier) is status)


def serve_is(stage: Stage, *bodies: str) -> bool:
    return eventually(lambda: stage.bodies() == set(bodies))


def two_listeners(stage: Stage, generation: int, monitors: tuple[HealthMonitor, ...] = BOTH) -> Desired:
    """A desired state that takes a reload, the pool being in two backends then."""
    more = stage.listener(1, timeout_member_data=9000)
    return stage.put(generation, monitors=monitors, listeners=(stage.listener(), more))


@contextmanager
def only_from(stage: Stage, body: str) -> Iterator[Repeating]:
    """No request meanwhile is answered by anybody else, or not at all."""

    def ask() -> str | None:
        try:
            found = stage.ask().body.decode()
        except FAILURES as error:
            return repr(error)
        return None if found == body else found

    with Repeating(ask, threads=2) as asking:
        yield asking
        asking.await_more(SOME)
    assert asking.bad == []


def await_checks(stage: Stage, backend: int, path: str) -> None:
    """Returns when that back end has been checked there once, from the beginning to the end."""
    assert grows(lambda: stage.backends[backend].asked[path], 2)


def await_looks(stage: Stage) -> None:
    """Returns when the agent has read once what HAProxy found, from the beginning to the end."""
    assert grows(lambda: stage.host.looks, 2)


@pytest.mark.parametrize("path", ["/a", "/b"])
def test_a_member_that_fails_one_of_two_monitors(stage: Stage, path: str) -> None:
    stage.apply(stage.put(monitors=BOTH))
    assert all(is_(stage, each, ONLINE) for each in (stage.id, POOL, FIRST, SECOND))
    assert serve_is(stage, "0", "1")
    stage.backends[0].answers[path] = 500
    assert is_(stage, FIRST, ERROR)
    assert is_(stage, POOL, OperatingStatus.DEGRADED)
    assert serve_is(stage, "1")
    assert stage.server.statuses[SECOND] is ONLINE
    stage.backends[0].answers.clear()
    assert is_(stage, FIRST, ONLINE)
    assert is_(stage, stage.id, ONLINE)
    assert serve_is(stage, "0", "1")


def test_a_member_that_fails_both_comes_back_when_both_are_content(stage: Stage) -> None:
    stage.apply(stage.put(monitors=BOTH))
    assert is_(stage, FIRST, ONLINE)
    stage.backends[0].answers.update({"/a": 500, "/b": 500})
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    with only_from(stage, "1") as asking:
        for failing, good in (("/a", "/b"), ("/b", "/a"), ("/a", "/b")):
            stage.backends[0].answers[failing] = 500
            await_checks(stage, 0, failing)
            await_looks(stage)
            stage.backends[0].answers[good] = 200
            await_checks(stage, 0, good)
            await_looks(stage)
            asking.await_more(SOME)
    assert stage.server.statuses[FIRST] is ERROR
    stage.backends[0].answers.clear()
    assert is_(stage, FIRST, ONLINE)
    assert serve_is(stage, "0", "1")


def test_a_veto_outlives_reloads_without_a_single_request(stage: Stage) -> None:
    stage.apply(stage.put(monitors=BOTH))
    stage.backends[0].answers["/b"] = 500
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    with only_from(stage, "1") as asking:
        for generation in range(2, 10):
            wanted = two_listeners(stage, generation) if generation % 2 == 0 else stage.put(generation, monitors=BOTH)
            assert stage.apply(wanted).change is Change.RELOAD
            await_looks(stage)
            asking.await_more(SOME)
    assert stage.server.statuses[FIRST] is ERROR
    stage.backends[0].answers.clear()
    assert is_(stage, FIRST, ONLINE)
    assert serve_is(stage, "0", "1")


def test_the_first_monitor_goes_and_the_one_that_fails_takes_its_place(stage: Stage) -> None:
    stage.apply(stage.put(monitors=(*BOTH, PING)))
    stage.backends[0].answers["/b"] = 500
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    with only_from(stage, "1"):
        stage.apply(stage.put(2, monitors=(HTTP_B, PING)))
        await_checks(stage, 0, "/b")
        await_looks(stage)
        stage.apply(stage.put(3, monitors=(HTTP_B,)))
        await_checks(stage, 0, "/b")
        await_looks(stage)
    stage.backends[0].answers.clear()
    assert is_(stage, FIRST, ONLINE)
    assert serve_is(stage, "0", "1")


@pytest.mark.parametrize("disabled", [False, True])
def test_with_the_monitor_that_vetoes_goes_the_veto(stage: Stage, disabled: bool) -> None:
    stage.apply(stage.put(monitors=(HTTP_A, HTTP_B, monitor(number=3))))
    stage.backends[0].answers["/b"] = 500
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    off = (monitor(number=1, admin_state_up=False),) if disabled else ()
    stage.apply(stage.put(2, monitors=(HTTP_A, *off, monitor(number=3))))
    assert serve_is(stage, "0", "1")
    assert is_(stage, FIRST, ONLINE)
    stage.apply(stage.put(3, monitors=(HTTP_A, HTTP_B)))
    assert is_(stage, FIRST, ERROR)
    stage.apply(stage.put(4, monitors=(HTTP_A, *off)))
    assert stage.bodies() == {"0", "1"}
    assert is_(stage, FIRST, ONLINE)


def test_pings_beside_http(stage: Stage) -> None:
    stage.apply(stage.put(monitors=(PING, HTTP_A)))
    assert is_(stage, FIRST, ONLINE)
    stage.backends[0].answers["/a"] = 500
    assert is_(stage, FIRST, ERROR)
    stage.backends[0].answers.clear()
    assert is_(stage, FIRST, ONLINE)
    silence(stage, 0, True)
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    with only_from(stage, "1"):
        stage.apply(two_listeners(stage, 2, (PING, HTTP_A)))
        stage.restart_agent()
        assert grows(lambda: pings(stage, 0, "InEchos"), 2)
        await_looks(stage)
    stage.apply(stage.put(3, monitors=(HTTP_A,)))
    assert stage.bodies() == {"0", "1"}
    stage.apply(stage.put(4, monitors=(PING, HTTP_A)))
    assert is_(stage, FIRST, ERROR)
    silence(stage, 0, False)
    assert is_(stage, FIRST, ONLINE)
    assert serve_is(stage, "0", "1")


def test_two_pings_of_which_one_is_slower_to_forgive(stage: Stage) -> None:
    patient = monitor(number=3, kind=MonitorType.PING, rise=3, fall=1)
    stage.apply(stage.put(monitors=(PING, patient)))
    assert is_(stage, FIRST, ONLINE)
    silence(stage, 0, True)
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    silence(stage, 0, False)
    answered = pings(stage, 0, "OutEchoReps")
    assert serve_is(stage, "0", "1")
    # Three for the one, and as many for the other meanwhile; one each would do if the first one were enough.
    assert pings(stage, 0, "OutEchoReps") - answered >= 4
    assert is_(stage, FIRST, ONLINE)


def test_a_member_comes_and_goes_at_run_time(stage: Stage) -> None:
    stage.backends[2].answers["/b"] = 500
    stage.apply(stage.put(monitors=BOTH))
    pid = stage.pid()
    assert stage.apply(stage.put(2, members=3, monitors=BOTH)).change is Change.RUNTIME
    assert is_(stage, THIRD, ERROR)
    assert serve_is(stage, "0", "1")
    stage.backends[2].answers.clear()
    assert is_(stage, THIRD, ONLINE)
    assert serve_is(stage, "0", "1", "2")
    for path in ("/b", "/a"):
        stage.backends[2].answers = {path: 500}
        assert is_(stage, THIRD, ERROR)
        assert serve_is(stage, "0", "1")
        stage.backends[2].answers = {}
        assert is_(stage, THIRD, ONLINE)
    resting = (stage.member(0), stage.member(1, weight=5), stage.member(2, admin_state_up=False))
    assert stage.apply(stage.put(3, members=resting, monitors=BOTH)).change is Change.RUNTIME
    await_checks(stage, 0, "/a")  # what was under way has come to its end then
    hits = stage.backends[2].hits
    await_checks(stage, 0, "/a")
    assert stage.backends[2].hits == hits
    stage.backends[0].answers["/b"] = 500
    assert is_(stage, FIRST, ERROR)
    gone = (stage.member(1), stage.member(2))
    assert stage.apply(stage.put(4, members=gone, monitors=BOTH)).change is Change.RUNTIME
    assert serve_is(stage, "1", "2")
    [states] = stage.host.runtime(stage.id, [f"show servers state {POOL}:check:{HTTP_B.id}"])
    assert FIRST not in states
    back = (stage.member(7, address=stage.backends[0].address), *gone)
    stage.backends[0].answers.clear()
    assert stage.apply(stage.put(5, members=back, monitors=BOTH)).change is Change.RUNTIME
    assert serve_is(stage, "0", "1", "2")
    assert stage.pid() == pid


def test_another_agent_and_another_process_know_it_too(stage: Stage) -> None:
    stage.apply(stage.put(monitors=BOTH))
    stage.backends[0].answers["/b"] = 500
    assert is_(stage, FIRST, ERROR)
    assert serve_is(stage, "1")
    pid = stage.pid()
    with only_from(stage, "1"):
        stage.restart_agent()
        await_looks(stage)
        await_checks(stage, 0, "/b")
    assert stage.pid() == pid
    # Somebody meddles with it, and the next look mends that.
    stage.host.runtime(stage.id, [f"set server {POOL}/{FIRST} agent up"])
    assert serve_is(stage, "1")
    stage.host.runtime(stage.id, [f"disable agent {POOL}/{FIRST}", f"set server {POOL}/{FIRST} health up"])
    assert serve_is(stage, "1")
    os.kill(pid, signal.SIGKILL)
    assert eventually(stage.answers)
    assert serve_is(stage, "1")
    stage.restart_agent()
    stage.backends[0].answers.clear()
    assert serve_is(stage, "0", "1")
    assert is_(stage, FIRST, ONLINE)


def pings(stage: Stage, number: int, counter: str) -> int:
    """What a back end's kernel has counted so far."""
    lines = run("cat", "/proc/net/snmp", namespace=stage.machines[number].namespace.name).splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Icmp:"))
    return int(dict(zip(names, values, strict=True))[counter])


def silence(stage: Stage, number: int, silent: bool) -> None:
    """Whether a back end leaves pings unanswered, though it answers everything else."""
    setting = f"net.ipv4.icmp_echo_ignore_all={int(silent)}"
    run("sysctl", "-qw", setting, namespace=stage.machines[number].namespace.name)
