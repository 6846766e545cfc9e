"""What an agent puts right on a real host: dead processes, lost networks, edited files; and how it adopts what runs."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from demo.traffic import Client
from tests.root.agent_stage import VIP, Stage, staged
from tests.root.hanging import hang
from tests.root.lab import Lab, run, run_ip
from tests.waiting import eventually, grows

from evenload.agent.plan import plan
from evenload.agent.resync import WHOLE_EVERY
from evenload.model.desired import Change, Gone
from evenload.model.errors import HostError
from evenload.render import haproxy_room
from evenload.render.haproxy_room import room_of

pytestmark = pytest.mark.root


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab, resync_interval=1.0) as stage:
        yield stage


def whole(stage: Stage) -> bool:
    """The host is as desired, and serves. To be asked only while the agent does nothing: a look sweeps up, too."""
    try:
        observed = stage.host.observe(stage.id, stage.port)
        return plan(stage.put(), observed, stage.options).actions == () and stage.answers()
    except HostError:
        return False  # just being mended


def inner(stage: Stage) -> str:
    return f"ns-{stage.port.id[:11]}"


def namespace(stage: Stage) -> str:
    return f"qlbaas-{stage.id}"


def test_a_killed_haproxy_is_back_without_a_resync(lab: Lab) -> None:
    with staged(lab) as stage:
        stage.apply(stage.put())
        resyncs = stage.server.resyncs
        for _ in range(3):
            pid = stage.pid()
            os.kill(pid, signal.SIGKILL)
            assert eventually(stage.answers)
            assert stage.pid() != pid
        assert stage.server.resyncs == resyncs


def test_a_haproxy_that_hangs_is_replaced_without_a_resync_and_without_a_change(lab: Lab) -> None:
    """In less than the time between two looks of rounds: monitoring's looks count."""
    with staged(lab) as stage:
        stage.apply(stage.put())
        pid, resyncs = stage.pid(), stage.server.resyncs
        with hang(_file(stage, "haproxy.sock")):
            assert eventually(lambda: stage.pid() != pid and stage.answers())
        assert stage.server.resyncs == resyncs
        assert eventually(stage.agent.settled)
        assert stage.bodies() == {"0", "1"}


DAMAGES: dict[str, Callable[[Stage], object]] = {
    "address": lambda stage: run_ip([f"addr flush dev {inner(stage)}"], namespace=namespace(stage)),
    "route": lambda stage: run_ip(["route flush table main"], namespace=namespace(stage)),
    "link down": lambda stage: run_ip([f"link set {inner(stage)} down"], namespace=namespace(stage)),
    "link inside": lambda stage: run_ip([f"link del {inner(stage)}"], namespace=namespace(stage)),
    "link outside": lambda stage: run_ip([f"link del tap{stage.port.id[:11]}"]),
    "bridge port": lambda stage: run_ip([f"link set tap{stage.port.id[:11]} nomaster"]),
    "MAC": lambda stage: run_ip([f"link set {inner(stage)} address 02:00:00:00:00:07"], namespace=namespace(stage)),
    "MTU": lambda stage: run_ip([f"link set {inner(stage)} mtu 1300"], namespace=namespace(stage)),
    "another address": lambda stage: run_ip([f"addr add 10.7.0.99/24 dev {inner(stage)}"], namespace=namespace(stage)),
    "another device": lambda stage: run_ip(["link add stranger type veth peer name enemy"], namespace=namespace(stage)),
    "namespace": lambda stage: run("ip", "netns", "del", namespace(stage)),
    "file": lambda stage: _file(stage, "haproxy.cfg").write_text("global\n"),
    "no file": lambda stage: _file(stage, "haproxy.cfg").unlink(),
    "memory": lambda stage: _file(stage, "desired.json").write_text("{"),
    "directory": lambda stage: run("rm", "-r", str(stage.settings.state_dir / stage.id)),
    "weight": lambda stage: stage.host.runtime(
        stage.id, [f"set server {stage.put().pools[0].id}/{stage.member(0).id} weight 99"]
    ),
    "maintenance": lambda stage: stage.host.runtime(
        stage.id, [f"set server {stage.put().pools[0].id}/{stage.member(0).id} state maint"]
    ),
}


IN_ITS_TURN = {"weight", "maintenance"}
"""Nothing tells of these but a look at all there is."""


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_is_put_right_at_a_resync(lab: Lab, damage: str) -> None:
    """The next one, where there is anything that tells of it."""
    with staged(lab) as stage:
        stage.apply(stage.put())
        assert eventually(stage.agent.settled)
        DAMAGES[damage](stage)
        assert not whole(stage)
        resyncs = WHOLE_EVERY if damage in IN_ITS_TURN else 1
        for _ in range(resyncs):
            stage.agent.resync()
            assert eventually(stage.agent.settled)
        mended = eventually(lambda: stage.agent.settled() and whole(stage))
        assert mended, stage.host.observe(stage.id, stage.port)
        assert stage.bodies() == {"0", "1"}


def test_resyncs_come_by_themselves(stage: Stage) -> None:
    stage.apply(stage.put())
    run_ip([f"addr flush dev {inner(stage)}"], namespace=namespace(stage))
    assert eventually(stage.answers)


def test_a_restarted_agent_adopts_the_process_and_its_connections(stage: Stage) -> None:
    stage.apply(stage.put())
    pid, before = stage.pid(), len(stage.server.reports)
    connection = Client(stage.client).open(VIP)
    try:
        assert connection.ask().status == 200
        stage.restart_agent()
        assert stage.report(1, after=before).change is Change.NOTHING
        assert stage.pid() == pid
        assert connection.ask().status == 200
    finally:
        connection.close()
    os.kill(pid, signal.SIGKILL)
    assert eventually(stage.answers)  # an adopted process is watched like one of its own


def test_while_the_server_is_away_traffic_goes_on_and_the_dead_come_back(stage: Stage) -> None:
    stage.apply(stage.put())
    pid = stage.pid()
    stage.server.away = True
    stage.restart_agent()
    assert stage.ask().status == 200
    assert stage.pid() == pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(stage.answers)
    run_ip([f"addr flush dev {inner(stage)}"], namespace=namespace(stage))
    assert eventually(stage.answers)
    before = len(stage.server.reports)
    stage.server.away = False
    stage.report(1, after=before)


def test_an_orphan_goes_only_after_the_server_said_so(stage: Stage) -> None:
    stage.apply(stage.put())
    stage.server.away = True
    stage.server.forget(stage.id)
    stage.restart_agent()
    assert grows(lambda: stage.server.resyncs, 3)
    assert stage.ask().status == 200
    stage.server.away = False
    assert eventually(lambda: stage.host.load_balancer_ids() == [])
    assert not Path(f"/run/netns/{namespace(stage)}").exists()


def test_deletion_works_from_a_half_built_state(stage: Stage) -> None:
    stage.host.ensure_state(stage.id)
    stage.host.ensure_namespace(stage.id)
    stage.host.plug(stage.id, stage.port)
    stage.apply(Gone(load_balancer_id=stage.id, generation=1))
    assert stage.host.load_balancer_ids() == []
    assert not Path(f"/run/netns/{namespace(stage)}").exists()
    assert not Path(f"/sys/class/net/tap{stage.port.id[:11]}").exists()


def _file(stage: Stage, name: str) -> Path:
    return stage.settings.state_dir / stage.id / name


def test_a_process_gets_room_for_more_connections_before_it_is_full(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who is connected notices."""
    monkeypatch.setattr(haproxy_room, "_FIRST_ROOM", 100)
    stage.apply(stage.put(members=1))
    current = stage.settings.state_dir / stage.id / "haproxy.sock"
    first = current.readlink()
    with ExitStack() as held:
        clients = [held.enter_context(closing(Client(stage.client).open(VIP))) for _ in range(60)]
        assert eventually(lambda: current.readlink() != first)
        assert {client.ask().status for client in clients} == {200}
    process = stage.host.observe(stage.id, stage.port).haproxy.process
    assert process is not None
    assert room_of(process.text) == 400
