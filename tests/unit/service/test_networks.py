"""Networks, subnets and ports as their API asks for them, on the real store."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.samples import a_described_port, a_held_port, a_tree, new_id
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints

from evenload.interfaces.store import Transaction
from evenload.model.enums import NetworkType
from evenload.model.errors import Conflict, Invalid, NotFound, Rejected, Unsupported
from evenload.model.held_port import PortState
from evenload.model.network import AllocationPool, FixedIp, Network, Route, Segment, Subnet
from evenload.service.allocation import FixedIpRequest
from evenload.service.networks import Networks, NetworkSettings, NetworkView
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork

SETTINGS = NetworkSettings(
    default_physical_network="physnet1", physical_networks=("physnet1",), vlan_ranges=(("physnet1", 100, 102),)
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlUnitOfWork]:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    METADATA.create_all(engine)
    yield SqlUnitOfWork(engine, NotedHints())
    engine.dispose()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def networks(store: SqlUnitOfWork, clock: StillClock) -> Networks:
    return Networks(store, SETTINGS, clock, new_id, random.Random(7))


def network(networks: Networks, **fields: Any) -> Network:
    return networks.create_network("project-1", fields).network


def subnet(networks: Networks, network: Network, cidr: str = "10.0.0.0/24", **fields: Any) -> Subnet:
    version = 6 if ":" in cidr else 4
    return networks.create_subnet(
        "project-1", {"network_id": network.id, "ip_version": version, "cidr": cidr, **fields}
    )


# Networks


def test_a_network_gets_the_free_segments_one_after_the_other(networks: Networks) -> None:
    made = [network(networks).segment for _ in range(4)]
    assert made == [
        Segment(type=NetworkType.FLAT, physical_network="physnet1"),
        *(Segment(type=NetworkType.VLAN, physical_network="physnet1", vlan=vlan) for vlan in (100, 101, 102)),
    ]
    with pytest.raises(Conflict, match="vlan_ranges"):
        network(networks)


def test_a_network_comes_back_as_it_was_made(networks: Networks, clock: StillClock) -> None:
    made = networks.create_network(
        "project-1",
        {
            "name": "n",
            "description": "d",
            "admin_state_up": True,
            "shared": True,
            "mtu": 9000,
            "tags": ("a",),
            "type": NetworkType.VLAN,
            "physical_network": "physnet1",
            "vlan": 7,
        },
    )
    assert made.network == Network(
        id=made.network.id,
        project_id="project-1",
        name="n",
        description="d",
        shared=True,
        mtu=9000,
        tags=("a",),
        segment=Segment(type=NetworkType.VLAN, physical_network="physnet1", vlan=7),
        created_at=clock.now(),
    )
    assert networks.network(made.network.id) == made
    first, second = subnet(networks, made.network), subnet(networks, made.network, "10.0.1.0/24")
    assert networks.network(made.network.id).subnet_ids == (first.id, second.id)
    assert networks.networks() == [NetworkView(network=made.network, subnet_ids=(first.id, second.id))]


def test_a_network_is_updated(networks: Networks, clock: StillClock) -> None:
    made = network(networks)
    clock.advance(5)
    assert networks.update_network(made.id, {"name": ""}).network.updated_at is None
    changed = networks.update_network(made.id, {"name": "new", "mtu": 1400, "admin_state_up": True, "tags": ("x",)})
    assert (changed.network.name, changed.network.mtu, changed.network.tags) == ("new", 1400, ("x",))
    assert changed.network.updated_at == clock.now()
    assert networks.network(made.id) == changed


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"nonsense": 1}, Invalid, "nonsense"),
        ({"id": "x"}, Invalid, "id"),
        ({"mtu": 500}, Invalid, "mtu"),
        ({"vlan": 5}, Invalid, "vlan"),
        ({"type": NetworkType.FLAT, "physical_network": "physnet9"}, Invalid, "physical_network"),
        ({"admin_state_up": False}, Unsupported, "admin_state_up"),
    ],
)
def test_networks_that_cannot_be(networks: Networks, fields: dict[str, Any], error: type[Rejected], field: str) -> None:
    with pytest.raises(error) as caught:
        network(networks, **fields)
    assert caught.value.field == field
    assert networks.networks() == []


def test_the_segment_of_a_network_stays(networks: Networks) -> None:
    made = network(networks)
    for name in ("type", "physical_network", "vlan", "segment", "project_id"):
        with pytest.raises(Invalid) as caught:
            networks.update_network(made.id, {name: None})
        assert caught.value.field == name


def test_an_ipv6_subnet_keeps_the_mtu_up(networks: Networks) -> None:
    small, large = network(networks, mtu=1000), network(networks)
    with pytest.raises(Invalid, match="too small"):
        subnet(networks, small, "2001:db8::/64")
    subnet(networks, large, "2001:db8::/64")
    with pytest.raises(Invalid) as caught:
        networks.update_network(large.id, {"mtu": 1279})
    assert caught.value.field == "mtu"


def test_a_network_with_ports_stays_and_one_without_takes_its_subnets_along(networks: Networks) -> None:
    made = network(networks)
    subnet(networks, made)
    port = networks.create_port("project-1", {"network_id": made.id})
    with pytest.raises(Conflict, match="ports still in use"):
        networks.delete_network(made.id)
    networks.delete_port(port.id)
    networks.delete_network(made.id)
    assert (networks.networks(), networks.subnets()) == ([], [])
    assert network(networks).segment.type is NetworkType.FLAT  # the segment is free again


def test_a_network_that_others_use_stays_shared(networks: Networks) -> None:
    made = network(networks, shared=True)
    port = networks.create_port("project-2", {"network_id": made.id})
    with pytest.raises(Conflict) as caught:
        networks.update_network(made.id, {"shared": False})
    assert caught.value.field == "shared"
    networks.delete_port(port.id)
    assert not networks.update_network(made.id, {"shared": False}).network.shared


def test_who_sees_what(networks: Networks) -> None:
    private, shared = network(networks), network(networks, shared=True)
    inner, outer = subnet(networks, private), subnet(networks, shared)
    own = networks.create_port("project-2", {"network_id": shared.id})
    theirs = networks.create_port("project-3", {"network_id": shared.id})
    assert [view.network for view in networks.networks(viewer="project-1")] == [private, shared]
    assert [view.network for view in networks.networks(viewer="project-2")] == [shared]
    assert [view.network for view in networks.networks()] == [private, shared]
    assert networks.subnets(viewer="project-2") == [outer]
    assert networks.subnets(viewer="project-1") == [inner, outer]
    assert networks.ports(viewer="project-2") == [own]
    assert networks.ports(viewer="project-1") == [own, theirs]  # whose network it is
    assert networks.ports() == [own, theirs]
    assert networks.network(shared.id, viewer="project-2").network == shared
    assert networks.subnet(outer.id, viewer="project-2") == outer
    assert networks.port(own.id, viewer="project-2") == own
    assert networks.port(own.id, viewer="project-1") == own
    for hidden in (
        lambda: networks.network(private.id, viewer="project-2"),
        lambda: networks.subnet(inner.id, viewer="project-2"),
        lambda: networks.port(theirs.id, viewer="project-2"),
    ):
        with pytest.raises(NotFound):
            hidden()


def test_what_does_not_exist_is_not_found(networks: Networks) -> None:
    for act in (
        lambda: networks.network("x"),
        lambda: networks.update_network("x", {}),
        lambda: networks.delete_network("x"),
        lambda: networks.subnet("x"),
        lambda: networks.update_subnet("x", {}),
        lambda: networks.delete_subnet("x"),
        lambda: networks.port("x"),
        lambda: networks.update_port("x", {}),
        lambda: networks.delete_port("x"),
        lambda: networks.create_port("p", {"network_id": "x"}),
        lambda: networks.create_subnet("p", {"network_id": "x", "ip_version": 4, "cidr": "10.0.0.0/24"}),
    ):
        with pytest.raises(NotFound):
            act()


# Subnets


def test_a_subnet_takes_its_defaults(networks: Networks, clock: StillClock) -> None:
    made = network(networks)
    found = subnet(networks, made)
    assert found == Subnet(
        id=found.id,
        network_id=made.id,
        project_id="project-1",
        ip_version=4,
        cidr="10.0.0.0/24",
        gateway_ip="10.0.0.1",
        allocation_pools=(AllocationPool(start="10.0.0.2", end="10.0.0.254"),),
        created_at=clock.now(),
    )
    assert networks.subnet(found.id) == found


def test_a_subnet_takes_what_is_said(networks: Networks) -> None:
    made = subnet(
        networks,
        network(networks),
        "2001:DB8:0::/64",
        gateway_ip=None,
        allocation_pools=[AllocationPool(start="2001:db8::10", end="2001:DB8::1F")],
        host_routes=[Route(destination="2001:DB8:1::/64", nexthop="2001:DB8::1")],
        dns_nameservers=["2001:DB8::53"],
        enable_dhcp=True,
        name="s",
        description="d",
        tags=("t",),
    )
    assert (made.cidr, made.gateway_ip, made.enable_dhcp, made.name, made.tags) == (
        "2001:db8::/64",
        None,
        True,
        "s",
        ("t",),
    )
    assert made.allocation_pools == (AllocationPool(start="2001:db8::10", end="2001:db8::1f"),)
    assert made.host_routes == (Route(destination="2001:db8:1::/64", nexthop="2001:db8::1"),)
    assert made.dns_nameservers == ("2001:DB8::53",)


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"cidr": None}, Invalid, "cidr"),
        ({"ip_version": None}, Invalid, "ip_version"),
        ({"network_id": None}, Invalid, "network_id"),
        ({"network_id": "x"}, NotFound, "network_id"),
        ({"cidr": "10.0.9.9/24"}, Invalid, "cidr"),
        ({"cidr": "10.0.0.128/25"}, Invalid, "cidr"),
        ({"gateway_ip": "10.9.0.0"}, Invalid, "gateway_ip"),
        ({"gateway_ip": "nowhere"}, Invalid, "gateway_ip"),
        ({"allocation_pools": [AllocationPool(start="10.9.0.1", end="10.9.0.9")]}, Conflict, "allocation_pools"),
        ({"host_routes": [Route(destination="10.0.0.1/24", nexthop="10.9.0.9")]}, Invalid, "host_routes"),
        ({"dns_nameservers": ["x"]}, Invalid, "dns_nameservers"),
        ({"id": "x"}, Invalid, "id"),
    ],
)
def test_subnets_that_cannot_be(networks: Networks, fields: dict[str, Any], error: type[Rejected], field: str) -> None:
    made = network(networks)
    existing = subnet(networks, made)
    with pytest.raises(error) as caught:
        networks.create_subnet("project-1", {"network_id": made.id, "ip_version": 4, "cidr": "10.9.0.0/24", **fields})
    assert caught.value.field == field
    assert networks.subnets() == [existing]


def test_a_subnet_is_updated(networks: Networks, clock: StillClock) -> None:
    made = subnet(networks, network(networks))
    clock.advance(1)
    changed = networks.update_subnet(
        made.id,
        {
            "name": "new",
            "gateway_ip": "192.0.2.1",
            "allocation_pools": [AllocationPool(start="10.0.0.1", end="10.0.0.9")],
            "host_routes": [Route(destination="0.0.0.0/0", nexthop="10.0.0.3")],
            "dns_nameservers": ["10.0.0.53"],
        },
    )
    assert (changed.name, changed.gateway_ip, changed.updated_at) == ("new", "192.0.2.1", clock.now())
    assert changed.allocation_pools == (AllocationPool(start="10.0.0.1", end="10.0.0.9"),)
    assert networks.subnet(made.id) == changed


def test_updates_that_cannot_be(networks: Networks) -> None:
    made = subnet(networks, network(networks))
    networks.create_port(
        "project-1", {"network_id": made.network_id, "fixed_ips": [FixedIpRequest(address="10.0.0.254")]}
    )
    networks.update_subnet(made.id, {"allocation_pools": [AllocationPool(start="10.0.0.5", end="10.0.0.9")]})
    wrong: list[tuple[dict[str, Any], type[Rejected], str]] = [
        ({"cidr": "10.0.0.0/25"}, Invalid, "cidr"),
        ({"network_id": "x"}, Invalid, "network_id"),
        ({"gateway_ip": "10.0.0.254"}, Conflict, "gateway_ip"),
        ({"gateway_ip": "10.0.0.7"}, Conflict, "gateway_ip"),
        ({"allocation_pools": [AllocationPool(start="10.0.0.1", end="10.0.0.9")]}, Conflict, "allocation_pools"),
        ({"host_routes": [Route(destination="::/0", nexthop="fe80::1")]}, Invalid, "host_routes"),
    ]
    before = networks.subnet(made.id)
    for fields, error, field in wrong:
        with pytest.raises(error) as caught:
            networks.update_subnet(made.id, fields)
        assert caught.value.field == field
    assert networks.subnet(made.id) == before


def test_a_subnet_in_use_stays(networks: Networks) -> None:
    made = subnet(networks, network(networks))
    port = networks.create_port("project-1", {"network_id": made.network_id})
    with pytest.raises(Conflict, match="IP allocation"):
        networks.delete_subnet(made.id)
    networks.delete_port(port.id)
    networks.delete_subnet(made.id)
    assert networks.subnets() == []


# Ports


def test_a_port_gets_an_address_of_each_family(networks: Networks) -> None:
    made = network(networks)
    assert networks.create_port("project-1", {"network_id": made.id}).fixed_ips == ()
    six, four = subnet(networks, made, "2001:db8::/64"), subnet(networks, made)
    port = networks.create_port("project-1", {"network_id": made.id, "name": "p"})
    assert port.fixed_ips == (
        FixedIp(subnet_id=four.id, address="10.0.0.2"),
        FixedIp(subnet_id=six.id, address="2001:db8::2"),
    )
    assert port.mac_address.startswith("fa:16:3e:")
    assert networks.port(port.id) == port


def test_a_port_gets_the_addresses_asked_for(networks: Networks) -> None:
    made = network(networks)
    first, _ = subnet(networks, made), subnet(networks, made, "10.0.1.0/24")
    port = networks.create_port(
        "project-1",
        {
            "network_id": made.id,
            "mac_address": "02-00-00-00-00-AA",
            "fixed_ips": [
                FixedIpRequest(address="10.0.1.200"),
                FixedIpRequest(subnet_id=first.id),
                FixedIpRequest(subnet_id=first.id),
                FixedIpRequest(subnet_id=first.id, address="10.0.0.2"),
            ],
        },
    )
    assert port.mac_address == "02:00:00:00:00:aa"
    assert [ip.address for ip in port.fixed_ips] == ["10.0.1.200", "10.0.0.3", "10.0.0.4", "10.0.0.2"]
    assert networks.create_port("project-1", {"network_id": made.id, "fixed_ips": []}).fixed_ips == ()


def test_ports_that_cannot_be(networks: Networks) -> None:
    made, other = network(networks), network(networks)
    own, foreign = subnet(networks, made, "10.0.0.0/30"), subnet(networks, other, "10.0.1.0/24")
    taken = networks.create_port("project-1", {"network_id": made.id})
    assert taken.fixed_ips[0].address == "10.0.0.2"

    def make_desired(**fields: str) -> dict[str, Any]:
        return {"network_id": made.id, "fixed_ips": [FixedIpRequest(**fields)]}

    wrong: list[tuple[dict[str, Any], type[Rejected], str]] = [
        ({}, Invalid, "network_id"),
        ({"network_id": made.id}, Conflict, "fixed_ips"),
        (make_desired(subnet_id=own.id), Conflict, "fixed_ips"),
        (make_desired(address="10.0.0.2"), Conflict, "fixed_ips"),
        (make_desired(address="10.0.0.1"), Invalid, "fixed_ips"),
        (make_desired(address="10.0.0.3"), Invalid, "fixed_ips"),
        (make_desired(address="10.0.1.5"), Invalid, "fixed_ips"),
        (make_desired(address="x"), Invalid, "fixed_ips"),
        (make_desired(subnet_id=foreign.id), Invalid, "fixed_ips"),
        (make_desired(), Invalid, "fixed_ips"),
        (
            {
                "network_id": other.id,
                "fixed_ips": [FixedIpRequest(address="10.0.1.9"), FixedIpRequest(address="10.0.1.9")],
            },
            Invalid,
            "fixed_ips",
        ),
        ({"network_id": made.id, "fixed_ips": [], "mac_address": taken.mac_address}, Conflict, "mac_address"),
        ({"network_id": made.id, "fixed_ips": [], "mac_address": "01:00:5e:00:00:01"}, Invalid, "mac_address"),
        ({"network_id": made.id, "fixed_ips": [], "admin_state_up": False}, Unsupported, "admin_state_up"),
        ({"network_id": made.id, "fixed_ips": [], "host": "h"}, Invalid, "host"),
    ]
    for fields, error, field in wrong:
        with pytest.raises(error) as caught:
            networks.create_port("project-1", fields)
        assert caught.value.field == field, fields
    assert networks.ports() == [taken]
    with pytest.raises(Conflict, match="No more IP addresses available on network"):
        networks.create_port("project-1", {"network_id": made.id})


def test_macs_are_tried_until_one_is_free(store: SqlUnitOfWork, clock: StillClock) -> None:
    class Repeating(random.Random):
        def getrandbits(self, k: int, /) -> int:
            return next(numbers)

    numbers = iter([5, 5, 5, 6])
    networks = Networks(store, SETTINGS, clock, new_id, Repeating())
    made = network(networks)
    macs = [networks.create_port("project-1", {"network_id": made.id}).mac_address for _ in range(2)]
    assert macs == ["fa:16:3e:00:00:05", "fa:16:3e:00:00:06"]


def test_the_same_mac_may_lie_in_two_networks(networks: Networks) -> None:
    mac = "02:00:00:00:00:01"
    for made in (network(networks), network(networks)):
        assert networks.create_port("p", {"network_id": made.id, "mac_address": mac}).mac_address == mac


def test_a_port_of_a_load_balancer_is_the_load_balancers(store: SqlUnitOfWork, networks: Networks) -> None:
    made = network(networks)
    tree = a_tree()
    port = networks.create_port("project-1", {"network_id": made.id, "device_id": tree.id, "device_owner": "Octavia"})
    held = a_held_port(load_balancer_id=tree.id, described=a_described_port(id=port.id))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_held_port(held)

    with pytest.raises(Conflict, match="about to be used by a load balancer"):
        networks.delete_port(port.id)
    store.write(lambda transaction: transaction.update_held_port(replace(held, state=PortState.USED)))
    with pytest.raises(Conflict, match=f"in use by load balancer {tree.id}"):
        networks.delete_port(port.id)
    with pytest.raises(Conflict) as caught:
        networks.update_port(port.id, {"device_id": ""})
    assert caught.value.field == "device_id"
    renamed = networks.update_port(port.id, {"name": "vip", "device_id": tree.id, "tags": ("t",)})
    assert (renamed.name, renamed.tags) == ("vip", ("t",))
    store.write(lambda transaction: transaction.remove_held_port(held.id))

    assert networks.update_port(port.id, {"device_id": "", "device_owner": ""}).device_id == ""
    networks.delete_port(port.id)
    assert networks.ports() == []


def test_a_port_that_merely_names_a_load_balancer_may_be_changed_back(store: SqlUnitOfWork, networks: Networks) -> None:
    made = network(networks)
    tree = a_tree()

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(tree)

    port = networks.create_port("project-1", {"network_id": made.id})
    networks.update_port(port.id, {"device_id": tree.id})
    assert networks.update_port(port.id, {"device_id": ""}).device_id == ""
    networks.update_port(port.id, {"device_id": tree.id})
    networks.delete_port(port.id)
    assert networks.ports() == []


def test_a_port_of_something_else_may_go(networks: Networks) -> None:
    made = network(networks)
    port = networks.create_port(
        "project-1", {"network_id": made.id, "device_id": "vm-1", "device_owner": "compute:nova"}
    )
    networks.delete_port(port.id)
    assert networks.ports() == []
