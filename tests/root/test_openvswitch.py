"""The Open vSwitch driver against a private switch with the userspace datapath, both kinds of port."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.root.lab import LOST, PHYSICAL_NETWORK, HttpBackend, fetch, make_port, reaches, run
from tests.root.openvswitch import Openvswitch
from tests.waiting import eventually

from evenload.host import netns
from evenload.host.network import Networks
from evenload.host.settings import OpenvswitchSettings
from evenload.host.vif.openvswitch import Openvswitch as Driver
from evenload.model.desired import DesiredPort
from evenload.model.errors import Hopeless, HostError, NotYet
from evenload.model.network_steps import AddAddress, AddRoute, BringUp, Tune
from evenload.model.observed import HostRoute, NetworkObserved, VifState

pytestmark = pytest.mark.root

VIP = "10.7.0.5/24"
ROUTE = HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.9")
BULK = "x" * 3_000_000


class Site:
    """One bridge of the switch, the driver, and what it takes to build load balancers and to remove them again."""

    def __init__(self, switch: Openvswitch, *, use_veth: bool) -> None:
        self.switch = switch
        self.use_veth = use_veth
        self.bridge = f"br{secrets.token_hex(3)}"
        self.driver = Driver({PHYSICAL_NETWORK: self.bridge}, switch.settings(use_veth=use_veth))
        self.networks = Networks(Path("/run/netns"), self.driver)
        self.driver.prepare(list)
        self.identifiers: list[str] = []

    def build(self, port: DesiredPort, identifier: str | None = None) -> str:
        identifier = identifier or f"lb-{secrets.token_hex(4)}"
        self.identifiers.append(identifier)
        self.networks.ensure_namespace(identifier)
        self.networks.plug(identifier, port)
        addresses = [AddAddress(f"{each.address}/{each.prefix_length}") for each in port.ips]
        self.networks.configure(identifier, port, [Tune(), *addresses, BringUp(), AddRoute(ROUTE)])
        return identifier

    def device(self, port: DesiredPort) -> str:
        return ("ns-" if self.use_veth else "tap") + port.id[:11]

    def column(self, table: str, record: str, column: str) -> str:
        return self.switch.vsctl("get", table, record, column).strip().strip('"')

    def close(self) -> None:
        for identifier in set(self.identifiers):
            self.networks.remove_namespace(identifier)
        self.networks.close()


@pytest.fixture(params=[False, True], ids=["internal", "veth"])
def site(private_openvswitch: Openvswitch, request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(private_openvswitch, use_veth=request.param)
    home = os.readlink("/proc/thread-self/ns/net")
    try:
        yield site
    finally:
        site.close()
    assert os.readlink("/proc/thread-self/ns/net") == home


def whole(port: DesiredPort) -> NetworkObserved:
    return NetworkObserved(
        namespace=True,
        vif=VifState(mac_address=port.mac_address, mtu=port.mtu, up=True, segment=port.segment),
        addresses=frozenset(f"{each.address}/{each.prefix_length}" for each in port.ips),
        routes=frozenset([ROUTE]),
        tuned=True,
    )


def test_the_port_is_what_neutron_would_have_made(site: Site) -> None:
    port = make_port(VIP, vlan=101, mtu=1442)
    identifier = site.build(port)
    tap = f"tap{port.id[:11]}"
    assert site.column("Bridge", site.bridge, "datapath_type") == "netdev"
    assert tap in site.switch.vsctl("list-ports", site.bridge).split()
    assert site.column("Port", tap, "tag") == "101"
    assert site.column("Interface", tap, "type") == ("" if site.use_veth else "internal")
    for key, value in {
        "iface-id": port.id,
        "iface-status": "active",
        "attached-mac": port.mac_address,
        "vm-id": identifier,
    }.items():
        assert site.column("Interface", tap, f"external_ids:{key}") == value
    shown = run("ip", "link", "show", "dev", site.device(port), namespace=f"qlbaas-{identifier}")
    assert port.mac_address in shown
    assert "mtu 1442" in shown
    assert site.networks.observe(identifier, port) == whole(port)


def test_tcp_passes_in_both_directions(site: Site) -> None:
    """Much more than a ping: with checksums left to a device that does not make them, only TCP would hang."""
    client = site.switch.machine("client", site.bridge, "10.7.0.9/24")
    port = make_port(VIP)
    identifier = site.build(port)
    namespace = site.networks.namespace(identifier)
    assert reaches(client.namespace, "10.7.0.5")
    backend = HttpBackend(client, 8080, BULK)
    try:
        assert fetch(namespace, "10.7.0.9", 8080) == BULK
    finally:
        backend.stop()
    inside = HttpBackend(replace(client, namespace=namespace, addresses=(VIP,)), 80, BULK)
    try:
        assert fetch(client.namespace, "10.7.0.5", 80) == BULK
    finally:
        inside.stop()


def test_vlans_keep_networks_apart(site: Site) -> None:
    same = site.switch.machine("same", site.bridge, "10.7.0.9/24", vlan=101)
    other = site.switch.machine("other", site.bridge, "10.7.0.10/24", vlan=102)
    port = make_port(VIP, vlan=101)
    identifier = site.build(port)
    assert reaches(same.namespace, "10.7.0.5")
    assert not reaches(other.namespace, "10.7.0.5", timeout=LOST)

    moved = replace(port, segment=replace(port.segment, vlan=102))
    seen = site.networks.observe(identifier, moved).vif
    assert seen is not None
    assert seen.segment is None
    site.build(moved, identifier)
    assert site.networks.observe(identifier, moved) == whole(moved)
    assert reaches(other.namespace, "10.7.0.5")
    assert not reaches(same.namespace, "10.7.0.5", timeout=LOST)


@pytest.mark.parametrize("damage", ["del-port {tap}", "set Port {tap} tag=77", "clear Interface {tap} external_ids"])
def test_damage_in_the_switch_is_seen_and_mended(site: Site, damage: str) -> None:
    client = site.switch.machine("client", site.bridge, "10.7.0.9/24")
    port = make_port(VIP)
    identifier = site.build(port)
    site.switch.vsctl(*damage.format(tap=f"tap{port.id[:11]}").split())
    assert eventually(lambda: site.networks.observe(identifier, port) != whole(port))
    site.build(port, identifier)
    assert site.networks.observe(identifier, port) == whole(port)
    assert reaches(client.namespace, "10.7.0.5")


def test_a_lost_device_is_seen_and_mended(site: Site) -> None:
    client = site.switch.machine("client", site.bridge, "10.7.0.9/24")
    port = make_port(VIP)
    identifier = site.build(port)
    run("ip", "-n", f"qlbaas-{identifier}", "link", "del", site.device(port))
    assert site.networks.observe(identifier, port) != whole(port)
    site.build(port, identifier)
    assert site.networks.observe(identifier, port) == whole(port)
    assert reaches(client.namespace, "10.7.0.5")


def test_a_switch_that_starts_anew_gets_its_ports_back(site: Site) -> None:
    client = site.switch.machine("client", site.bridge, "10.7.0.9/24")
    port = make_port(VIP)
    identifier = site.build(port)
    site.switch.stop_switch()
    site.switch.start_switch()
    assert eventually(lambda: site.switch.vsctl("--columns=ofport", "find", "Interface", "ofport>0") != "")
    site.build(port, identifier)
    assert site.networks.observe(identifier, port) == whole(port)
    assert eventually(lambda: reaches(client.namespace, "10.7.0.5"))


def test_removal_leaves_nothing_in_the_switch_or_on_the_host(site: Site) -> None:
    port = make_port(VIP)
    identifier = site.build(port)
    site.networks.remove_namespace(identifier)
    site.networks.remove_namespace(identifier)
    assert site.switch.vsctl("list-ports", site.bridge).split() == []
    assert not site.networks.namespace(identifier).exists()
    assert eventually(lambda: not Path(f"/sys/class/net/tap{port.id[:11]}").exists())
    assert site.networks.observe(identifier, port) == NetworkObserved(namespace=False)


def test_a_namespace_that_an_operator_deleted_leaves_no_port_behind(site: Site) -> None:
    port = make_port(VIP)
    identifier = site.build(port)
    netns.remove(site.networks.namespace(identifier))
    site.networks.remove_namespace(identifier)
    assert site.switch.vsctl("list-ports", site.bridge).split() == []


def test_unplugging_may_be_repeated(site: Site) -> None:
    port = make_port(VIP)
    identifier = site.build(port)
    site.networks.unplug(identifier, port.id)
    site.networks.unplug(identifier, port.id)
    assert site.switch.vsctl("list-ports", site.bridge).split() == []
    assert site.networks.observe(identifier, port) == NetworkObserved(namespace=True, tuned=True)


def test_the_other_kind_of_port_is_replaced(site: Site) -> None:
    client = site.switch.machine("client", site.bridge, "10.7.0.9/24")
    port = make_port(VIP)
    identifier = site.build(port)
    other = Site.__new__(Site)
    other.switch, other.use_veth, other.bridge = site.switch, not site.use_veth, site.bridge
    other.driver = Driver({PHYSICAL_NETWORK: site.bridge}, site.switch.settings(use_veth=other.use_veth))
    other.networks, other.identifiers = Networks(Path("/run/netns"), other.driver), []
    try:
        for device in other.networks.observe(identifier, port).foreign_devices:
            other.networks.remove_foreign_device(identifier, device)
        other.build(port, identifier)
        assert other.networks.observe(identifier, port) == whole(port)
        assert reaches(client.namespace, "10.7.0.5")
    finally:
        other.networks.close()


def test_what_the_switch_lacks_is_said(site: Site) -> None:
    port = make_port(VIP)
    with pytest.raises(Hopeless, match="bridge_mappings"):
        site.build(replace(port, segment=replace(port.segment, physical_network="nowhere")))
    site.switch.vsctl("del-br", site.bridge)
    with pytest.raises(HostError, match=f"{site.bridge} .* does not exist"):
        site.build(port)


def test_a_database_that_is_not_there_is_said() -> None:
    driver = Driver({PHYSICAL_NETWORK: "br0"}, OpenvswitchSettings(connection="unix:/run/no-such.sock", timeout=1.0))
    with pytest.raises(HostError, match=r"cannot reach Open vSwitch's database at unix:/run/no-such\.sock"):
        driver.prepare(list)
    driver.close()


def test_a_bridge_with_a_spanning_tree_is_waited_for(private_openvswitch: Openvswitch) -> None:
    site = Site(private_openvswitch, use_veth=True)
    try:
        client, port, identifier = site.switch.machine("client", site.bridge, "10.7.0.9/24"), make_port(VIP), "lb-tree"
        site.switch.vsctl("set", "Port", client.device, "other_config:rstp-enable=false")
        site.switch.vsctl("set", "Bridge", site.bridge, "rstp_enable=true")
        assert any("spanning tree" in each for each in site.driver.prepare(list))
        with pytest.raises(NotYet, match="spanning tree"):
            site.build(port, identifier)
        assert eventually(lambda: builds(site, port, identifier))
        assert reaches(client.namespace, "10.7.0.5")
    finally:
        site.close()


@pytest.mark.parametrize("tree", ["stp_enable", "rstp_enable"])
def test_an_internal_port_that_would_hear_no_broadcast_is_refused(private_openvswitch: Openvswitch, tree: str) -> None:
    site = Site(private_openvswitch, use_veth=False)
    try:
        client, port = site.switch.machine("client", site.bridge, "10.7.0.9/24"), make_port(VIP)
        site.switch.vsctl("set", "Bridge", site.bridge, f"{tree}=true")
        assert any("new load balancers are refused" in each for each in site.driver.prepare(list))
        with pytest.raises(Hopeless, match="spanning tree"):
            site.build(port, "lb-deaf")
        site.switch.vsctl("set", "Bridge", site.bridge, f"{tree}=false")
        assert eventually(lambda: site.bridge not in site.driver._ovsdb.bridges_in_trees())
        site.build(port, "lb-deaf")
        assert reaches(client.namespace, "10.7.0.5")
        # One that was there before the tree goes on.
        site.switch.vsctl("set", "Bridge", site.bridge, f"{tree}=true")
        assert eventually(lambda: site.bridge in site.driver._ovsdb.bridges_in_trees())
        assert site.networks.observe("lb-deaf", port) == whole(port)
    finally:
        site.close()


def builds(site: Site, port: DesiredPort, identifier: str) -> bool:
    try:
        site.build(port, identifier)
    except NotYet:
        return False
    return True
