"""The path of the original's namespace driver, from ``create_vip`` to the gratuitous ARP and back, step by step.

Each test says in its words what Neutron LBaaS v1 (Juno) does at that place. docs/from-neutron.md has both side by side.
"""

import ipaddress
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from demo.traces import observe_footprint, read_findings
from demo.traffic import Client, Load
from tests.root.lab import Lab, Sniffer, reaches, read_json, run, run_ip, sniffing
from tests.root.openvswitch import Openvswitch
from tests.root.v1_stage import KINDS, LINUX_BRIDGE, V1Stage, v1_staged
from tests.waiting import eventually

from evenload.host import netns
from evenload.host.addresses import gratuitous_arp
from evenload.model.desired import Desired, Gone
from evenload.model.enums import ListenerProtocol, ProvisioningStatus
from evenload.model.errors import Invalid
from evenload.model.network import Route
from evenload.service.commands import Changes
from evenload.service.lbaas_v1.commands import VipChanges, VipDraft

pytestmark = pytest.mark.root

VIP, ROUTER, BEHIND = "10.7.0.50", "10.7.0.1", "192.0.2.9"
DEFAULT = "0.0.0.0/0"
SOME = 10
"""Requests that have to pass after each change."""
WAYS_OUT: dict[str, dict[str, Any]] = {
    "gateway": {"gateway_ip": ROUTER},
    "host route": {"gateway_ip": None, "host_routes": (Route(destination=DEFAULT, nexthop=ROUTER),)},
}

Open = Callable[..., V1Stage]


@pytest.fixture
def opened(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Open]:
    """Opens a stage of a kind, with what its subnet has; the switch's daemons start only where they are wanted."""
    with ExitStack() as stack:

        def open_(kind: str, **documents: Any) -> V1Stage:
            switch: Openvswitch | None = None
            if kind != LINUX_BRIDGE:
                switch = request.getfixturevalue("private_openvswitch")
            return stack.enter_context(v1_staged(lab, kind, switch, **documents))

        yield open_


@pytest.mark.parametrize("way", list(WAYS_OUT))
@pytest.mark.parametrize("kind", KINDS)
def test_from_create_vip_to_the_last_trace(opened: Open, kind: str, way: str) -> None:
    stage = opened(kind, mtu=1442, **WAYS_OUT[way])
    router = stage.machine("router", f"{ROUTER}/24")
    run_ip([f"addr add {BEHIND}/32 dev lo"], namespace=router.namespace.name)

    # create_pool: nothing happens on the host.
    pool = stage.pool(0, 1)
    assert stage.gateway.assignments("here") == {}
    assert stage.host.load_balancer_ids() == []

    with sniffing("eth0", stage.client) as wire:
        # create_vip, get_logical_device, deploy_instance, create.
        vip = stage.vip(pool, VIP)
        balancer = stage.view(vip).load_balancer
        desired = stage.gateway.fetch("here", [balancer.id])[balancer.id]
        assert isinstance(desired, Desired)
        assert [listener.id for listener in desired.listeners] == [vip]
        assert {member.address for member in desired.members} == {"10.7.0.101", "10.7.0.102"}
        port = desired.port
        # _plug ends with a gratuitous ARP that everybody on the network hears.
        assert announced(wire, port.mac_address)

    # vif_driver.plug: device, MAC and MTU in a namespace of its own.
    namespace = f"qlbaas-{balancer.id}"
    device = stage.device(port.id)
    inside = {each["ifname"]: each for each in read_json("ip", "-json", "address", namespace=namespace)}
    assert set(inside) == {"lo", device}
    found = inside[device]
    assert (found["address"], found["mtu"], "UP" in found["flags"]) == (port.mac_address, 1442, True)
    # init_l3.
    addresses = {f"{each['local']}/{each['prefixlen']}" for each in found["addr_info"] if each["scope"] == "global"}
    assert addresses == {f"{VIP}/24"}
    # route add default gw, from the subnet's gateway or its host route; and packets that need it.
    [route] = read_json("ip", "-json", "route", "show", "default", namespace=namespace)
    assert (route["gateway"], route["dev"]) == (ROUTER, device)
    assert reaches(router.namespace, VIP, source=BEHIND)

    # _spawn: HAProxy inside that namespace, and traffic.
    [pid] = stage.pids(vip)
    assert os.stat(f"/proc/{pid}/ns/net").st_ino == netns.inode(stage.namespace(balancer.id))
    assert stage.bodies(vip) == {"0", "1"}
    # plug_vip_port: the port is bound to this host.
    assert [(each.host, each.active) for each in stage.networks.ports() if each.id == port.id] == [("here", True)]

    # undeploy_instance, _unplug.
    footprint = observe_footprint(stage.lab, balancer.id, port.id, VIP, stage.client)
    assert footprint.answers_arp
    stage.delete(vip)
    assert [finding for finding in read_findings(footprint, stage.lab, stage.client) if finding.left] == []
    assert stage.host.load_balancer_ids() == []
    assert port.id not in {each.id for each in stage.networks.ports()}
    assert isinstance(stage.gateway.fetch("here", [balancer.id])[balancer.id], Gone)
    if stage.openvswitch is not None:
        assert not stage.openvswitch.vsctl("--bare", "find", "Interface", f"external_ids:iface-id={port.id}").strip()
    # The pool stands alone again, as it does in Neutron.
    assert stage.pools.get(pool).pool.provisioning_status is ProvisioningStatus.ACTIVE


@pytest.mark.parametrize("kind", KINDS)
def test_changed_moved_and_made_again(opened: Open, kind: str) -> None:
    stage = opened(kind)
    first, second = stage.pool(0, 1), stage.pool(2)
    vip = stage.vip(first, VIP)
    balancer = stage.balancer(vip)
    number = netns.inode(stage.namespace(balancer))
    assert stage.bodies(vip) == {"0", "1"}
    [pid] = stage.pids(vip)

    with sniffing("eth0", stage.client) as wire, Load(Client(stage.client), VIP) as load:
        load.await_more(SOME)
        # update: Juno starts another process for whatever it is. A weight needs none here.
        one, two = stage.pools.get(first).member_ids
        stage.members.update(one, Changes(item={"weight": 0}))
        stage.wait_active(vip)
        assert stage.bodies(vip) == {"1"}
        assert stage.pids(vip) == {pid}
        load.await_more(SOME)
        # What needs a reload hands the listening socket over.
        sockets = listening(pid)
        stage.vips.update(vip, VipChanges(item={"connection_limit": 500}))
        stage.wait_active(vip)
        [worker] = eventually_one(stage, vip, but=pid)
        assert listening(worker) == sockets != set()
        load.await_more(SOME)
        stage.members.update(one, Changes(item={"weight": 1}))
        stage.members.update(two, Changes(item={"admin_state_up": False}))
        stage.wait_active(vip)
        assert stage.bodies(vip) == {"0"}

        # update_vip with another pool: Juno leaves the old pool's namespace, and the address stands in two.
        kept = stage.connection(vip)
        assert kept.ask().status == 200
        stage.vips.update(vip, VipChanges(pool_id=second))
        stage.wait_active(vip)
        assert kept.ask().status == 200
        kept.close()
        assert stage.bodies(vip) == {"2"}
        hits = stage.backends[0].hits
        load.await_more(SOME)
        assert stage.bodies(vip) == {"2"}
        assert stage.backends[0].hits == hits
        assert stage.host.load_balancer_ids() == [balancer] == [stage.balancer(vip)]
        assert netns.inode(stage.namespace(balancer)) == number
        assert holders(VIP) == [f"qlbaas-{balancer}"]
        assert first not in (stage.settings.state_dir / balancer / "haproxy.cfg").read_text()
        # The network was not touched in all this, so nobody had to be told anything.
        assert not wire.has_seen(gratuitous)
    assert load.failures == []

    # "When delete and re-add the same vip, we need to send gratuitous ARP to flush the ARP cache in the Router."
    former = neighbour(stage, VIP)
    assert former is not None
    stage.delete(vip)
    assert neighbour(stage, VIP) == former
    again = stage.vip(second, VIP)
    # The client has sent nothing since, so that it can only have heard it.
    assert eventually(lambda: neighbour(stage, VIP) != former)
    assert Client(stage.client).get(VIP).body == b"2"
    assert stage.balancer(again) != balancer


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_gateway_the_address_is_announced_all_the_same(opened: Open, kind: str) -> None:
    """Juno sends ARP only where it has set a gateway."""
    stage = opened(kind, gateway_ip=None)
    with sniffing("eth0", stage.client) as wire:
        vip = stage.vip(stage.pool(0), VIP)
        assert announced(wire)
    assert read_json("ip", "-json", "route", "show", "default", namespace=f"qlbaas-{stage.balancer(vip)}") == []
    assert stage.bodies(vip) == {"0"}


def test_a_vip_that_is_off_holds_its_address_and_serves_nobody(opened: Open) -> None:
    """Juno's deploy_instance returns: nothing is made, and one that runs already goes on serving."""
    stage = opened(LINUX_BRIDGE)
    vip = stage.vip(stage.pool(0), VIP, admin_state_up=False)
    assert stage.pids(vip) == set()
    assert reaches(stage.client.namespace, VIP)
    stage.vips.update(vip, VipChanges(item={"admin_state_up": True}))
    stage.wait_active(vip)
    assert stage.bodies(vip) == {"0"}
    stage.vips.update(vip, VipChanges(item={"admin_state_up": False}))
    stage.wait_active(vip)
    assert not stage.answers(vip)
    assert eventually(lambda: stage.pids(vip) == set())  # once its last numbers have been read
    assert reaches(stage.client.namespace, VIP)


def test_a_pool_that_is_off_answers_503(opened: Open) -> None:
    """Juno's deploy_instance returns here, too; later releases answer 503, and so does Evenload."""
    stage = opened(LINUX_BRIDGE)
    pool = stage.pool(0)
    vip = stage.vip(pool, VIP)
    assert stage.bodies(vip) == {"0"}
    stage.pools.update(pool, Changes(item={"admin_state_up": False}))
    stage.wait_active(vip)
    assert Client(stage.client).get(VIP).status == 503
    stage.pools.update(pool, Changes(item={"admin_state_up": True}))
    stage.wait_active(vip)
    assert stage.bodies(vip) == {"0"}


def test_a_vip_over_a_pool_that_is_off_answers_503_from_the_start(opened: Open) -> None:
    stage = opened(LINUX_BRIDGE)
    pool = stage.pool(0)
    stage.pools.update(pool, Changes(item={"admin_state_up": False}))
    stage.vip(pool, VIP)
    assert Client(stage.client).get(VIP).status == 503


def test_what_is_refused_leaves_nothing_on_the_host(opened: Open) -> None:
    """The gateway's address is no VIP: in Juno it was handed out, and the network had two machines with it."""
    stage = opened(LINUX_BRIDGE, gateway_ip=ROUTER)
    pool = stage.pool(0)
    draft = VipDraft(
        item={"protocol": ListenerProtocol.HTTP, "port": 80}, pool_id=pool, subnet_id=stage.subnet_id, address=ROUTER
    )
    with pytest.raises(Invalid, match=ROUTER):
        stage.vips.create("project", draft)
    assert stage.networks.ports() == []
    assert stage.host.load_balancer_ids() == []
    assert stage.bodies(stage.vip(pool, VIP)) == {"0"}


def announced(wire: Sniffer, mac_address: str | None = None) -> bool:
    """Waits for a gratuitous ARP request for the VIP, from that MAC where one is given."""
    source = None if mac_address is None else bytes.fromhex(mac_address.replace(":", ""))
    return wire.saw(lambda frame: source in (None, frame[6:12]) and gratuitous(frame))


def gratuitous(frame: bytes) -> bool:
    """Whether the frame is a gratuitous ARP request for the VIP."""
    mac = frame[6:12]
    arp = b"\xff" * 6 + mac + b"\x08\x06" + gratuitous_arp(mac.hex(":"), ipaddress.IPv4Address(VIP))
    return frame[: len(arp)] == arp


def listening(pid: int) -> set[str]:
    """The inodes of the sockets that listen on port 80 in that process's namespace."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and row[1].endswith(":0050")}


def eventually_one(stage: V1Stage, vip: str, *, but: int) -> set[int]:
    """The processes once the former one has finished."""
    assert eventually(lambda: len(stage.pids(vip) - {but}) == 1 and but not in stage.pids(vip))
    return stage.pids(vip)


def holders(address: str) -> list[str]:
    """The namespaces of load balancers that have the address."""
    names = [name for name in os.listdir("/run/netns") if name.startswith("qlbaas-")]
    return [name for name in names if f" {address}/" in run("ip", "-4", "address", namespace=name)]


def neighbour(stage: V1Stage, address: str) -> str | None:
    """The MAC that the client has in its ARP cache for the address."""
    entries = read_json("ip", "-json", "neigh", "show", address, namespace=stage.client.namespace.name)
    return next((each.get("lladdr") for each in entries), None)
