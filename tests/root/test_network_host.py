"""The whole host on one load balancer, from the preflight to the last trace, with a real HAProxy answering."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.own_network import hosts_network
from tests.root.lab import Lab, make_port, run
from tests.waiting import eventually

from evenload.host import preflight
from evenload.host.linux import LinuxHost
from evenload.host.settings import HaproxySettings
from evenload.host.sysctl import read_sysctl, write_sysctl
from evenload.model.balancer import Listener, LoadBalancer, Member, Pool, Vip
from evenload.model.desired import Desired, PingTarget
from evenload.model.enums import Algorithm, ListenerProtocol, PoolProtocol
from evenload.model.errors import Hopeless
from evenload.model.network_steps import AddAddress, AddRoute, BringUp
from evenload.model.observed import HostRoute, Observed, VifState
from evenload.render.haproxy import render_haproxy
from evenload.render.options import RenderOptions

pytestmark = pytest.mark.root

LIMITS = [f"net/{family}/neigh/default/gc_thresh{number}" for family in ("ipv4", "ipv6") for number in (1, 2, 3)]


@pytest.fixture
def host(lab: Lab) -> Iterator[LinuxHost]:
    host = LinuxHost(lab.settings(manage_kernel_limits=False))
    host.prepare()
    try:
        yield host
    finally:
        for identifier in host.load_balancer_ids():
            host.stop_haproxy(identifier)
        host.close()


def make_desired(lab: Lab, backend_address: str, backend_port: int) -> Desired:
    identifier = lab.load_balancer_id()
    port = make_port("10.7.0.5/24")
    vip = Vip(address="10.7.0.5", subnet_id="s")
    pool = Pool(
        id="5e000000-0000-4000-8000-000000000002",
        load_balancer_id=identifier,
        protocol=PoolProtocol.HTTP,
        algorithm=Algorithm.ROUND_ROBIN,
    )
    listener = Listener(
        id="5e000000-0000-4000-8000-000000000001",
        load_balancer_id=identifier,
        protocol=ListenerProtocol.HTTP,
        port=80,
        default_pool_id=pool.id,
    )
    member = Member(
        id="5e000000-0000-4000-8000-000000000003", pool_id=pool.id, address=backend_address, port=backend_port
    )
    return Desired(
        generation=1,
        project_id="p",
        load_balancer=LoadBalancer(id=identifier, network_id="n", port_id=port.id, vips=(vip,)),
        port=port,
        listeners=(listener,),
        pools=(pool,),
        members=(member,),
    )


def test_a_load_balancer_from_nothing_to_nothing(lab: Lab, host: LinuxHost) -> None:
    client = lab.machine("client", "10.7.0.9/24")
    backend = lab.http_backend(lab.machine("web", "10.7.0.20/24"), 8080, "hello from the back end")
    desired = make_desired(lab, backend.address, backend.port)
    options = RenderOptions(state_dir=str(lab.directory / "balancers"), chroot=str(lab.directory / "empty"))
    identifier, port = desired.id, desired.port
    assert host.observe(identifier, port) == Observed(load_balancer_id=identifier)

    route = HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.1")
    text = render_haproxy(desired, options, 1)
    host.ensure_state(identifier)
    host.ensure_namespace(identifier)
    host.plug(identifier, port)
    host.configure(identifier, port, [AddAddress("10.7.0.5/24"), BringUp(), AddRoute(route)])
    pid = host.start_haproxy(identifier, text, 1)
    host.remember(desired)
    answer = lab.request(client, "http://10.7.0.5/")
    assert (answer.status, answer.body) == (200, b"hello from the back end")

    seen = host.observe(identifier, None)
    assert seen.applied == desired
    assert seen.network.vif == VifState(mac_address=port.mac_address, mtu=port.mtu, up=True, segment=port.segment)
    assert seen.network.addresses == {"10.7.0.5/24"}
    assert seen.network.routes == {route}
    assert seen.network.foreign_devices == ()
    assert seen.haproxy.config == text
    assert seen.haproxy.process is not None
    assert (seen.haproxy.process.pid, seen.haproxy.process.text) == (pid, text)
    assert host.load_balancer_ids() == [identifier]
    host.save_counters(identifier, "{}")
    assert host.load_counters(identifier) == "{}"

    deaths: list[str] = []
    host.watch(identifier, deaths.append)
    host.stop_haproxy(identifier)
    assert not os.path.exists(f"/proc/{pid}/ns/net")  # whoever adopted it may not have reaped it yet
    host.remove_namespace(identifier)
    host.unplug(identifier, port.id)
    host.remove_state(identifier)
    assert deaths == []  # a death on purpose is no news
    assert host.observe(identifier, port) == Observed(load_balancer_id=identifier)
    assert host.observe(identifier, port).nothing


def test_pings_do_not_keep_a_namespace_and_go_on_in_the_next_one(lab: Lab, host: LinuxHost) -> None:
    neighbour = lab.machine("neighbour", "10.7.0.20/24")
    desired = make_desired(lab, "10.7.0.20", 8080)
    identifier, port = desired.id, desired.port
    heard: list[bool] = []

    def build() -> None:
        host.ensure_state(identifier)
        host.ensure_namespace(identifier)
        host.plug(identifier, port)
        host.configure(identifier, port, [AddAddress("10.7.0.5/24"), BringUp()])

    build()
    target = PingTarget(monitor="p", member="m", address="10.7.0.20", delay=1, timeout=1, rise=1, fall=1)
    host.ping(identifier, [target], lambda _, verdict: heard.append(verdict.up))
    assert eventually(lambda: heard[-1:] == [True])
    host.remove_namespace(identifier)
    assert os.listdir(f"/sys/class/net/{lab.bridge}/brif") == [neighbour.device]
    assert eventually(lambda: heard[-1:] == [False])
    build()
    assert eventually(lambda: heard[-1:] == [True])


def test_a_remembered_document_that_was_damaged_counts_as_none(lab: Lab, host: LinuxHost) -> None:
    desired = make_desired(lab, "10.7.0.20", 8080)
    host.ensure_state(desired.id)
    host.remember(desired)
    assert host.observe(desired.id, None).applied == desired
    (lab.directory / "balancers" / desired.id / "desired.json").write_text("{")
    assert host.observe(desired.id, None).applied is None


def test_the_preflight_says_what_is_missing(lab: Lab) -> None:
    with pytest.raises(Hopeless, match="HAProxy is not installed at /no/such/haproxy"):
        LinuxHost(lab.settings(haproxy=HaproxySettings(binary="/no/such/haproxy"))).prepare()
    full = lab.directory / "full"
    full.mkdir()
    (full / "file").touch()
    with pytest.raises(Hopeless, match="is not empty"):
        LinuxHost(lab.settings(haproxy=HaproxySettings(chroot=full))).prepare()


def test_neighbour_limits_are_raised_or_warned_of() -> None:
    with hosts_network():  # the limits are of the machine
        _raise_or_warn()


def _raise_or_warn() -> None:
    former = {name: read_sysctl(name) for name in LIMITS}
    try:
        write_sysctl("net/ipv4/neigh/default/gc_thresh3", 1024)
        warnings = preflight.ensure_neighbour_limits(manage=False)
        assert "net.ipv4.neigh.default.gc_thresh3 is 1024, which all load balancers share; set it to 32768" in warnings
        assert preflight.ensure_neighbour_limits(manage=True) == []
        assert read_sysctl("net/ipv4/neigh/default/gc_thresh3") == "32768"
        assert preflight.ensure_neighbour_limits(manage=False) == []
    finally:
        for name, value in former.items():
            if value is not None:
                write_sysctl(name, value)


def test_the_directory_of_names_becomes_a_shared_mount(lab: Lab) -> None:
    names = lab.directory / "names"
    host = LinuxHost(lab.settings(netns_dir=names, manage_kernel_limits=False))
    identifier = lab.load_balancer_id()
    try:
        host.prepare()
        host.ensure_namespace(identifier)
        [line] = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {names} " in line]
        assert "shared:" in line
        host.remove_namespace(identifier)
        assert list(names.iterdir()) == []
    finally:
        host.close()
        run("umount", str(names))


def test_the_hosts_own_namespace_under_a_load_balancers_name_is_left_alone(lab: Lab) -> None:
    """Somebody attached it there by hand."""
    host = LinuxHost(lab.settings())
    identifier = lab.load_balancer_id()
    path = Path("/run/netns") / f"qlbaas-{identifier}"
    devices = sorted(os.listdir("/sys/class/net"))
    try:
        host.prepare()
        host.ensure_state(identifier)
        path.touch()
        run("mount", "--bind", "/proc/self/ns/net", str(path))
        seen = host.observe(identifier, None)
        assert (seen.network.namespace, seen.network.foreign_devices) == (False, ())
        host.remove_namespace(identifier)
        assert not path.exists()
        assert sorted(os.listdir("/sys/class/net")) == devices
    finally:
        host.close()
