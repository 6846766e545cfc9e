"""Processes begun before they are needed: used for the start they were begun for, ended without a trace otherwise."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.root.haproxy_agents import agent_to_be_killed, asking, read_workers
from tests.root.haproxy_stage import Stage, desired, member
from tests.waiting import eventually

from evenload.host import haproxy_process, netns
from evenload.host.haproxy import Haproxy
from evenload.model.errors import InvalidConfiguration
from evenload.model.observed import HaproxyObserved

pytestmark = pytest.mark.root

AGENT = """
worker, text = sys.argv[4:]
haproxy.begin_spare(load_balancer_id, int(worker), takeover=int(worker) > 1)
if text:
    files.write(load_balancer_id, f"haproxy-{worker}.cfg", text)
"""
"""Begins a spare, and puts the text down where there is one."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def processes(stage: Stage) -> dict[int, bool]:
    """By pid: every HAProxy of this load balancer, and whether it began as a spare."""
    return {worker.pid: worker.spare for worker in read_workers(stage)}


def files(stage: Stage) -> set[str]:
    return {name for name in os.listdir(stage.files.path(stage.id)) if name.startswith("haproxy-")}


def the_spare(stage: Stage) -> int:
    """A process has no arguments for the first moment of its life."""

    def found() -> list[int]:
        return [pid for pid, spare in processes(stage).items() if spare]

    assert eventually(lambda: len(found()) == 1)
    [pid] = found()
    return pid


def killed_agent(stage: Stage, worker: int, text: str = "") -> AbstractContextManager[None]:
    return agent_to_be_killed(stage, AGENT, str(worker), text)


def test_a_spare_becomes_the_first_worker(stage: Stage) -> None:
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    spare = the_spare(stage)
    assert stage.haproxy.observe(stage.id) == HaproxyObserved()  # swept around it, and not taken for a process
    pid = stage.start(desired(member(1)))
    assert processes(stage) == {pid: True}
    assert spare != pid  # it became a daemon
    assert stage.get() == "backend 1"
    assert files(stage) == {"haproxy-1.cfg", "haproxy-1.pid", "haproxy-1.sock"}
    assert stage.files.read(stage.id, "haproxy-1.cfg") == stage.text
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert (process.pid, process.worker, process.text) == (pid, 1, stage.text)


def test_a_spare_takes_over_and_nobody_notices(stage: Stage) -> None:
    former = stage.start(desired(member(1)))
    with asking(stage):
        for _ in range(3):
            stage.haproxy.begin_spare(stage.id, stage.worker + 1, takeover=True)
            new = stage.reload(desired(member(1)))
            assert processes(stage)[new]
            assert stage.haproxy.current_pid(stage.id) == new
    assert eventually(lambda: stage.haproxy.read_statistics(stage.id).keys() == {4})
    assert eventually(lambda: not Path(f"/proc/{former}").exists())


def test_a_text_of_any_length_reaches_a_spare(stage: Stage) -> None:
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    stage.worker = 1
    lines = "\n".join(f"    # {number} " + "x" * 100 for number in range(3000))
    text = f"{stage.render(desired(member(1)))}\n{lines}\n"
    assert len(text) > 300_000
    pid = stage.haproxy.start_haproxy(stage.id, text, 1)
    assert processes(stage) == {pid: True}
    assert stage.get() == "backend 1"


def test_a_text_that_haproxy_refuses_is_refused_by_a_spare_too(stage: Stage) -> None:
    old = stage.start(desired(member(1)))
    stage.haproxy.begin_spare(stage.id, 2, takeover=True)
    with pytest.raises(InvalidConfiguration, match="unknown keyword 'nonsense'"):
        stage.haproxy.reload_haproxy(stage.id, "global\n    nonsense\n", 2, None)
    assert processes(stage) == {old: False}
    assert stage.get() == "backend 1"
    assert stage.reload(desired(member(1))) in processes(stage)


def upgrade(stage: Stage) -> None:
    binary = Path(stage.settings.haproxy.binary)
    shutil.copy2(binary, binary.with_suffix(".new"))
    os.rename(binary.with_suffix(".new"), binary)


def kill(stage: Stage) -> None:
    spare = the_spare(stage)
    os.kill(spare, signal.SIGKILL)
    assert eventually(lambda: haproxy_process.start_time(spare) is None)


def another_worker(stage: Stage) -> None:
    stage.worker += 1


def another_namespace(stage: Stage) -> None:
    """The load balancer was built anew; what ran in the former one runs on there."""
    backend = stage.backends.pop()
    backend.stop()
    netns.remove(stage.namespace)
    stage.make_namespace()
    stage.backend(1)


@pytest.mark.parametrize("event", [upgrade, kill, another_worker, another_namespace])
def test_a_spare_that_does_not_serve_is_ended_and_the_start_goes_its_usual_way(
    stage: Stage, event: Callable[[Stage], None]
) -> None:
    binary = stage.directory / "haproxy"
    shutil.copy2(stage.settings.haproxy.binary, binary)
    stage.settings = replace(stage.settings, haproxy=replace(stage.settings.haproxy, binary=str(binary)))
    stage.haproxy = Haproxy(stage.settings, stage.files)
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    event(stage)
    pid = stage.start(desired(member(1)))
    assert processes(stage) == {pid: False}
    assert stage.get() == "backend 1"
    stage.haproxy.observe(stage.id)
    assert files(stage) == {f"haproxy-{stage.worker}.{suffix}" for suffix in ("cfg", "pid", "sock")}


def test_a_spare_does_not_take_over_from_another_process_than_its_own(stage: Stage) -> None:
    stage.start(desired(member(1)))
    stage.haproxy.begin_spare(stage.id, 3, takeover=True)
    second = stage.reload(desired(member(1)))
    stage.haproxy.begin_spare(stage.id, 4, takeover=True)
    spare = the_spare(stage)
    os.kill(second, signal.SIGKILL)
    assert eventually(lambda: second not in processes(stage))
    stage.worker = 3
    pid = stage.start(desired(member(1)))
    assert processes(stage)[pid] is False
    assert spare not in processes(stage)
    assert stage.get() == "backend 1"


def test_an_ended_spare_leaves_nothing_and_another_may_come(stage: Stage) -> None:
    for _ in range(2):
        stage.haproxy.begin_spare(stage.id, 1, takeover=False)
        stage.haproxy.begin_spare(stage.id, 2, takeover=False)  # in its place
        the_spare(stage)
        assert files(stage) == {"haproxy-2.cfg"}
        stage.haproxy.end_spare(stage.id)
        stage.haproxy.end_spare(stage.id)
        assert (processes(stage), files(stage)) == ({}, set())
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    stage.haproxy.stop_haproxy(stage.id)
    assert (processes(stage), files(stage)) == ({}, set())
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    stage.haproxy.close()
    assert (processes(stage), files(stage)) == ({}, set())


def test_a_spare_is_no_orphan_and_hides_none(stage: Stage) -> None:
    pid = stage.start(desired(member(1)))
    stage.haproxy.begin_spare(stage.id, 2, takeover=True)
    assert stage.haproxy.find_orphans() == frozenset()
    stage.files.remove(stage.id, "haproxy-1.pid")
    assert stage.haproxy.find_orphans() == {stage.id}
    spare = the_spare(stage)
    stage.worker = 1
    new = stage.start(desired(member(1)))
    assert eventually(lambda: processes(stage) == {new: False})
    assert spare != pid


def test_a_spare_ends_with_its_agent_and_has_touched_nothing(stage: Stage) -> None:
    old, text = stage.start(desired(member(1))), stage.text
    with asking(stage):
        with killed_agent(stage, 2):
            assert eventually(lambda: len(processes(stage)) == 2)
        assert eventually(lambda: processes(stage) == {old: False})
        process = stage.haproxy.observe(stage.id).process
        assert process is not None
        assert (process.pid, process.text) == (old, text)
    assert files(stage) == {"haproxy-1.cfg", "haproxy-1.pid", "haproxy-1.sock"}


def test_agent_killed_when_the_text_is_there_leaves_a_takeover_that_nobody_notices(stage: Stage) -> None:
    old = stage.start(desired(member(1)))
    stage.worker = 2
    text = stage.render(desired(member(1)))
    with asking(stage):
        with killed_agent(stage, 2, text):
            assert stage.haproxy.current_pid(stage.id) == old
        assert eventually(lambda: stage.haproxy.current_pid(stage.id) not in (None, old))
        process = stage.haproxy.observe(stage.id).process
        assert process is not None
        assert (process.worker, process.text) == (2, text)
    assert eventually(lambda: not Path(f"/proc/{old}").exists())


def test_a_spare_waits_with_no_descriptor_of_ours(stage: Stage) -> None:
    stage.haproxy.begin_spare(stage.id, 1, takeover=False)
    pid = the_spare(stage)

    found: dict[str, str] = {}

    def waits() -> bool:
        """It has opened the first of its files, a pipe of ours, once more; while it loads it opens others."""
        found.clear()
        with suppress(FileNotFoundError):
            found.update({name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")})
        return list(found.values()).count(found.get("1", "")) == 2

    assert eventually(waits)
    ours = [target for target in found.values() if target.startswith(("/", "socket:")) and "memfd" not in target]
    assert [target for target in ours if not target.startswith("/dev/")] == []
    started = stage.start(desired(member(1)))
    pipes = [os.readlink(f"/proc/{started}/fd/{number}") for number in (0, 1, 2)]
    assert eventually(
        lambda: [os.readlink(f"/proc/{started}/fd/{number}") for number in (0, 1, 2)] == ["/dev/null"] * 3
    ), pipes
