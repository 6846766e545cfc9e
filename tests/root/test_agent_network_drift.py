"""What somebody else does to a load balancer's network is put right without waiting for a resync."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs
from tests.root.agent_stage import VIP, Stage, staged
from tests.root.lab import Lab, make_port, run_ip
from tests.root.openvswitch import Openvswitch
from tests.waiting import NET, eventually

from evenload.agent.plan_network import wanted_network
from evenload.host import network_watch
from evenload.host.network_watch import NetworkWatcher
from evenload.model.desired import Change, Gone
from evenload.model.network_steps import AddAddress, BringUp

pytestmark = pytest.mark.root

VIP6 = "2001:db8:7::5/64"


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def inside(stage: Stage, command: str) -> None:
    run_ip([command.format(device=f"ns-{stage.port.id[:11]}")], namespace=f"qlbaas-{stage.id}")


def is_whole(stage: Stage) -> bool:
    return stage.host.observe(stage.id, stage.port).network == wanted_network(stage.port)


INSIDE = [
    "link del {device}",
    "link set {device} down",
    "link set {device} mtu 1400",
    "addr flush dev {device}",
    f"addr del {VIP6} dev {{device}}",
    "addr add 10.7.0.66/24 dev {device}",
    "route del 10.7.0.0/24",
    "route del default",
    "route add 10.99.0.0/16 via 10.7.0.9",
    "link add dummy7 type veth peer name dummy8",
    "link set lo down",
]


@pytest.mark.parametrize("damage", INSIDE)
def test_damage_inside_is_put_right_at_once(stage: Stage, damage: str) -> None:
    four, six = make_port(f"{VIP}/24", VIP6).ips
    stage.port = replace(stage.port, ips=(replace(four, gateway_ip="10.7.0.200"), six))
    stage.apply(stage.put())
    assert is_whole(stage)
    inside(stage, damage)
    assert eventually(lambda: is_whole(stage))
    assert stage.answers()


@pytest.mark.parametrize("damage", ["del {tap}", "set {tap} down", "set {tap} nomaster"])
def test_damage_outside_is_put_right_at_once(stage: Stage, damage: str) -> None:
    stage.apply(stage.put())
    run_ip([f"link {damage.format(tap=f'tap{stage.port.id[:11]}')}"])
    assert eventually(lambda: is_whole(stage))
    assert stage.answers()


def test_what_was_done_before_events_are_heard_is_told_of(stage: Stage) -> None:
    """So nothing that happens after a round goes unnoticed until the next look at all there is."""
    four = make_port(f"{VIP}/24").ips[0]
    stage.port = replace(stage.port, ips=(replace(four, gateway_ip="10.7.0.200"),))
    stage.apply(stage.put())
    stage.agent.stop()  # nobody puts it right
    device, tap = f"ns-{stage.port.id[:11]}", f"tap{stage.port.id[:11]}"
    network = wanted_network(stage.port)

    def watched() -> tuple[NetworkWatcher, list[str]]:
        told: list[str] = []
        watcher = NetworkWatcher(lambda _: stage.settings.netns_dir / f"qlbaas-{stage.id}", on_bridges=True)
        watcher.start(told.append)
        watcher.expect(stage.id, device, tap, network)
        assert watcher.hears(stage.id)  # or will by a look
        return watcher, told

    for damage, repair in (
        ("route del default", "route add default via 10.7.0.200"),
        ("link set lo down", "link set lo up"),
        ("link set {device} mtu 1400", "link set {device} mtu 1450"),
    ):
        inside(stage, damage)
        watcher, told = watched()
        assert eventually(partial(told.__eq__, [stage.id])), damage
        watcher.close()
        inside(stage, repair)
    run_ip([f"link set {tap} mtu 1400"])
    watcher, told = watched()
    assert eventually(lambda: told == [stage.id])
    watcher.close()
    run_ip([f"link set {tap} mtu 1450"])
    watcher, told = watched()
    inside(stage, "addr flush dev {device}")  # a whole one is not told of: this is the first
    assert eventually(lambda: told == [stage.id])
    watcher.close()


@pytest.mark.parametrize("use_veth", [False, True], ids=["internal", "veth"])
def test_damage_in_open_vswitch_is_put_right_at_once(
    lab: Lab, private_openvswitch: Openvswitch, use_veth: bool
) -> None:
    with staged(lab, private_openvswitch) as stage:
        driver = private_openvswitch.settings(use_veth=use_veth)
        stage.settings = replace(stage.settings, openvswitch=driver)
        stage.restart_agent()
        stage.apply(stage.put())
        tap = f"tap{stage.port.id[:11]}"
        for damage in (["set", "port", tap, "tag=7"], ["del-port", tap], ["clear", "interface", tap, "external_ids"]):
            private_openvswitch.vsctl(*damage)
            assert eventually(lambda: is_whole(stage)), damage
            assert stage.answers(), damage


def test_own_changes_are_no_drift(stage: Stage) -> None:
    """One round for each, and no look at the host after it."""
    stage.apply(stage.put())
    stage.port = replace(stage.port, ips=make_port("10.7.0.6/24").ips)
    with capture_logs() as logs:
        assert stage.apply(stage.put(2)).change is Change.RELOAD
        inside(stage, "addr add 10.7.0.66/24 dev {device}")  # comes after anything that would be told of these
        assert eventually(lambda: is_whole(stage))
    assert [each["event"] for each in logs].count("network was changed from outside") == 1


def test_who_changes_it_again_and_again_is_left_to_the_resync(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_watch, "_ROW", NET)
    stage.apply(stage.put())
    with capture_logs() as logs:

        def is_told_thrice() -> bool:
            """What comes while it is being put right is put right with it, and told of no further time."""
            if is_whole(stage):
                inside(stage, "addr flush dev {device}")
            return [each["event"] for each in logs].count("network was changed from outside") == 3

        assert eventually(is_told_thrice)
        assert eventually(lambda: is_whole(stage))
    told: list[str] = []
    stage.host.watch_networks(told.append)
    inside(stage, "addr flush dev {device}")
    # Of another load balancer it would still be told: of this one nothing comes before that.
    other = stage.lab.load_balancer_id()
    port = make_port("10.7.0.7/24")
    stage.host.ensure_namespace(other)
    stage.host.plug(other, port)
    stage.host.configure(other, port, [AddAddress("10.7.0.7/24"), BringUp()])
    stage.host.expect_network(other, port, wanted_network(port))
    sizes = itertools.cycle((1400, 1401))

    def is_told() -> bool:
        run_ip([f"link set ns-{port.id[:11]} mtu {next(sizes)}"], namespace=f"qlbaas-{other}")
        return bool(told)

    assert eventually(is_told)
    assert told == [other]


def test_a_namespace_is_not_kept_by_who_watches_it(stage: Stage) -> None:
    stage.apply(stage.put())
    stage.apply(Gone(load_balancer_id=stage.id, generation=2))
    assert not os.path.exists(f"/sys/class/net/tap{stage.port.id[:11]}")
