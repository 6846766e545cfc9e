"""The state directory of the version before counters had epochs and roles were processes, as that version wrote it.

``former_state`` holds two, made by that version's agent on a real host: of a process that was started, and of one that
came by a reload; the weight of a member was changed at runtime after that. What differs from host to host is replaced
by words between ``@``; the pid and the start time of the process are put in here.
"""

import json
from pathlib import Path

import pytest
from tests.fakes.desired import monitor
from tests.root.agent_stage import Stage, staged
from tests.root.lab import Lab, run
from tests.waiting import eventually

from evenload.agent.actions import BeginHaproxy, ReloadHaproxy
from evenload.agent.plan import plan
from evenload.host import haproxy_process
from evenload.model.desired import Change, Desired, Health
from evenload.payloads.documents import load_desired

pytestmark = pytest.mark.root

_FILES = Path(__file__).with_name("former_state")
_WEIGHT = 7
_GENERATIONS = {"started": 2, "reloaded": 3}
_WORKERS = {"started": 1, "reloaded": 2}
_COUNTED = {"started": 5, "reloaded": 4}
"""Connections that the living worker had counted by the record."""


def document(stage: Stage, name: str) -> Desired:
    """What that version had applied, in today's words."""
    weights = {"started": (_WEIGHT, 1), "reloaded": (_WEIGHT, 1, 1)}[name]
    members = tuple(stage.member(number, weight=weight) for number, weight in enumerate(weights))
    monitors = {"monitors": (monitor(),)} if name == "reloaded" else {}
    return stage.put(_GENERATIONS[name], members=members, **monitors)


def lay_down(stage: Stage, name: str) -> int:
    """Instead of what today's agent left: that version's files, and a process as that version ran it; its pid."""
    directory, worker = stage.settings.state_dir / stage.id, _WORKERS[name]
    stage.agent.stop()
    stage.host.stop_haproxy(stage.id)
    stage.host.remove_state(stage.id)
    directory.mkdir(mode=0o700)
    words = {
        "@LAB@": str(stage.lab.directory),
        "@BALANCER@": stage.id,
        "@PORT@": stage.port.id,
        "@MAC@": stage.port.mac_address,
    }
    for file in (_FILES / name).iterdir():
        text = file.read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        (directory / file.name).write_text(text)
    config, pid_file = (str(directory / f"haproxy-{worker}.{suffix}") for suffix in ("cfg", "pid"))
    run(stage.settings.haproxy.binary, "-D", "-f", config, "-p", pid_file, namespace=f"qlbaas-{stage.id}")
    (directory / "haproxy.sock").symlink_to(f"haproxy-{worker}.sock")
    pid = int(Path(pid_file).read_text())
    wanted = document(stage, name)
    stage.host.runtime(stage.id, [f"set server {wanted.pools[0].id}/{wanted.members[0].id} weight {_WEIGHT}"])
    recorded = json.loads((directory / "running.json").read_text())
    recorded.update(pid=pid, start_time=haproxy_process.start_time(pid))
    (directory / "running.json").write_text(json.dumps(recorded))
    return pid


def healths(stage: Stage, after: int) -> list[Health]:
    listener = stage.listener().id
    return [health for health in stage.server.heard[after:] if listener in health.statistics]


def counted(stage: Stage, after: int) -> list[int]:
    return [health.statistics[stage.listener().id].total_connections for health in healths(stage, after)]


@pytest.mark.parametrize("name", ["started", "reloaded"])
def test_the_former_version_s_state_directory_is_read_and_nothing_is_touched(lab: Lab, name: str) -> None:
    with staged(lab) as stage:
        stage.apply(stage.put())  # for the network, which was the same
        pid = lay_down(stage, name)
        directory = stage.settings.state_dir / stage.id
        wanted = document(stage, name)
        assert load_desired((directory / "desired.json").read_bytes()) == wanted

        observed = stage.host.observe(stage.id, stage.port)
        assert observed.applied == wanted
        assert observed.haproxy.process is not None
        assert (observed.haproxy.process.pid, observed.haproxy.process.worker) == (pid, _WORKERS[name])
        assert observed.haproxy.process.text == json.loads((directory / "running.json").read_text())["text"]
        assert not observed.haproxy.orphan
        decided = plan(wanted, observed, stage.options)
        # Today's text says more, so one process takes over from the other; nothing else is touched.
        kinds = [type(action) for action in decided.actions]
        assert (kinds, decided.change) == ([BeginHaproxy, ReloadHaproxy], Change.RELOAD)


@pytest.mark.parametrize("name", ["started", "reloaded"])
def test_the_agent_adopts_it_and_counts_on(lab: Lab, name: str) -> None:
    with staged(lab) as stage:
        stage.apply(stage.put())
        pid = lay_down(stage, name)
        # The process counts as much as was recorded, and one more that nobody has read.
        for _ in range(_COUNTED[name] + 1):
            assert stage.ask().status == 200
        stage.server.put(document(stage, name))
        reports, before = len(stage.server.reports), len(stage.server.heard)
        stage.restart_agent()
        assert stage.report(_GENERATIONS[name], after=reports).change is Change.RELOAD
        pid, former = stage.pid(), pid
        assert pid != former
        assert eventually(lambda: counted(stage, before))
        first = healths(stage, before)[0]
        if name == "started":
            # All that was counted lives: the totals of before go on, in the one epoch that there was.
            assert (first.epoch, counted(stage, before)[0]) == ("", _COUNTED[name] + 1)
        else:
            # A worker has ended that may have counted more than was recorded: what was reported stays with the server,
            # and only what came after the record is counted in another epoch.
            assert first.epoch != ""
            assert counted(stage, before)[0] == 1
        seen = max(counted(stage, before))
        assert stage.bodies(6) <= {"0", "1", "2"}
        assert eventually(lambda: counted(stage, before)[-1] >= seen + 6)
        assert {health.epoch for health in healths(stage, before)} == {first.epoch}
        assert counted(stage, before) == sorted(counted(stage, before))
        assert stage.pid() == pid
        # The first change of today goes the gentlest way, too.
        changed = document(stage, name)
        members = (stage.member(0, weight=9), *changed.members[1:])
        monitors = {"monitors": changed.monitors} if changed.monitors else {}
        assert stage.apply(stage.put(9, members=members, **monitors)).change is Change.RUNTIME
        assert stage.pid() == pid
