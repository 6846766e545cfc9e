"""Killed between HAProxy's begin and its bind: the process itself, or the agent that holds it back."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.root.haproxy_agents import agent_to_be_killed, asking, read_workers
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.waiting import eventually

from evenload.model.errors import Hopeless, HostError
from evenload.model.observed import HaproxyObserved

pytestmark = pytest.mark.root

AGENT = """
text, worker, takeover = sys.argv[4:]
haproxy.begin_haproxy(load_balancer_id, text, int(worker), takeover=takeover == "takeover")
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def workers(stage: Stage) -> dict[int, int]:
    """Number → pid."""
    return {worker.number: worker.pid for worker in read_workers(stage)}


def the_worker(stage: Stage, number: int) -> int:
    """A process has no arguments for the first moment of its life."""
    assert eventually(lambda: number in workers(stage))
    return workers(stage)[number]


def next_text(stage: Stage) -> str:
    stage.worker += 1
    return stage.render(desired(member(1)))


def agent_killed_after_begin(stage: Stage, text: str, *, takeover: bool) -> AbstractContextManager[None]:
    return agent_to_be_killed(stage, AGENT, text, str(stage.worker), "takeover" if takeover else "start")


def test_begun_haproxy_killed_before_it_binds_is_a_failed_start_that_leaves_nothing(stage: Stage) -> None:
    text = next_text(stage)
    stage.haproxy.begin_haproxy(stage.id, text, 1, takeover=False)
    os.kill(the_worker(stage, 1), signal.SIGKILL)
    with pytest.raises(HostError, match="does not start: it ended with -9") as raised:
        stage.haproxy.start_haproxy(stage.id, text, 1)
    assert not isinstance(raised.value, Hopeless)  # the next attempt may succeed, and does
    assert stage.haproxy.observe(stage.id) == HaproxyObserved()
    assert workers(stage) == {}
    stage.haproxy.start_haproxy(stage.id, text, 1)
    assert stage.get() == "backend 1"


def test_begun_haproxy_killed_before_it_takes_over_leaves_the_old_one_serving(stage: Stage) -> None:
    old, live = stage.start(desired(member(1))), stage.text
    text = next_text(stage)
    with asking(stage):
        stage.haproxy.begin_haproxy(stage.id, text, 2, takeover=True)
        os.kill(the_worker(stage, 2), signal.SIGKILL)
        with pytest.raises(HostError, match="does not start: it ended with -9"):
            stage.haproxy.reload_haproxy(stage.id, text, 2, None)
        observed = stage.haproxy.observe(stage.id)
        assert observed.process is not None
        assert (observed.process.pid, observed.process.text, observed.config) == (old, live, live)
        assert workers(stage) == {1: old}
        new = stage.haproxy.reload_haproxy(stage.id, text, 2, None)
    assert stage.haproxy.current_pid(stage.id) == new
    assert eventually(lambda: stage.haproxy.read_statistics(stage.id).keys() == {2})


def test_agent_killed_between_begin_and_bind_leaves_a_process_that_the_next_agent_adopts(stage: Stage) -> None:
    text = next_text(stage)
    with agent_killed_after_begin(stage, text, takeover=False):
        assert not stage.files.path(stage.id, "haproxy-1.pid").exists()
        with pytest.raises(ConnectionRefusedError):
            stage.connect()
    # Its gate has opened with the agent's end: it goes on, and its own pid file tells of it.
    assert eventually(lambda: stage.haproxy.current_pid(stage.id) is not None)
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert (process.worker, process.text) == (1, text)
    assert stage.get() == "backend 1"
    stage.haproxy.record_running(stage.id, text)
    assert set(workers(stage)) == {1}


def test_agent_killed_between_begin_and_takeover_leaves_a_takeover_that_nobody_notices(stage: Stage) -> None:
    old = stage.start(desired(member(1)))
    text = next_text(stage)
    with asking(stage):
        with agent_killed_after_begin(stage, text, takeover=True):
            assert stage.haproxy.current_pid(stage.id) == old
        assert eventually(lambda: stage.haproxy.current_pid(stage.id) not in (None, old))
        process = stage.haproxy.observe(stage.id).process
        assert process is not None
        assert (process.worker, process.text) == (2, text)
        stage.haproxy.record_running(stage.id, text)
    assert eventually(lambda: not Path(f"/proc/{old}").exists())


def test_an_unwritten_pid_file_is_left_to_the_process_that_is_starting(stage: Stage) -> None:
    """HAProxy opens it a moment before it knows its daemon's pid. Whoever looks then is not the agent that began it."""
    old = stage.start(desired(member(1)))
    text = next_text(stage)
    with agent_killed_after_begin(stage, text, takeover=True):
        the_worker(stage, 2)
        stage.files.write(stage.id, "haproxy-2.pid", "")
        assert stage.haproxy.current_pid(stage.id) == old
        assert stage.files.read(stage.id, "haproxy-2.pid") == ""
    assert eventually(lambda: stage.haproxy.current_pid(stage.id) not in (None, old))
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert (process.worker, process.text) == (2, text)


def test_agent_killed_before_the_network_is_there_leaves_a_process_that_ends_by_itself(stage: Stage) -> None:
    address = ["ip", "-n", stage.namespace.name, "addr"]
    subprocess.run([*address, "del", f"{VIP}/32", "dev", "lo"], check=True)
    text = next_text(stage)
    with agent_killed_after_begin(stage, text, takeover=False):
        the_worker(stage, 1)
    assert eventually(lambda: workers(stage) == {})
    assert stage.haproxy.observe(stage.id) == HaproxyObserved()
    subprocess.run([*address, "add", f"{VIP}/32", "dev", "lo"], check=True)
    stage.haproxy.start_haproxy(stage.id, text, 1)
    assert stage.get() == "backend 1"
