"""What stands ready for the next new load balancer: a namespace without a name and a HAProxy that waits in it."""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.root.agent_stage import Stage as AgentStage
from tests.root.agent_stage import staged
from tests.root.haproxy_agents import agent_to_be_killed
from tests.root.haproxy_stage import Stage, desired, member
from tests.root.lab import Lab
from tests.waiting import eventually

from evenload.host import haproxy_process, netns
from evenload.host.haproxy import Haproxy
from evenload.host.haproxy_arguments import named_file
from evenload.model.desired import Change, Gone

pytestmark = pytest.mark.root

WORK = """
until, text = sys.argv[4:]
haproxy.ensure_next()
if until != "ensure":
    assert haproxy.give_next(load_balancer_id)
if until == "write":
    settings.haproxy.chroot.mkdir(mode=0o555)
    files.write(load_balancer_id, "haproxy-1.cfg", text)
"""
"""What another agent does before it is killed."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Its load balancer has a state directory and no namespace yet."""
    with Stage() as stage:
        netns.remove(stage.namespace)
        yield stage


def processes(state_dir: Path) -> dict[int, str]:
    """By pid, the directory by which every HAProxy of this state directory names its files."""
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        named = named_file(haproxy_process.arguments_of(pid))
        if named is not None and named.parent.parent == state_dir:
            found[pid] = named.parent.name
    return found


def aliases(state_dir: Path) -> dict[str, str]:
    return {path.name: os.readlink(path) for path in state_dir.iterdir() if path.is_symlink()}


def furnish(stage: Stage) -> None:
    """What the network's steps do, and somebody to answer."""
    stage.make_namespace()
    stage.backend(1)


def age(stage: Stage) -> None:
    """Makes the links as old as those that a sweep takes."""
    for name in aliases(stage.settings.state_dir):
        os.utime(stage.settings.state_dir / name, (1, 1), follow_symlinks=False)


def test_it_becomes_the_first_worker_of_a_new_load_balancer(stage: Stage) -> None:
    state_dir = stage.settings.state_dir
    stage.haproxy.ensure_next()
    assert eventually(lambda: len(processes(state_dir)) == 1)
    stage.haproxy.ensure_next()  # the same stands
    [(waiting, alias)] = processes(state_dir).items()
    assert aliases(state_dir) == {alias: "spare"}
    assert stage.files.load_balancer_ids() == [stage.id]
    assert stage.haproxy.find_orphans() == frozenset()
    assert stage.haproxy.give_next(stage.id)
    assert netns.inode(stage.namespace) == haproxy_process.namespace_of(waiting)
    assert not stage.haproxy.give_next(stage.id)
    assert stage.haproxy.spares() == {stage.id: 1}
    furnish(stage)
    pid = stage.start(desired(member(1)))
    assert processes(state_dir) == {pid: alias}
    assert aliases(state_dir) == {alias: stage.id}
    assert stage.get() == "backend 1"
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert (process.pid, process.worker, process.text) == (pid, 1, stage.text)
    age(stage)
    assert stage.haproxy.find_orphans() == frozenset()
    assert aliases(state_dir) == {alias: stage.id}

    new = stage.reload(desired(member(1)))
    assert processes(state_dir)[new] == stage.id
    assert eventually(lambda: stage.haproxy.read_statistics(stage.id).keys() == {2})
    assert eventually(lambda: processes(state_dir) == {new: stage.id})
    stage.haproxy.find_orphans()
    assert aliases(state_dir) == {}
    assert stage.get() == "backend 1"


def test_an_agent_that_comes_later_ends_it_as_any_other(stage: Stage) -> None:
    stage.haproxy.ensure_next()
    stage.haproxy.give_next(stage.id)
    furnish(stage)
    pid = stage.start(desired(member(1)))
    stage.haproxy.close()
    stage.haproxy = Haproxy(stage.settings, stage.files)
    assert stage.haproxy.current_pid(stage.id) == pid
    assert stage.haproxy.find_orphans() == frozenset()
    stage.haproxy.stop_haproxy(stage.id)
    assert processes(stage.settings.state_dir) == {}
    assert aliases(stage.settings.state_dir) == {}


def test_a_process_whose_alias_was_removed_is_known_by_its_namespace(stage: Stage) -> None:
    stage.haproxy.ensure_next()
    stage.haproxy.give_next(stage.id)
    furnish(stage)
    pid = stage.start(desired(member(1)))
    [alias] = aliases(stage.settings.state_dir)
    os.unlink(stage.settings.state_dir / alias)
    assert stage.haproxy.current_pid(stage.id) == pid
    assert stage.reload(desired(member(1))) != pid
    assert stage.get() == "backend 1"


def test_a_process_whose_state_directory_was_lost_is_an_orphan(stage: Stage) -> None:
    stage.haproxy.ensure_next()
    stage.haproxy.give_next(stage.id)
    furnish(stage)
    stage.start(desired(member(1)))
    stage.files.remove_all(stage.id)
    assert stage.haproxy.find_orphans() == {stage.id}
    stage.haproxy.stop_haproxy(stage.id)
    assert processes(stage.settings.state_dir) == {}


@pytest.mark.parametrize("event", ["killed", "upgraded"])
def test_one_that_does_not_serve_is_not_given_away(stage: Stage, event: str) -> None:
    binary = stage.directory / "haproxy"
    shutil.copy2(stage.settings.haproxy.binary, binary)
    stage.settings = replace(stage.settings, haproxy=replace(stage.settings.haproxy, binary=str(binary)))
    stage.haproxy = Haproxy(stage.settings, stage.files)
    assert not stage.haproxy.give_next(stage.id)
    stage.haproxy.ensure_next()
    assert eventually(lambda: len(processes(stage.settings.state_dir)) == 1)
    [pid] = processes(stage.settings.state_dir)
    if event == "killed":
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: haproxy_process.start_time(pid) is None)
    else:
        os.utime(binary, (1, 1))
    assert not stage.haproxy.give_next(stage.id)
    assert not netns.exists(stage.namespace)
    assert (processes(stage.settings.state_dir), aliases(stage.settings.state_dir)) == ({}, {})


def test_a_load_balancer_that_had_a_process_gets_the_namespace_alone(stage: Stage) -> None:
    stage.files.write(stage.id, "haproxy-4.cfg", "of another life")
    stage.haproxy.ensure_next()
    assert stage.haproxy.give_next(stage.id)
    assert (processes(stage.settings.state_dir), aliases(stage.settings.state_dir)) == ({}, {})
    furnish(stage)
    stage.worker = 4
    pid = stage.start(desired(member(1)))
    assert processes(stage.settings.state_dir) == {pid: stage.id}
    assert stage.get() == "backend 1"


@pytest.mark.parametrize("until", ["ensure", "give"])
def test_it_ends_with_its_agent(stage: Stage, until: str) -> None:
    state_dir = stage.settings.state_dir
    with agent_to_be_killed(stage, WORK, until, ""):
        assert eventually(lambda: len(processes(state_dir)) == 1)
    assert eventually(lambda: processes(state_dir) == {})
    assert netns.exists(stage.namespace) == (until == "give")
    age(stage)
    assert stage.haproxy.find_orphans() == frozenset()
    assert aliases(state_dir) == {}
    furnish(stage)
    assert stage.start(desired(member(1))) in processes(state_dir)
    assert set(processes(state_dir).values()) == {stage.id}
    assert stage.get() == "backend 1"


def test_agent_killed_when_the_text_is_there_leaves_a_process_that_the_next_agent_adopts(stage: Stage) -> None:
    stage.worker = 1
    text = stage.render(desired(member(1)))
    with agent_to_be_killed(stage, WORK, "write", text):
        furnish(stage)
    assert eventually(lambda: stage.haproxy.current_pid(stage.id) is not None)
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert (process.worker, process.text) == (1, text)
    assert stage.get() == "backend 1"
    assert stage.haproxy.find_orphans() == frozenset()


def test_the_agent_has_one_and_leaves_nothing_of_it(lab: Lab) -> None:
    with staged(lab) as stage:
        state_dir = stage.settings.state_dir
        assert processes(state_dir) == {}  # nothing was asked for yet
        stage.apply(stage.put())

        def waiting() -> list[str]:
            return [name for name, target in aliases(state_dir).items() if target == "spare"]

        assert eventually(lambda: len(waiting()) == 1)
        create(stage)
        pid = stage.pid()
        alias = processes(state_dir)[pid]
        assert aliases(state_dir)[alias] == stage.id
        assert stage.bodies() == {"0", "1"}

        stage.restart_agent()
        assert stage.pid() == pid
        assert stage.apply(stage.put(4, listeners=(stage.listener(), stage.listener(1)))).change is Change.RELOAD
        assert stage.bodies(port=81) == {"0", "1"}
        stage.apply(Gone(load_balancer_id=stage.id, generation=5))
        stage.agent.stop()
        assert set(processes(state_dir).values()) <= {alias}  # a worker that ends with its last connection
        assert [target for target in aliases(state_dir).values() if target == "spare"] == []


def test_a_load_balancer_without_a_listener_keeps_it_for_its_first(lab: Lab) -> None:
    with staged(lab) as stage:
        state_dir = stage.settings.state_dir
        stage.apply(stage.put())
        assert eventually(lambda: "spare" in aliases(state_dir).values())
        create(stage, listeners=())
        [alias] = [name for name, target in aliases(state_dir).items() if target == stage.id]
        assert stage.host.spares() == {stage.id: 1}
        assert stage.apply(stage.put(4)).change is Change.START
        assert processes(state_dir)[stage.pid()] == alias
        assert stage.bodies() == {"0", "1"}


def create(stage: AgentStage, **fields: Any) -> None:
    """The load balancer is removed and another one made."""
    stage.apply(Gone(load_balancer_id=stage.id, generation=2))
    stage.id = stage.lab.load_balancer_id()
    stage.apply(stage.put(3, **fields))
