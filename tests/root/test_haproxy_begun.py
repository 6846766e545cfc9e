"""Killed between HAProxy's begin and its bind: the process itself, or the agent that holds it back."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.waiting import Repeating, eventually

from evenload.host import haproxy_process
from evenload.host.haproxy_arguments import named_file
from evenload.model.errors import Hopeless, HostError
from evenload.model.observed import HaproxyObserved

pytestmark = pytest.mark.root

AGENT = """
import sys
from pathlib import Path
from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HaproxySettings, HostSettings

state_dir, chroot, load_balancer_id, text, worker, takeover = sys.argv[1:]
settings = HostSettings(state_dir=Path(state_dir), haproxy=HaproxySettings(chroot=Path(chroot)))
haproxy = Haproxy(settings, StateFiles(settings.state_dir))
haproxy.begin_haproxy(load_balancer_id, text, int(worker), takeover=takeover == "takeover")
print("begun", flush=True)
sys.stdin.read()
"""
"""Begins a process and waits to be killed; its own end of the pipe goes with it."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def workers(stage: Stage) -> dict[int, int]:
    """Number → pid of every HAProxy of this load balancer, with or without a pid file."""
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        named = named_file(haproxy_process.arguments_of(pid))
        if named is not None and named.parent == stage.files.path(stage.id):
            found[int(named.stem.partition("-")[2])] = pid
    return found


def the_worker(stage: Stage, number: int) -> int:
    """A process has no arguments for the first moment of its life."""
    assert eventually(lambda: number in workers(stage))
    return workers(stage)[number]


def next_text(stage: Stage) -> str:
    stage.worker += 1
    return stage.render(desired(member(1)))


@contextmanager
def asking(stage: Stage) -> Iterator[None]:
    """Somebody asks all the while, on a new connection each time, and is answered."""

    def ask() -> str | None:
        try:
            return None if stage.get() == "backend 1" else "another answer"
        except OSError as error:
            return repr(error)

    with Repeating(ask) as repeating:
        repeating.await_more(1)
        yield
        repeating.await_more(3)
    assert repeating.bad == []


@contextmanager
def agent_killed_after_begin(stage: Stage, text: str, *, takeover: bool) -> Iterator[None]:
    """Inside, another agent has begun a process; it is killed afterwards."""
    arguments = [str(stage.settings.state_dir), str(stage.settings.haproxy.chroot), stage.id, text, str(stage.worker)]
    program = [sys.executable, "-c", AGENT, *arguments, "takeover" if takeover else "start"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stdout is not None
            assert agent.stdout.readline() == "begun\n"
            yield
        finally:
            agent.send_signal(signal.SIGKILL)
            agent.wait()


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
