"""Flavors, their profiles and what the provider is capable of, on the wire."""

import json
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, World

from evenload.model.desired import Desired
from evenload.model.flavor import FlavorValues

PROFILES, FLAVORS = f"{LBAAS}/flavorprofiles", f"{LBAAS}/flavors"
READER = "blue:reader"


def profile(world: World, data: Any = None, **more: Any) -> Any:
    body = {"name": "p", "provider_name": "evenload", "flavor_data": json.dumps(data or {}), **more}
    return world.post(PROFILES, {"flavorprofile": body})


def flavor(world: World, name: str = "f", data: Any = None, **more: Any) -> Any:
    body = {"name": name, "flavor_profile_id": profile(world, data)["id"], **more}
    return world.post(FLAVORS, {"flavor": body})


def test_a_profile_and_a_flavor_as_they_are_made_shown_changed_and_deleted(world: World) -> None:
    data = '{"loadbalancer_topology": "SINGLE",  "threads": 4}'
    made = profile(world, name="big", flavor_data=data)
    assert made == {"id": made["id"], "name": "big", "provider_name": "evenload", "flavor_data": data}
    assert world.get(PROFILES) == {"flavorprofiles": [made], "flavorprofile_links": []}
    assert world.get(f"{PROFILES}/{made['id']}") == {"flavorprofile": made}
    body = {"name": "Big", "flavor_profile_id": made["id"], "description": None}
    offered = world.post(FLAVORS, {"flavor": body})
    assert offered == {**body, "id": offered["id"], "description": "", "enabled": True}
    changes = {"description": "for many", "enabled": "false", "name": "Large"}
    changed = world.call("PUT", f"{FLAVORS}/{offered['id']}", {"flavor": changes}, expect=200)["flavor"]
    assert changed == {**offered, "description": "for many", "enabled": False, "name": "Large"}
    assert world.get(FLAVORS, user=READER) == {"flavors": [changed], "flavors_links": []}
    assert world.get(f"{FLAVORS}/{offered['id']}?fields=name", user=READER) == {"flavor": {"name": "Large"}}
    path = f"{PROFILES}/{made['id']}"
    for change in ({"flavor_data": "{}"}, {"provider_name": "octavia"}):
        fault = world.call("PUT", path, {"flavorprofile": change}, expect=409)["faultstring"]
        assert fault == f"Flavor Profile {made['id']} is in use and cannot be modified."
    world.call("DELETE", path, expect=409)
    same = {"name": "other", "flavor_data": data}
    assert world.call("PUT", path, {"flavorprofile": same}, expect=200)["flavorprofile"]["name"] == "other"
    world.call("DELETE", f"{FLAVORS}/{offered['id']}", expect=204)
    world.call("GET", f"{FLAVORS}/{offered['id']}", expect=404)
    change = {"flavor_data": '{"amp_image_tag": "x"}', "provider_name": "octavia"}
    world.call("PUT", path, {"flavorprofile": change}, expect=200)
    world.call("DELETE", path, expect=204)
    fault = world.call("DELETE", path, expect=404)["faultstring"]
    assert fault == f"Flavor Profile {made['id']} not found."


@pytest.mark.parametrize(
    ("data", "provider", "status", "named"),
    [
        ("{", "evenload", 400, "no JSON"),
        ("[]", "evenload", 400, "JSON object"),
        ('{"threads": NaN}', "evenload", 400, "no JSON"),
        ("[" * 2000, "evenload", 400, "no JSON"),
        ('{"threads": 0}', "evenload", 400, "threads"),
        ('{"threads": true}', "evenload", 400, "threads"),
        ('{"threads": 65}', "amphora", 400, "threads"),
        ('{"connection_limit": 0}', "evenload", 400, "connection_limit"),
        ('{"log": 1}', "evenload", 400, "log"),
        ('{"colour": 1}', "evenload", 501, "colour"),
        ('{"compute_flavor": "m1"}', "evenload", 501, "compute_flavor"),
        ('{"loadbalancer_topology": "ACTIVE_STANDBY"}', "octavia", 501, "ACTIVE_STANDBY"),
        ('{"loadbalancer_topology": "RING"}', "octavia", 400, "loadbalancer_topology"),
        ('{"compute_flavor": 1}', "octavia", 400, "compute_flavor"),
        ("{}", "ovn", 400, "Provider 'ovn' is not enabled."),
    ],
)
def test_data_that_cannot_be_used_is_refused_by_name(
    world: World, data: str, provider: str, status: int, named: str
) -> None:
    body = {"name": "p", "provider_name": provider, "flavor_data": data}
    assert named in world.call("POST", PROFILES, {"flavorprofile": body}, expect=status)["faultstring"]
    kept = profile(world)
    change = {"flavorprofile": {"provider_name": provider, "flavor_data": data}}
    assert named in world.call("PUT", f"{PROFILES}/{kept['id']}", change, expect=status)["faultstring"]
    assert world.get(f"{PROFILES}/{kept['id']}")["flavorprofile"] == kept


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PROFILES, {"flavorprofile": {"name": "p", "provider_name": "evenload"}}, 400),
        (PROFILES, {"flavorprofile": {"name": "p", "provider_name": "evenload", "flavor_data": {}}}, 400),
        (PROFILES, {"flavorprofile": {"name": "p", "provider_name": "evenload", "flavor_data": "x" * 4097}}, 400),
        (PROFILES, {}, 400),
        (FLAVORS, {"flavor": {"name": "f", "flavor_profile_id": NOWHERE}}, 400),
        (FLAVORS, {"flavor": {"name": "f", "flavor_profile_id": None}}, 400),
        (FLAVORS, {"flavor": {"name": "", "flavor_profile_id": NOWHERE}}, 400),
        (FLAVORS, {"flavor": {"name": "f", "flavor_profile_id": NOWHERE, "enabled": None}}, 400),
        (FLAVORS, {"flavor": {"name": "f", "flavor_profile_id": NOWHERE, "project_id": "blue"}}, 400),
    ],
)
def test_bodies_that_cannot_be_used(world: World, path: str, body: Any, status: int) -> None:
    world.call("POST", path, body, expect=status)


def test_names_of_flavors_are_unique(world: World) -> None:
    flavor(world, "small")
    other = flavor(world, "large")
    body = {"name": "small", "flavor_profile_id": other["flavor_profile_id"]}
    fault = world.call("POST", FLAVORS, {"flavor": body}, expect=409)["faultstring"]
    assert fault == "A flavor of small already exists."
    world.call("PUT", f"{FLAVORS}/{other['id']}", {"flavor": {"name": "small"}}, expect=409)
    world.call("PUT", f"{FLAVORS}/{other['id']}", {"flavor": {"name": "large"}}, expect=200)
    world.call("PUT", f"{FLAVORS}/{other['id']}", {"flavor": {"flavor_profile_id": NOWHERE}}, expect=400)


def test_lists_are_filtered_sorted_and_paged(world: World) -> None:
    made = [flavor(world, name, enabled=name != "b") for name in ("b", "a", "c")]
    names = [each["name"] for each in world.get(FLAVORS)["flavors"]]
    assert names == ["b", "a", "c"]
    for query, found in (
        ("enabled=true&sort=name:desc", ["c", "a"]),
        (f"flavor_profile_id={made[1]['flavor_profile_id']}", ["a"]),
        ("name=B", []),
    ):
        assert [each["name"] for each in world.get(FLAVORS, query_string=query)["flavors"]] == found
    first = world.get(FLAVORS, query_string="limit=2&enabled=true&sort=name")
    [link] = world.get(FLAVORS, query_string="limit=2&sort=name")["flavors_links"]
    assert first["flavors_links"] == []
    assert link["rel"] == "next"
    assert f"marker={made[0]['id']}" in link["href"]
    for query in ("project_id=blue", "colour=1", "name=a&name=b", "marker=x", "sort=colour"):
        world.call("GET", FLAVORS, query_string=query, expect=400)


@pytest.mark.parametrize("prefix", ["/v2/lbaas", "/v2.0/lbaas", "/v2", "/v2.0"])
def test_who_may_what(world: World, prefix: str) -> None:
    offered = flavor(world)
    for plural, wrapper, identifier, read in (
        ("flavors", "flavor", offered["id"], 200),
        ("flavorprofiles", "flavorprofile", offered["flavor_profile_id"], 403),
    ):
        for user in ("blue:member", "blue:reader"):
            path = f"{prefix}/{plural}"
            world.call("GET", path, user=user, expect=read)
            world.call("GET", f"{path}/{identifier}", user=user, expect=read)
            world.call("POST", path, {wrapper: {}}, user=user, expect=403)
            world.call("PUT", f"{path}/{identifier}", {wrapper: {}}, user=user, expect=403)
            world.call("DELETE", f"{path}/{identifier}", user=user, expect=403)
        world.call("GET", f"{prefix}/{plural}", user="blue:service", expect=403)
        world.call("PUT", f"{prefix}/{plural}", {wrapper: {}}, expect=400)
        world.call("DELETE", f"{prefix}/{plural}", expect=400)


def desired_of(world: World, identifier: str) -> Desired:
    found = world.gateway.fetch("host-1", [identifier])[identifier]
    assert isinstance(found, Desired)
    return found


def test_a_load_balancer_has_what_its_flavor_says(world: World) -> None:
    subnet = world.shared_subnet()
    offered = flavor(world, data={"threads": 4, "connection_limit": 900, "log": True})
    made = world.balancer(subnet, flavor_id=offered["id"])
    assert made["flavor_id"] == offered["id"]
    path = f"{LBAAS}/loadbalancers/{made['id']}"
    assert world.get(path)["loadbalancer"]["flavor_id"] == offered["id"]
    desired = desired_of(world, made["id"])
    assert desired.load_balancer.flavor == FlavorValues(threads=4, connection_limit=900, log=True)
    assert desired.load_balancer.flavor_id is None  # for people alone
    plain = world.balancer(subnet)
    assert (plain["flavor_id"], desired_of(world, plain["id"]).load_balancer.flavor) == (None, None)
    found = world.get(f"{LBAAS}/loadbalancers", query_string=f"flavor_id={offered['id']}")["loadbalancers"]
    assert [each["id"] for each in found] == [made["id"]]
    world.call("PUT", path, {"loadbalancer": {"flavor_id": offered["id"]}}, user="blue:member", expect=400)
    fault = world.call("DELETE", f"{FLAVORS}/{offered['id']}", expect=409)["faultstring"]
    assert fault == f"Flavor {offered['id']} is in use and cannot be modified."
    world.call("PUT", f"{FLAVORS}/{offered['id']}", {"flavor": {"enabled": False}}, expect=200)
    assert desired_of(world, made["id"]) == desired
    world.call("DELETE", path, user="blue:member", expect=204)
    world.call("DELETE", f"{FLAVORS}/{offered['id']}", expect=409)
    world.settle()
    world.call("DELETE", f"{FLAVORS}/{offered['id']}", expect=204)


def test_a_flavor_that_cannot_be_chosen(world: World) -> None:
    subnet = world.shared_subnet()
    off = flavor(world, "off", enabled=False)
    foreign = flavor(world, "on")
    for body, named in (
        ({"flavor_id": NOWHERE}, "Validation failure: Invalid flavor_id."),
        ({"flavor_id": off["id"]}, f"not allowed in this deployment: {off['id']}"),
        ({"flavor_id": foreign["id"], "provider": "octavia"}, "is not compatible with provider 'octavia'"),
        ({"flavor_id": "small"}, "flavor_id"),
    ):
        request = {"loadbalancer": {"vip_subnet_id": subnet["id"], **body}}
        fault = world.call("POST", f"{LBAAS}/loadbalancers", request, user="blue:member", expect=400)
        assert named in fault["faultstring"]
    assert world.get("/v2.0/ports")["ports"] == []
    assert world.balancer(subnet, flavor_id=None)["flavor_id"] is None


def test_the_flavors_provider_wins_where_none_is_named(world: World) -> None:
    made = profile(world, provider_name="octavia", flavor_data='{"compute_flavor": "m1.small", "sriov_vip": true}')
    offered = world.post(FLAVORS, {"flavor": {"name": "f", "flavor_profile_id": made["id"]}})
    balancer = world.balancer(world.shared_subnet(), flavor_id=offered["id"])
    assert balancer["provider"] == "octavia"
    assert desired_of(world, balancer["id"]).load_balancer.flavor == FlavorValues()


def test_what_the_provider_is_capable_of(world: World) -> None:
    own, alias = (
        [each["name"] for each in world.get(f"{LBAAS}/providers/{name}/flavor_capabilities")["flavor_capabilities"]]
        for name in ("evenload", "octavia")
    )
    assert own == ["loadbalancer_topology", "threads", "connection_limit", "log"]
    assert alias == [*own, "compute_flavor", "amp_image_tag", "sriov_vip", "allow_member_sriov"]
    path = f"{LBAAS}/providers/amphora/flavor_capabilities"
    [found] = world.get(path, query_string="name=threads")["flavor_capabilities"]
    assert found["description"].startswith("Threads of HAProxy")
    assert world.get(path, query_string="name=none") == {"flavor_capabilities": []}
    assert world.get(path, params={"description": found["description"]}) == {"flavor_capabilities": [found]}
    world.call("GET", path, user="blue:member", expect=403)
    world.call("GET", f"{LBAAS}/providers/ovn/flavor_capabilities", expect=400)
