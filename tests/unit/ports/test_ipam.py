"""VIP ports from the built-in networks, on the real store."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.samples import START, new_id
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints

from evenload.interfaces.ports import VipPort, VipRequest
from evenload.model.balancer import Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.errors import Conflict, Invalid, Rejected
from evenload.model.held_port import HeldPort
from evenload.model.network import Network, Port, Route, Subnet
from evenload.ports.ipam import Ipam
from evenload.service.allocation import FixedIpRequest
from evenload.service.networks import Networks, NetworkSettings
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork


class World:
    """A private network with two IPv4 subnets and an IPv6 one, and a shared network with one subnet."""

    def __init__(self, store: SqlUnitOfWork) -> None:
        self.store = store
        clock = StillClock()
        settings = NetworkSettings(
            default_physical_network="p", physical_networks=("p",), vlan_ranges=(("p", 1, 9),), default_mtu=1450
        )
        self.networks = Networks(store, settings, clock, new_id, random.Random(1))
        self.ipam = Ipam(store, clock, new_id, random.Random(2))
        self.network = self.networks.create_network("project-1", {}).network
        self.shared = self.networks.create_network("project-9", {"shared": True}).network
        self.six = self.subnet(self.network, "2001:db8::/64")
        self.four = self.subnet(
            self.network, "10.0.0.0/29", host_routes=[Route(destination="192.0.2.0/24", nexthop="10.0.0.6")]
        )
        self.second = self.subnet(self.network, "10.0.1.0/24", gateway_ip=None)
        self.common = self.subnet(self.shared, "10.9.0.0/24")

    def subnet(self, network: Network, cidr: str, **fields: Any) -> Subnet:
        version = 6 if ":" in cidr else 4
        return self.networks.create_subnet(
            network.project_id, {"network_id": network.id, "ip_version": version, "cidr": cidr, **fields}
        )

    def port(self, *addresses: str, project_id: str = "project-1", **fields: Any) -> Port:
        requests = [FixedIpRequest(address=address) for address in addresses]
        return self.networks.create_port(project_id, {"network_id": self.network.id, "fixed_ips": requests, **fields})

    def make(self, project_id: str = "project-1", load_balancer_id: str = "lb-1", **desired: Any) -> VipPort:
        return self.ipam.reserve_vip_port(held(load_balancer_id), project_id, VipRequest(**desired))

    def release(self, made: VipPort, load_balancer_id: str = "lb-1") -> None:
        self.ipam.release_vip_port(held(load_balancer_id, made))


def held(load_balancer_id: str = "lb-1", made: VipPort | None = None) -> HeldPort:
    return HeldPort(
        id="reservation",
        load_balancer_id=load_balancer_id,
        given_port_id=None if made is None or made.own_port else made.port_id,
        since=START,
        described=None if made is None else made.described,
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    METADATA.create_all(engine)
    yield World(SqlUnitOfWork(engine, NotedHints()))
    engine.dispose()


def refused(world: World, error: type[Rejected], field: str, match: str = "", **desired: Any) -> None:
    before = world.networks.ports()
    with pytest.raises(error, match=match) as caught:
        world.make(**desired)
    assert caught.value.field == field
    assert world.networks.ports() == before


# Made ports


def test_a_subnet_gives_the_next_address_and_a_port_of_its_own(world: World) -> None:
    made = world.make(subnet_id=world.four.id)
    assert (made.network_id, made.own_port) == (world.network.id, True)
    assert made.vips == (Vip(address="10.0.0.2", subnet_id=world.four.id),)
    port = world.networks.port(made.port_id)
    assert (port.device_id, port.device_owner, port.project_id) == ("lb-1", "Octavia", "project-1")
    assert port.name == "octavia-lb-lb-1"
    assert port.mac_address.startswith("fa:16:3e:")


def test_a_network_gives_ipv4_first_and_then_what_is_left(world: World) -> None:
    addresses = [world.make(network_id=world.network.id).vips[0].address for _ in range(7)]
    assert addresses == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.1.1", "10.0.1.2"]


def test_an_address_in_a_network_finds_its_subnet(world: World) -> None:
    made = world.make(network_id=world.network.id, address="2001:DB8:0::42")
    assert made.vips == (Vip(address="2001:db8::42", subnet_id=world.six.id),)
    made = world.make(network_id=world.network.id, subnet_id=world.second.id, address="10.0.1.77")
    assert made.vips == (Vip(address="10.0.1.77", subnet_id=world.second.id),)


def test_requests_that_cannot_be(world: World) -> None:
    foreign = world.networks.create_network("project-2", {}).network
    hidden = world.subnet(foreign, "10.7.0.0/24")
    empty = world.networks.create_network("project-1", {}).network
    taken = world.make(subnet_id=world.four.id, address="10.0.0.5").vips[0].address
    for error, field, match, desired in [
        (Invalid, "vip_subnet_id", "VIP must contain one of", {}),
        (Invalid, "vip_subnet_id", "VIP must contain one of", {"address": "10.0.0.4"}),
        (Invalid, "vip_subnet_id", "Subnet nothing not found", {"subnet_id": "nothing"}),
        (Invalid, "vip_subnet_id", f"Subnet {hidden.id} not found", {"subnet_id": hidden.id}),
        (Invalid, "vip_network_id", "Network nothing not found", {"network_id": "nothing"}),
        (Invalid, "vip_network_id", f"Network {foreign.id} not found", {"network_id": foreign.id}),
        (Invalid, "vip_network_id", "no subnet", {"network_id": empty.id}),
        (Invalid, "vip_subnet_id", "not on network", {"network_id": empty.id, "subnet_id": world.four.id}),
        (Invalid, "vip_address", "not in subnet", {"subnet_id": world.four.id, "address": "10.0.1.5"}),
        (Invalid, "vip_address", "not in", {"network_id": world.network.id, "address": "10.8.0.1"}),
        (Invalid, "vip_address", "gateway", {"subnet_id": world.four.id, "address": "10.0.0.1"}),
        (Invalid, "vip_address", "reserved", {"subnet_id": world.four.id, "address": "10.0.0.7"}),
        (Invalid, "vip_address", "reserved", {"subnet_id": world.six.id, "address": "2001:db8::"}),
        (Invalid, "vip_address", "not a valid IP", {"subnet_id": world.four.id, "address": "ten"}),
        (Conflict, "vip_address", "already in use: 10.0.0.5", {"subnet_id": world.four.id, "address": taken}),
    ]:
        refused(world, error, field, match, **desired)


def test_an_administrator_sees_every_network(world: World) -> None:
    foreign = world.subnet(world.networks.create_network("project-2", {}).network, "10.7.0.0/24")
    made = world.make(subnet_id=foreign.id, every_project=True)
    assert made.vips[0].address == "10.7.0.2"
    assert world.networks.port(made.port_id).project_id == "project-1"


def test_a_shared_network_is_everybodys(world: World) -> None:
    assert world.make("project-5", network_id=world.shared.id).vips[0].subnet_id == world.common.id


def test_an_exhausted_subnet_says_so_and_takes_released_addresses_again(world: World) -> None:
    made = [world.make(subnet_id=world.four.id) for _ in range(5)]
    refused(world, Conflict, "vip_subnet_id", "No more IP addresses available", subnet_id=world.four.id)
    world.release(made[3])
    again = world.make(subnet_id=world.four.id)
    assert again.vips == made[3].vips
    assert again.port_id != made[3].port_id


# Several VIPs


def test_additional_vips_lie_on_the_same_port(world: World) -> None:
    made = world.make(
        subnet_id=world.four.id,
        additional=((world.six.id, None, None), (world.second.id, "10.0.1.9", None)),
    )
    assert made.vips == (
        Vip(address="10.0.0.2", subnet_id=world.four.id),
        Vip(address="2001:db8::2", subnet_id=world.six.id),
        Vip(address="10.0.1.9", subnet_id=world.second.id),
    )
    assert [ip.address for ip in world.networks.port(made.port_id).fixed_ips] == [
        "10.0.0.2",
        "2001:db8::2",
        "10.0.1.9",
    ]


def test_a_primary_chosen_freely_leaves_the_additional_subnets_alone(world: World) -> None:
    made = world.make(network_id=world.network.id, additional=((world.four.id, None, None),))
    assert [vip.subnet_id for vip in made.vips] == [world.second.id, world.four.id]


def test_additional_vips_that_cannot_be(world: World) -> None:
    world.make(subnet_id=world.second.id, address="10.0.1.9")
    for error, match, additional in [
        (Invalid, "different subnets", (world.four.id, None, None)),
        (Invalid, "one network", (world.common.id, None, None)),
        (Invalid, "not found", ("nothing", None, None)),
        (Invalid, "not a valid IP", (world.six.id, "10.0.0.5", None)),
        (Invalid, "one port", (world.six.id, None, "port-1")),
        (Conflict, "already in use", (world.second.id, "10.0.1.9", None)),
    ]:
        refused(world, error, "additional_vips", match, subnet_id=world.four.id, additional=(additional,))
    twice = ((world.six.id, None, None), (world.six.id, None, None))
    refused(world, Invalid, "additional_vips", "different subnets", subnet_id=world.four.id, additional=twice)


# Given ports


def test_a_given_port_is_taken_and_freed(world: World) -> None:
    port = world.port("10.0.0.4", name="mine")
    made = world.make(port_id=port.id)
    assert (made.port_id, made.network_id, made.own_port) == (port.id, world.network.id, False)
    assert made.vips == (Vip(address="10.0.0.4", subnet_id=world.four.id),)
    taken = world.networks.port(port.id)
    assert (taken.device_id, taken.device_owner, taken.name) == ("lb-1", "Octavia", "mine")
    refused(world, Invalid, "vip_port_id", "already used", port_id=port.id)
    for _ in range(2):
        world.release(made)
        freed = world.networks.port(port.id)
        assert (freed.device_id, freed.device_owner, freed.fixed_ips) == ("", "", port.fixed_ips)
    assert world.make(port_id=port.id, load_balancer_id="lb-2").port_id == port.id
    world.release(made)  # the former load balancer no longer has a say
    assert world.networks.port(port.id).device_id == "lb-2"


@pytest.mark.parametrize(
    ("desired", "address"),
    [
        ({"subnet": "four"}, "10.0.0.4"),
        ({"address": "10.0.0.5"}, "10.0.0.5"),
        ({"subnet": "four", "address": "10.0.0.5"}, "10.0.0.5"),
        ({"subnet": "six"}, "2001:db8::9"),
        ({"network": "network", "address": "2001:DB8::9"}, "2001:db8::9"),
    ],
)
def test_one_of_several_addresses_of_a_given_port(world: World, desired: dict[str, str], address: str) -> None:
    port = world.port("10.0.0.4", "10.0.0.5", "2001:db8::9")
    given: dict[str, Any] = {}
    for name, value in desired.items():
        given |= {name: value} if name == "address" else {f"{name}_id": getattr(world, value).id}
    assert [vip.address for vip in world.make(port_id=port.id, **given).vips] == [address]


def test_given_ports_that_cannot_be(world: World) -> None:
    port = world.port("10.0.0.4", "10.0.0.5")
    bare = world.port()
    foreign = world.port("10.0.0.6", project_id="project-2")
    used = world.port("10.0.1.6", device_id="vm-1")
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("vip_port_id", "Port nothing not found", {"port_id": "nothing"}),
        ("vip_port_id", f"Port {foreign.id} not found", {"port_id": foreign.id}),
        ("vip_port_id", "already used", {"port_id": used.id}),
        ("vip_port_id", "no address", {"port_id": bare.id}),
        ("vip_port_id", "more than one address", {"port_id": port.id}),
        ("vip_subnet_id", "no address in subnet", {"port_id": port.id, "subnet_id": world.six.id}),
        ("vip_address", "does not have", {"port_id": port.id, "address": "10.0.0.6"}),
        ("vip_network_id", "not on network", {"port_id": port.id, "network_id": world.shared.id}),
        (
            "additional_vips",
            "no such address",
            {"port_id": port.id, "address": "10.0.0.4", "additional": ((world.six.id, None, None),)},
        ),
    ]
    for field, match, desired in cases:
        refused(world, Invalid, field, match, **desired)


def test_additional_vips_of_a_given_port_are_its_own_addresses(world: World) -> None:
    port = world.port("10.0.0.4", "2001:db8::9", "2001:db8::a")
    made = world.make(port_id=port.id, subnet_id=world.four.id, additional=((world.six.id, "2001:db8::A", port.id),))
    assert [vip.address for vip in made.vips] == ["10.0.0.4", "2001:db8::a"]


# What the agent and the service ask


def test_a_port_is_described_for_the_agent(world: World) -> None:
    made = world.make(subnet_id=world.four.id, additional=((world.six.id, None, None), (world.second.id, None, None)))
    assert made.described == DesiredPort(
        id=made.port_id,
        mac_address=world.networks.port(made.port_id).mac_address,
        mtu=1450,
        segment=world.network.segment,
        ips=(
            DesiredIp(
                address="10.0.0.2",
                prefix_length=29,
                gateway_ip="10.0.0.1",
                host_routes=(Route(destination="192.0.2.0/24", nexthop="10.0.0.6"),),
            ),
            DesiredIp(address="2001:db8::2", prefix_length=64, gateway_ip="2001:db8::1"),
            DesiredIp(address="10.0.1.1", prefix_length=24, gateway_ip=None),
        ),
    )


def test_only_the_vips_of_a_given_port_are_described(world: World) -> None:
    port = world.port("10.0.0.4", "10.0.0.5")
    made = world.make(port_id=port.id, address="10.0.0.5")
    assert [ip.address for ip in made.described.ips] == ["10.0.0.5"]


def test_an_own_port_goes_with_its_load_balancer(world: World) -> None:
    made = world.make(subnet_id=world.four.id)
    for _ in range(2):
        world.release(made)
    assert world.networks.ports() == []


def test_member_subnets(world: World) -> None:
    hidden = world.subnet(world.networks.create_network("project-2", {}).network, "10.7.0.0/24")
    world.ipam.check_subnets([world.four.id, world.common.id], "project-1", every_project=False)
    world.ipam.check_subnets([hidden.id], "project-1", every_project=True)
    for identifier in (hidden.id, "nothing"):
        with pytest.raises(Invalid, match=f"Subnet {identifier} not found") as caught:
            world.ipam.check_subnets([world.four.id, identifier], "project-1", every_project=False)
        assert caught.value.field == "subnet_id"
