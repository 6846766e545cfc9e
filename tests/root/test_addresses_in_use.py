"""An address that another machine has is not taken; and a load balancer waits for a bridge that passes nothing yet."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from socket import AF_INET6, AF_PACKET, SOCK_DGRAM, inet_aton, inet_pton, socket

import pytest
from tests.root.agent_stage import VIP, Stage, staged
from tests.root.lab import PHYSICAL_NETWORK, Lab, Machine, make_port, run_ip, sniffing
from tests.waiting import NET, Repeating, eventually

from evenload.host import address_probe, netns
from evenload.host.addresses import gratuitous_arp
from evenload.host.links import read_link
from evenload.host.netlink import Netlink
from evenload.host.network import Networks
from evenload.host.vif.linux_bridge import LinuxBridge
from evenload.model.desired import Change, Outcome
from evenload.model.network_steps import AddAddress, BringUp, ProbeAddresses

pytestmark = pytest.mark.root

VIP6 = "2001:db8:7::5"
MAC = "02:00:00:00:00:99"


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab, resync_interval=0.5) as stage:
        yield stage


def outcomes(stage: Stage) -> list[tuple[Outcome, str | None]]:
    return [(each.outcome, each.reason) for each in stage.server.reports]


def announces(stage: Stage, frame: bytes) -> bool:
    """Whether it tells somebody that the load balancer has the VIP."""
    four, six = inet_aton(VIP), inet_pton(AF_INET6, VIP6)
    arp = frame[12:14] == b"\x08\x06" and frame[28:32] == four
    advertisement = frame[12:14] == b"\x86\xdd" and frame[54:55] == b"\x88" and frame[62:78] == six
    return (arp or advertisement) and frame[6:12].hex(":") == stage.port.mac_address


def owner_of(lab: Lab, address: str) -> tuple[Machine, str]:
    """A machine that has it, with its MAC."""
    machine = lab.machine("owner", address)
    with netns.visit(machine.namespace), Netlink() as netlink:
        link = read_link(netlink, "eth0")
    assert link is not None
    return machine, link.mac_address


@pytest.mark.parametrize("address", [f"{VIP}/24", f"{VIP6}/64"])
def test_an_address_of_a_live_machine_is_not_taken(
    lab: Lab, stage: Stage, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_probe, "_WINDOW", NET)  # the owner's answer ends the wait, on a busy machine later
    owner, mac = owner_of(lab, address)
    stage.port = replace(stage.port, ips=make_port(address).ips)
    with sniffing(stage.bridge) as wire:
        stage.server.put(stage.put())
        stage.agent.hint(stage.id, 1)
        assert eventually(lambda: outcomes(stage))
        assert not wire.has_seen(lambda frame: announces(stage, frame))
        outcome, reason = outcomes(stage)[0]
        assert outcome is Outcome.GIVE_UP
        assert reason == f"another machine on the network has the address: {address.split('/')[0]} ({mac})"
        assert stage.host.observe(stage.id, stage.port).network.addresses == frozenset()
        run_ip(["link set eth0 down"], namespace=owner.namespace.name)
        assert stage.report(1).outcome is Outcome.DONE  # by the next try
        assert wire.saw(lambda frame: announces(stage, frame))


def test_the_free_one_of_two_serves_on(lab: Lab, stage: Stage) -> None:
    stage.apply(stage.put())
    owner_of(lab, "10.7.0.6/24")
    stage.port = replace(stage.port, ips=make_port(f"{VIP}/24", "10.7.0.6/24").ips)
    stage.server.put(stage.put(2))
    stage.agent.hint(stage.id, 2)
    assert eventually(lambda: Outcome.GIVE_UP in {outcome for outcome, _ in outcomes(stage)})
    assert stage.answers()


def test_a_late_answer_takes_the_address_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who was asleep."""
    monkeypatch.setattr(address_probe, "_LATE", NET)
    stage.apply(stage.put())
    with socket(AF_PACKET, SOCK_DGRAM, 0) as late:

        def answer() -> None:
            late.sendto(gratuitous_arp(MAC, IPv4Address(VIP)), (stage.bridge, 0x0806, 0, 0, b"\xff" * 6))

        with Repeating(answer):
            assert eventually(lambda: outcomes(stage)[-1][0] is Outcome.GIVE_UP)
            assert stage.host.observe(stage.id, stage.port).network.addresses == frozenset()
    assert MAC in (outcomes(stage)[-1][1] or "")
    assert stage.report(1, after=len(outcomes(stage))).outcome is Outcome.DONE
    assert stage.answers()


def test_a_load_balancer_that_was_moved_is_no_other_machine(lab: Lab, stage: Stage) -> None:
    """Its former host, cut off from the server, has the very port still."""
    former = lab.machine("former", f"{VIP}/24")
    run_ip([f"link set eth0 address {stage.port.mac_address}"], namespace=former.namespace.name)
    assert stage.apply(stage.put()).change is Change.START


def test_nobody_is_asked_where_that_is_switched_off(lab: Lab) -> None:
    owner_of(lab, f"{VIP}/24")
    identifier, port = lab.load_balancer_id(), make_port(f"{VIP}/24")
    networks = Networks(lab.settings().netns_dir, LinuxBridge({PHYSICAL_NETWORK: lab.bridge}), probe_addresses=False)
    try:
        networks.ensure_namespace(identifier)
        networks.plug(identifier, port)
        networks.configure(identifier, port, [BringUp(), ProbeAddresses((f"{VIP}/24",)), AddAddress(f"{VIP}/24")])
        assert networks.observe(identifier, port).addresses == {f"{VIP}/24"}
    finally:
        networks.close()


def test_a_bridge_with_a_spanning_tree_is_waited_for_and_then_announced_to(stage: Stage) -> None:
    """Two seconds of listening, two of learning."""
    run_ip([f"link set {stage.bridge} type bridge stp_state 1 forward_delay 200"])
    with sniffing(stage.machines[0].device) as wire:
        assert stage.apply(stage.put()).change is Change.START
        waited = [each for each in outcomes(stage) if each[0] is not Outcome.DONE]
        assert {outcome for outcome, _ in waited} == {Outcome.RETRY}, waited
        assert {reason for _, reason in waited} == {
            "the bridge lets no packets pass yet, because of its spanning tree (STP)"
        }
        assert stage.answers()
        assert wire.saw(lambda frame: announces(stage, frame))
