"""Availability zones and their profiles, and what they choose, on the wire."""

import json
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, World

from evenload.model.desired import Gone
from evenload.model.registration import Registration

PROFILES, ZONES = f"{LBAAS}/availabilityzoneprofiles", f"{LBAAS}/availabilityzones"


def profile(world: World, data: Any = None, **more: Any) -> Any:
    body = {"name": "p", "provider_name": "evenload", "availability_zone_data": json.dumps(data or {}), **more}
    return world.post(PROFILES, {"availability_zone_profile": body})


def zone(world: World, name: str, data: Any = None, **more: Any) -> Any:
    body = {"name": name, "availability_zone_profile_id": profile(world, data)["id"], **more}
    return world.post(ZONES, {"availability_zone": body})


def test_a_profile_and_a_zone_as_they_are_made_shown_changed_and_deleted(world: World) -> None:
    made = profile(world, {"compute_zone": "nova"}, name="all")
    assert made == {
        "id": made["id"],
        "name": "all",
        "provider_name": "evenload",
        "availability_zone_data": '{"compute_zone": "nova"}',
    }
    assert world.get(PROFILES) == {"availability_zone_profiles": [made], "availability_zone_profile_links": []}
    body = {"name": "west coast", "availability_zone_profile_id": made["id"]}
    offered = world.post(ZONES, {"availability_zone": body})
    assert offered == {**body, "description": "", "enabled": True}
    path = f"{ZONES}/west%20coast"
    assert world.get(path, user="blue:reader") == {"availability_zone": offered}
    change = {"availability_zone": {"description": "far", "enabled": False}}
    changed = world.call("PUT", path, change, expect=200)["availability_zone"]
    assert changed == {**offered, "description": "far", "enabled": False}
    assert world.get(ZONES, user="blue:reader") == {"availability_zones": [changed], "availability_zones_links": []}
    for attribute in ({"name": "east"}, {"enabled": None}, {"availability_zone_profile_id": NOWHERE}):
        world.call("PUT", path, {"availability_zone": attribute}, expect=400)
    fault = world.call("POST", ZONES, {"availability_zone": body}, expect=409)["faultstring"]
    assert fault == "A availability zone of west coast already exists."
    world.call("DELETE", f"{PROFILES}/{made['id']}", expect=409)
    world.call("DELETE", path, expect=204)
    assert world.call("GET", path, expect=404)["faultstring"] == "Availability Zone west coast not found."
    world.call("DELETE", f"{PROFILES}/{made['id']}", expect=204)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a.json", " a", 5])
def test_names_that_no_address_can_hold(world: World, name: Any) -> None:
    body = {"name": name, "availability_zone_profile_id": NOWHERE}
    assert "name" in world.call("POST", ZONES, {"availability_zone": body}, expect=400)["faultstring"]


@pytest.mark.parametrize(
    ("data", "provider", "status"),
    [
        ({"compute_zone": ""}, "evenload", 400),
        ({"valid_vip_networks": "x"}, "evenload", 400),
        ({"valid_vip_networks": ["x"]}, "amphora", 400),
        ({"volume_zone": "x"}, "evenload", 501),
        ({"colour": "x"}, "octavia", 501),
        ({"volume_zone": "x", "management_network": NOWHERE}, "octavia", 201),
    ],
)
def test_data_of_profiles(world: World, data: Any, provider: str, status: int) -> None:
    body = {"name": "p", "provider_name": provider, "availability_zone_data": json.dumps(data)}
    world.call("POST", PROFILES, {"availability_zone_profile": body}, expect=status)


def test_pages_go_by_name(world: World) -> None:
    for name in ("b", "a", "c"):
        zone(world, name)
    first = world.get(ZONES, query_string="limit=2")
    assert [each["name"] for each in first["availability_zones"]] == ["b", "a"]
    [link] = first["availability_zones_links"]
    second = world.get(link["href"].partition("falconframework.org")[2])
    assert [each["name"] for each in second["availability_zones"]] == ["c"]


@pytest.mark.parametrize(
    ("resource", "wrapper", "read"), [(ZONES, "availability_zone", 200), (PROFILES, "availability_zone_profile", 403)]
)
def test_who_may_what(world: World, resource: str, wrapper: str, read: int) -> None:
    offered = zone(world, "z")
    key = "z" if resource == ZONES else offered["availability_zone_profile_id"]
    for user in ("blue:member", "blue:reader"):
        world.call("GET", resource, user=user, expect=read)
        world.call("GET", f"{resource}/{key}", user=user, expect=read)
        world.call("POST", resource, {wrapper: {}}, user=user, expect=403)
        world.call("PUT", f"{resource}/{key}", {wrapper: {}}, user=user, expect=403)
        world.call("DELETE", f"{resource}/{key}", user=user, expect=403)


def agents_of(world: World, identifier: str) -> list[str]:
    with world.uow.read() as transaction:
        tree = transaction.tree(identifier)
    assert tree is not None
    return [*tree.agents]


def test_a_zone_chooses_hosts_and_a_failover_stays_within(world: World) -> None:
    subnet = world.shared_subnet()
    for name in ("host-2", "host-3"):
        world.gateway.register(name, Registration(availability_zone="west"))
    zone(world, "west", {"compute_zone": "west"})
    made = world.balancer(subnet, availability_zone="west")
    assert made["availability_zone"] == "west"
    [first] = agents_of(world, made["id"])
    assert first in ("host-2", "host-3")
    found = world.get(f"{LBAAS}/loadbalancers", query_string="availability_zone=west")["loadbalancers"]
    assert [each["id"] for each in found] == [made["id"]]
    assert world.balancer(subnet)["availability_zone"] is None
    world.call("DELETE", f"{ZONES}/west", expect=409)
    world.clock.advance(3600)
    path = f"{LBAAS}/loadbalancers/{made['id']}"
    world.gateway.register("host-1", Registration())
    world.call("PUT", f"{path}/failover", expect=202)
    assert agents_of(world, made["id"]) == [first]  # nobody else of its zone is there
    [other] = {"host-2", "host-3"} - {first}
    world.gateway.register(other, Registration(availability_zone="west"))
    world.call("PUT", f"{path}/failover", expect=202)
    assert agents_of(world, made["id"]) == [other]
    assert isinstance(world.gateway.fetch(first, [made["id"]])[made["id"]], Gone)
    world.call("PUT", path, {"loadbalancer": {"availability_zone": "west"}}, user="blue:member", expect=400)


def test_a_host_says_its_zone_whenever_it_registers(world: World) -> None:
    zone(world, "west", {"compute_zone": "west"})
    subnet = world.shared_subnet()
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "availability_zone": "west"}}
    fault = world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=503)["faultstring"]
    assert "availability zone" in fault
    assert world.get("/v2.0/ports")["ports"] == []
    world.gateway.register("host-1", Registration(started=False, availability_zone="west"))
    world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=201)
    [agent] = world.get("/v2.0/agents")["agents"]
    assert agent["availability_zone"] == "west"
    world.gateway.assignments("host-1")  # a sign of life says nothing of it
    assert world.get("/v2.0/agents?availability_zone=west")["agents"] != []


def test_vips_lie_on_the_networks_of_the_zone(world: World) -> None:
    allowed, other = world.shared_subnet(), world.shared_subnet_at("10.2.0.0/24")
    zone(world, "here", {"valid_vip_networks": [allowed["network_id"].upper()]})
    world.balancer(allowed, availability_zone="here")
    body = {"loadbalancer": {"vip_subnet_id": other["id"], "availability_zone": "here"}}
    fault = world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=400)["faultstring"]
    assert "is not allowed by the configuration of this deployment" in fault
    assert len(world.get("/v2.0/ports")["ports"]) == 1


def test_a_zone_that_cannot_be_chosen(world: World) -> None:
    subnet = world.shared_subnet()
    zone(world, "off", enabled=False)
    for name, named in (("nowhere", "Invalid availability_zone."), ("off", "not allowed in this deployment: off")):
        body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "availability_zone": name}}
        assert named in world.call("POST", f"{LBAAS}/loadbalancers", body, expect=400)["faultstring"]


def test_what_the_provider_is_capable_of(world: World) -> None:
    for provider, expected in (
        ("evenload", ["compute_zone", "valid_vip_networks"]),
        ("amphora", ["compute_zone", "valid_vip_networks", "volume_zone", "management_network"]),
    ):
        found = world.get(f"{LBAAS}/providers/{provider}/availability_zone_capabilities")
        assert [each["name"] for each in found["availability_zone_capabilities"]] == expected
