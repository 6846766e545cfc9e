"""VIP ports that are nowhere, beside those of the built-in networks."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.contract.samples import an_empty_tree, new_id
from tests.fakes.clock import StillClock
from tests.fakes.memory_store import MemoryStore

from evenload.interfaces.ports import VipPort, VipRequest
from evenload.interfaces.store import Transaction
from evenload.model.errors import AddressOutsideSubnet, Conflict, Invalid, NotFound, PortInUse, UnknownNeighbour
from evenload.model.held_port import HeldPort, PortState
from evenload.model.network import Port, Subnet
from evenload.ports.noop import NoopPorts, find_made_up_port
from evenload.service.networks import Networks, NetworkSettings
from evenload.service.plans import hosted_at

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def held(load_balancer_id: str = "lb", **more: Any) -> HeldPort:
    return HeldPort(id=f"held {load_balancer_id}", load_balancer_id=load_balancer_id, since=MOMENT, **more)


class World:
    """A network with one subnet, and whatever else is named."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.ports = NoopPorts(self.store, StillClock(), new_id, random.Random(1))
        settings = NetworkSettings(default_physical_network="p", physical_networks=("p",))
        self.networks = Networks(
            self.store, settings, StillClock(), new_id, random.Random(2), find_other_port=find_made_up_port
        )
        self.network = self.networks.create_network("project", {}).network
        self.subnet = self.make_subnet("10.66.0.0/24")

    def make_subnet(self, cidr: str) -> Subnet:
        fields = {"network_id": self.network.id, "ip_version": 6 if ":" in cidr else 4, "cidr": cidr}
        return self.networks.create_subnet("project", fields)

    def reserve(self, load_balancer_id: str = "lb", **request: Any) -> VipPort:
        return self.ports.reserve_vip_port(held(load_balancer_id), "project", VipRequest(**request))

    def port(self, made: VipPort) -> Port:
        return self.networks.port(made.port_id)


@pytest.fixture
def world() -> World:
    return World()


# ----------------------------------------------------------------------------------------------- what exists nowhere


def test_what_was_said_holds_and_the_rest_is_the_same_each_time(world: World) -> None:
    more = (("six", "2001:DB8::5", None), ("four", None, None))
    port = world.reserve(network_id="net", subnet_id="sub", address="192.0.2.7", additional=more)
    assert (port.network_id, port.own_port) == ("net", True)
    assert [(vip.address, vip.subnet_id) for vip in port.vips[:2]] == [("192.0.2.7", "sub"), ("2001:db8::5", "six")]
    assert port.vips[2].address.startswith(("198.18.", "198.19."))
    assert port == world.reserve(network_id="net", subnet_id="sub", address="192.0.2.7", additional=more)
    assert world.reserve(subnet_id="sub").network_id == world.reserve("other", subnet_id="sub").network_id
    assert world.reserve(subnet_id="sub").vips != world.reserve("other", subnet_id="sub").vips
    given = world.reserve(port_id="port")
    assert (given.port_id, given.own_port) == ("port", False)


def test_no_address_no_port(world: World) -> None:
    with pytest.raises(Invalid):
        world.reserve(subnet_id="sub", address="nonsense")


@pytest.mark.parametrize(
    ("additional", "reason"),
    [
        ([("sub", None, None)], "different subnets"),
        ([("other", None, None), ("other", "192.0.2.9", None)], "different subnets"),
        ([("other", None, "port")], "one port"),
    ],
)
def test_further_vips_lie_in_subnets_of_their_own_on_the_one_port(
    world: World, additional: list[Any], reason: str
) -> None:
    with pytest.raises(Invalid, match=reason) as refused:
        world.reserve(subnet_id="sub", additional=tuple(additional))
    assert refused.value.field == "additional_vips"


def test_a_port_that_was_named_is_had_by_one_load_balancer(world: World) -> None:
    rows, request = world.ports.rows, VipRequest(port_id="port")

    def take(transaction: Transaction) -> None:
        own = held(given_port_id="port", state=PortState.USED)
        port = rows.reserve(transaction, own, "project", request)
        transaction.insert_held_port(held(given_port_id="port", state=PortState.USED, described=port.described))

    world.store.write(take)
    with pytest.raises(Invalid, match="already used"):
        world.store.write(lambda transaction: rows.reserve(transaction, held("other"), "project", request))


@pytest.mark.parametrize("given", [None, "port"])
def test_a_made_up_port_is_shown_to_its_project_until_it_is_released(world: World, given: str | None) -> None:
    tree = an_empty_tree()
    request = VipRequest(port_id=given, subnet_id="sub", additional=(("six", "2001:db8::5", None),))
    own = held(tree.id, given_port_id=given)
    made = world.ports.reserve_vip_port(own, tree.load_balancer.project_id, request)
    using = held(tree.id, given_port_id=given, state=PortState.USED, described=made.described)
    with pytest.raises(NotFound, match="Port"):
        world.port(made)

    def keep(transaction: Transaction) -> None:
        transaction.insert_tree(hosted_at(tree, made, "host-1"))
        transaction.insert_held_port(using)

    world.store.write(keep)
    shown = world.networks.port(made.port_id, viewer=tree.load_balancer.project_id)
    assert (shown.id, shown.network_id, shown.mac_address) == (
        made.port_id,
        made.network_id,
        made.described.mac_address,
    )
    assert [(ip.address, ip.subnet_id) for ip in shown.fixed_ips] == [(vip.address, vip.subnet_id) for vip in made.vips]
    assert (shown.device_id, shown.device_owner, shown.active) == (tree.id, "Octavia", False)
    with pytest.raises(NotFound, match="Port"):
        world.networks.port(made.port_id, viewer="a stranger")
    with pytest.raises(PortInUse, match="cannot be changed"):
        world.networks.update_port(made.port_id, {"name": "another"})
    with pytest.raises(PortInUse, match="cannot be deleted"):
        world.networks.delete_port(made.port_id)
    world.ports.bind_vip_port(using)
    world.ports.release_vip_port(using)
    world.store.write(lambda transaction: transaction.remove_held_port(using.id))
    with pytest.raises(NotFound, match="Port"):
        world.port(made)


# ------------------------------------------------------------------------------------ what the built-in networks have


@pytest.mark.parametrize("named", ["subnet_id", "network_id"])
def test_a_network_that_exists_gives_address_and_port(world: World, named: str) -> None:
    made = world.reserve(**{named: world.subnet.id if named == "subnet_id" else world.network.id})
    assert made.network_id == world.network.id
    assert [(vip.address, vip.subnet_id) for vip in made.vips] == [("10.66.0.2", world.subnet.id)]
    port = world.port(made)
    assert (port.device_id, port.network_id, port.active) == ("lb", world.network.id, False)
    using = held(described=made.described, host="host-1")
    world.ports.bind_vip_port(using)
    assert (world.port(made).host, world.port(made).active) == ("host-1", True)
    world.ports.release_vip_port(using)
    with pytest.raises(NotFound, match="Port"):
        world.port(made)


def test_a_port_that_exists_is_taken_and_given_back(world: World) -> None:
    port = world.networks.create_port("project", {"network_id": world.network.id})
    made = world.reserve(port_id=port.id)
    assert (made.port_id, made.own_port, made.network_id) == (port.id, False, world.network.id)
    assert [vip.address for vip in made.vips] == [port.fixed_ips[0].address] == ["10.66.0.2"]
    with pytest.raises(Invalid, match="already used"):
        world.reserve("other", port_id=port.id)
    using = held(given_port_id=port.id, described=made.described, host="host-1")
    world.ports.bind_vip_port(using)
    assert world.port(made).active
    world.ports.release_vip_port(using)
    assert (world.port(made).device_id, world.port(made).active) == ("", False)


def test_rules_of_a_network_that_exists_hold(world: World) -> None:
    own = world.subnet.id
    with pytest.raises(AddressOutsideSubnet):
        world.reserve(subnet_id=own, address="203.0.113.5")
    world.reserve(subnet_id=own, address="10.66.0.9")
    with pytest.raises(Conflict):
        world.reserve("other", subnet_id=own, address="10.66.0.9")
    with pytest.raises(Invalid, match="different subnets"):
        world.reserve(subnet_id=own, additional=((own, None, None),))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"port_id": "nowhere", "subnet_id": "own"}, "vip_port_id"),
        ({"port_id": "nowhere", "network_id": "own network"}, "vip_port_id"),
        ({"network_id": "own network", "subnet_id": "nowhere"}, "vip_subnet_id"),
        ({"network_id": "nowhere", "subnet_id": "own"}, "vip_network_id"),
        ({"subnet_id": "own", "additional": "nowhere"}, "additional_vips"),
        ({"subnet_id": "nowhere", "additional": "own"}, "vip_subnet_id"),
    ],
)
def test_what_exists_and_what_does_not_have_no_port_in_common(
    world: World, request_: dict[str, str], field: str
) -> None:
    meant = {"own": world.subnet.id, "own network": world.network.id}
    asked: dict[str, Any] = {name: meant.get(value, value) for name, value in request_.items()}
    if "additional" in asked:
        asked["additional"] = ((asked["additional"], None, None),)
    with pytest.raises(Invalid) as refused:
        world.reserve(**asked)
    assert isinstance(refused.value, UnknownNeighbour) or "not on network" in str(refused.value)
    assert refused.value.field == field
