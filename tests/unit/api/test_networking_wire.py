"""Where an administrator lets VIPs and members be, on the wire, in both APIs."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.conftest import LB, LBAAS, World, make_world

from evenload.service.networking import Networking

MEMBER = "blue:member"
NOT_ALLOWED = "Validation failure: Supplied VIP network_id is not allowed by the configuration of this deployment."


def place(world: World) -> Any:
    """A subnet of the first network of this world; ids follow from the order in which things are made."""
    return world.subnet(world.network(shared=True))


@pytest.fixture
def first_network(tmp_path: Path) -> str:
    (tmp_path / "before").mkdir()
    world = make_world(tmp_path / "before")
    network: str = place(world)["network_id"]
    world.uow.close()
    return network


def balancer(world: World, expect: int, **more: Any) -> str:
    answer = world.call("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": more}, user=MEMBER, expect=expect)
    return str(answer["faultstring"] if expect >= 400 else answer["loadbalancer"]["id"])


def test_ways_to_ask_for_a_vip(tmp_path: Path) -> None:
    world = make_world(tmp_path, networking=Networking(ways=frozenset({"vip_network_id"})))
    subnet = place(world)
    port = world.post("/v2.0/ports", {"port": {"network_id": subnet["network_id"]}})
    for name, value in (("vip_subnet_id", subnet["id"]), ("vip_port_id", port["id"])):
        words = f"Validation failure: {name} is not allowed by the configuration of this deployment."
        assert balancer(world, 400, **{name: value}) == words
        assert balancer(world, 400, vip_network_id=subnet["network_id"], **{name: value}) == words
    balancer(world, 201, vip_network_id=subnet["network_id"])
    world.uow.close()


@pytest.mark.parametrize("names", ["denied", "vip_networks"])
def test_networks_for_vips(tmp_path: Path, first_network: str, names: str) -> None:
    """Also: nothing stays of a port that was made for what is refused."""
    only = frozenset({first_network})
    networking = Networking(denied=only) if names == "denied" else Networking(vip_networks=only)
    world = make_world(tmp_path, networking=networking)
    first, second = place(world), world.subnet(world.network(shared=True), "10.2.0.0/24")
    assert first["network_id"] == first_network
    good, bad = (second, first) if names == "denied" else (first, second)
    ports = world.get("/v2.0/ports")
    assert balancer(world, 400, vip_subnet_id=bad["id"]) == NOT_ALLOWED
    pool = world.v1_pool(subnet_id=bad["id"])
    vip = {"name": "v", "pool_id": pool["id"], "subnet_id": bad["id"], "protocol": "HTTP", "protocol_port": 80}
    kind, message = world.v1_error("POST", f"{LB}/vips", {"vip": vip}, user=MEMBER, expect=400)
    assert (kind, "not allowed by the configuration" in message) == ("InvalidInput", True)
    assert world.get("/v2.0/ports") == ports
    balancer(world, 201, vip_subnet_id=good["id"])
    world.uow.close()


def test_the_networks_of_a_zone_come_before_those_of_all(tmp_path: Path, first_network: str) -> None:
    world = make_world(tmp_path, networking=Networking(vip_networks=frozenset({first_network})))
    first, second = place(world), world.subnet(world.network(shared=True), "10.2.0.0/24")
    data = json.dumps({"valid_vip_networks": [second["network_id"]]})
    profile = {"name": "p", "provider_name": "evenload", "availability_zone_data": data}
    made = world.post(f"{LBAAS}/availabilityzoneprofiles", {"availability_zone_profile": profile})
    zone = {"name": "far", "availability_zone_profile_id": made["id"]}
    world.post(f"{LBAAS}/availabilityzones", {"availability_zone": zone})
    assert balancer(world, 400, vip_subnet_id=first["id"], availability_zone="far") == NOT_ALLOWED
    balancer(world, 201, vip_subnet_id=second["id"], availability_zone="far")
    world.uow.close()


def test_addresses_that_no_member_may_have(tmp_path: Path) -> None:
    reserved = (ip_network("10.9.9.0/24"), ip_network("192.0.2.7"))
    world = make_world(tmp_path, networking=Networking(reserved=reserved))
    subnet = place(world)
    made = world.balancer(subnet)
    pool = world.pool(made)
    member = world.member(pool, "10.9.0.1")
    of_v1 = world.v1_pool(subnet_id=subnet["id"])
    path, mine = f"{LBAAS}/pools/{pool['id']}/members", {"protocol_port": 80}
    new_pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    before = world.get(f"{LBAAS}/loadbalancers/{made['id']}/status")
    for address in ("10.9.9.3", "192.0.2.7", "::ffff:10.9.9.3", "64:ff9b::c000:207"):
        bad = {**mine, "address": address}
        watched = {**mine, "address": "10.9.0.3", "monitor_address": address}
        inside = {**new_pool, "members": [bad]}
        owner = {"loadbalancer_id": made["id"]}
        listener = {**owner, "protocol": "HTTP", "protocol_port": 81, "default_pool": inside}
        for method, where, body in (
            ("POST", path, {"member": bad}),
            ("POST", path, {"member": watched}),
            ("PUT", path, {"members": [{**mine, "address": "10.9.0.4"}, bad]}),
            ("PUT", f"{path}/{member['id']}", {"member": {"monitor_address": address}}),
            ("POST", f"{LBAAS}/pools", {"pool": {**owner, **inside}}),
            ("POST", f"{LBAAS}/listeners", {"listener": listener}),
            ("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": {"vip_subnet_id": subnet["id"], "pools": [inside]}}),
        ):
            fault = world.call(method, where, body, user=MEMBER, expect=400)["faultstring"]
            assert f"The address {address} is reserved in this deployment." in fault, where
        v1 = {"member": {**bad, "pool_id": of_v1["id"]}}
        kind, message = world.v1_error("POST", f"{LB}/members", v1, user=MEMBER, expect=400)
        assert (kind, "is reserved" in message) == ("InvalidInput", True)
    assert world.get(f"{LBAAS}/loadbalancers/{made['id']}/status") == before
    world.member(pool, "10.9.8.3")
    world.uow.close()
