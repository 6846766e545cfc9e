"""What went wrong with VIPs in Neutron LBaaS v1, tried here: an agent without its server, missed deletions, crashes.

docs/lbaas-v1.md lists these weaknesses one by one, with the tests that show how each is avoided.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.traces import Footprint, observe_footprint, read_findings, read_haproxy_pids
from demo.traffic import Client
from tests.fakes.sample_drafts import a_member
from tests.root.hanging import hang
from tests.root.lab import Lab
from tests.root.v1_stage import V1Stage, v1_staged
from tests.waiting import eventually, grows

from evenload.model.enums import PersistenceType, ProvisioningStatus
from evenload.model.errors import Conflict
from evenload.service.lbaas_v1.commands import VipChanges

pytestmark = pytest.mark.root


@pytest.fixture
def stage(lab: Lab) -> Iterator[V1Stage]:
    with v1_staged(lab) as stage:
        yield stage


def traces(stage: V1Stage, vip: str) -> Footprint:
    item = stage.view(vip).load_balancer.item
    return observe_footprint(stage.lab, item.id, item.port_id or "", stage.address(vip), stage.client)


def test_an_agent_that_starts_without_its_server_removes_nothing(stage: V1Stage) -> None:
    """Neutron's knew of no pool then, took all for orphans and ended every load balancer of its host."""
    vips = [stage.vip(stage.pool(number)) for number in range(2)]
    pids = [stage.pids(vip) for vip in vips]
    stage.stop_agent()
    stage.line.cut = True
    stage.start_agent()
    assert grows(lambda: stage.line.resyncs, 3)
    assert [stage.pids(vip) for vip in vips] == pids
    assert [stage.bodies(vip) for vip in vips] == [{"0"}, {"1"}]
    # It cares for what it remembers, without anybody to ask.
    [pid] = pids[0]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: stage.answers(vips[0]))
    stage.vips.delete(vips[1])
    assert grows(lambda: stage.line.resyncs, 2)
    assert len(stage.host.load_balancer_ids()) == 2
    stage.line.cut = False
    assert eventually(lambda: len(stage.host.load_balancer_ids()) == 1)
    assert stage.answers(vips[0])


@pytest.mark.parametrize("crashed", [False, True], ids=["still serving", "its HAProxy dead"])
def test_a_vip_deleted_while_the_agent_was_away_leaves_nothing_when_it_comes_back(
    stage: V1Stage, crashed: bool
) -> None:
    """In Neutron the old HAProxy served on; a dead one was not even taken for an orphan, and device and namespace
    stayed for ever."""
    pool = stage.pool(0)
    vip = stage.vip(pool)
    footprint = traces(stage, vip)
    stage.stop_agent()
    stage.vips.delete(vip)
    stage.pools.delete(pool)
    if crashed:
        for pid in read_haproxy_pids(footprint.load_balancer_id):
            os.kill(pid, signal.SIGKILL)
    stage.start_agent()
    assert eventually(lambda: stage.tree_gone(footprint.load_balancer_id))
    assert [finding for finding in read_findings(footprint, stage.lab, stage.client) if finding.left] == []
    assert stage.networks.ports() == []


def test_a_vip_that_was_half_cleared_away_by_hand_is_removed_all_the_same(stage: V1Stage) -> None:
    """Neutron's orphan removal needed a socket that answers, its undeployment a port that it remembered."""
    vip = stage.vip(stage.pool(0))
    footprint = traces(stage, vip)
    stage.stop_agent()
    for pid in read_haproxy_pids(footprint.load_balancer_id):
        os.kill(pid, signal.SIGKILL)
    os.remove(footprint.directory / "haproxy.sock")
    os.remove(footprint.directory / "running.json")
    os.remove(footprint.directory / "desired.json")
    stage.vips.delete(vip)
    stage.start_agent()
    assert eventually(lambda: stage.tree_gone(footprint.load_balancer_id))
    assert [finding for finding in read_findings(footprint, stage.lab, stage.client) if finding.left] == []


def test_one_that_hangs_does_not_delay_the_others(stage: V1Stage) -> None:
    """Neutron's driver did everything under one lock, three seconds of arping included."""
    slow = stage.vip(stage.pool(0))
    quick = stage.vip(stage.pool(1))
    with hang(stage.settings.state_dir / stage.balancer(slow) / "haproxy.sock"):
        with stage.host.holding(stage.balancer(slow)):
            stage.vips.update(slow, VipChanges(item={"connection_limit": 100}))
            stage.vips.update(quick, VipChanges(item={"connection_limit": 100}))
            stage.wait_active(quick)
            third = stage.vip(stage.pool(2))
            assert stage.bodies(third) == {"2"}
            assert stage.view(slow).listener.provisioning_status is ProvisioningStatus.PENDING_UPDATE
        # The one that hangs is replaced in the end.
        stage.wait_active(slow)
        assert stage.bodies(slow) == {"0"}


def test_a_cookie_leads_to_its_member_whoever_else_comes_and_goes(stage: V1Stage) -> None:
    """Neutron numbered them by their place in the list: who had 2 got another member when the first one went."""
    pool = stage.pool(0, 1)
    vip = stage.vip(pool)
    cookies = {"type": PersistenceType.HTTP_COOKIE}
    stage.vips.update(vip, VipChanges(persists=True, session_persistence=cookies))
    stage.wait_active(vip)

    def ask(cookie: str = "") -> tuple[str, str]:
        answer = Client(stage.client).get(stage.address(vip), headers={"Cookie": cookie} if cookie else None)
        assert answer.status == 200
        return answer.body.decode(), answer.headers.get("set-cookie", "").partition(";")[0]

    given = dict(ask() for _ in range(4))
    assert set(given) == {"0", "1"}
    first, _ = stage.pools.get(pool).member_ids
    stage.members.delete(first)
    stage.members.create(pool, a_member("10.7.0.103"))
    stage.vips.update(vip, VipChanges(item={"connection_limit": 700}))  # by a reload as well
    stage.wait_active(vip)
    assert {ask(given["1"])[0] for _ in range(6)} == {"1"}
    assert {ask()[0] for _ in range(4)} == {"1", "2"}


def test_what_a_vip_stands_on_cannot_be_taken_away(stage: V1Stage) -> None:
    """In Neutron port and subnet could be deleted under a VIP."""
    vip = stage.vip(stage.pool(0))
    item = stage.view(vip).load_balancer.item
    assert item.port_id is not None
    assert item.network_id is not None
    with pytest.raises(Conflict):
        stage.networks.delete_port(item.port_id)
    with pytest.raises(Conflict):
        stage.networks.delete_subnet(stage.subnet_id)
    with pytest.raises(Conflict):
        stage.networks.delete_network(item.network_id)
    assert stage.bodies(vip) == {"0"}
    stage.delete(vip)
    stage.networks.delete_network(item.network_id)


def test_the_directory_of_a_vip_is_for_root_alone(stage: V1Stage) -> None:
    """Neutron's socket had mode 0666 in a directory that everybody could enter."""
    vip = stage.vip(stage.pool(0))
    directory = stage.settings.state_dir / stage.balancer(vip)
    for path, mode in [
        (directory, 0o700),
        (directory / "haproxy.cfg", 0o600),
        (directory / "haproxy.sock", 0o600),
        (directory / "desired.json", 0o600),
    ]:
        found = path.stat()
        assert (found.st_uid, found.st_mode & 0o777) == (0, mode), path


def test_haproxy_writes_no_log(stage: V1Stage) -> None:
    """In Neutron its emergency "has no server available!" went to every terminal of the host."""
    vip = stage.vip(stage.pool(0))
    text = (stage.settings.state_dir / stage.balancer(vip) / "haproxy.cfg").read_text()
    words = [line.split() for line in text.splitlines() if line.strip()]
    assert not [line for line in words if line[0] == "log" or line[:2] in (["option", "tcplog"], ["option", "httplog"])]
    [pid] = stage.pids(vip)
    descriptors = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    assert not [name for name in descriptors if name.startswith(("/dev/pts", "/dev/tty", "/dev/console"))]
