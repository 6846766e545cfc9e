"""What the stock clients ask of a network service and there is none of: openstacksdk's own list of it all."""

import importlib
import pkgutil
from typing import Any

import openstack.network.v2
import pytest
from openstack.resource import Resource
from tests.unit.api.conftest import NOWHERE, World

from evenload.api.network_v2.absent import ABSENT


def clients_lists() -> dict[str, str]:
    """Path → key of the answer, of every list that openstacksdk's network client can ask for by itself."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(openstack.network.v2.__path__):
        classes: dict[str, Any] = vars(importlib.import_module(f"openstack.network.v2.{module.name}"))
        for each in classes.values():
            if not (isinstance(each, type) and issubclass(each, Resource)):
                continue
            resource: Any = each
            if resource.allow_list and resource.resources_key and "%" not in resource.base_path:
                found[resource.base_path] = resource.resources_key
    return found


@pytest.mark.parametrize("prefix", ["/v2.0", "/v2"])
def test_every_list_of_a_network_service_is_answered(world: World, prefix: str) -> None:
    lists = clients_lists()
    assert len(lists) > 30
    for path, key in lists.items():
        answer = world.get(f"{prefix}{path}", user="blue:member,admin")
        assert isinstance(answer[key], list), path


@pytest.mark.parametrize("kind", ABSENT, ids=lambda kind: kind.path)
def test_one_that_is_not_there_is_not_found_in_neutrons_words(world: World, kind: Any) -> None:
    path = f"/v2.0{kind.path}"
    for query in ("", "?name=x&limit=1", "?port_id=y&fields=id"):
        assert world.get(path + query, user="blue:reader") == {kind.plural: []}
    for method, further in (("GET", ""), ("DELETE", ""), ("PUT", "/tags"), ("GET", "/tags/x")):
        error = world.call(method, f"{path}/{NOWHERE}{further}", {}, user="blue:member", expect=404)["NeutronError"]
        assert error == {"type": f"{kind.word}NotFound", "message": f"{kind.word} {NOWHERE} not found.", "detail": ""}
    error = world.call("POST", path, {"any": {}}, user="blue:member", expect=400)["NeutronError"]
    assert kind.plural.replace("_", " ") in error["message"]


def test_nobody_is_asked_without_a_name(world: World) -> None:
    assert world.call("GET", "/v2.0/floatingips", user="nobody", expect=401)["NeutronError"]


def test_what_hangs_on_a_network(world: World) -> None:
    network = world.network()
    assert world.get(f"/v2.0/networks/{network['id']}/dhcp-agents") == {"agents": []}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("networks?port_security_enabled=false&qos_policy_id=x", 0),
        ("networks?is_default=false", 1),
        ("networks?is_default=true", 0),
        ("subnets?ipv6_ra_mode=slaac", 0),
        ("ports?security_groups=x", 0),
        ("ports?binding:vnic_type=normal", 1),
    ],
)
def test_lists_are_filtered_by_what_is_the_same_of_all(world: World, query: str, found: int) -> None:
    network = world.network()
    world.subnet(network)
    world.post("/v2.0/ports", {"port": {"network_id": network["id"]}})
    assert len(next(iter(world.get(f"/v2.0/{query}").values()))) == found


@pytest.mark.parametrize("kind", ["flavor", "availability_zone"])
def test_capabilities_of_a_provider(world: World, kind: str) -> None:
    for name in ("evenload", "amphora"):
        path = f"/v2.0/lbaas/providers/{name}/{kind}_capabilities"
        assert [*world.get(path)] == [f"{kind}_capabilities"]
        world.call("GET", path, user="blue:member", expect=403)
    fault = world.call("GET", f"/v2.0/lbaas/providers/ovn/{kind}_capabilities", expect=400)
    assert "ovn" in fault["faultstring"]


def test_pages_of_what_has_no_id(world: World) -> None:
    first = world.get("/v2.0/service-providers?limit=1", user="blue:member")
    [link] = first["service_providers_links"]
    assert link["rel"] == "next"
    second = world.get(link["href"].partition("falconframework.org")[2], user="blue:member")
    names = [each["service_providers"][0]["name"] for each in (first, second)]
    assert names == ["haproxy", "evenload"]
    assert [link["rel"] for link in second["service_providers_links"]] == ["previous"]
    world.call("GET", "/v2.0/service-providers?limit=1&marker=x", user="blue:member", expect=400)


def test_quotas_in_both_spellings(world: World) -> None:
    path = "/v2.0/quotas/blue"
    assert world.call("PUT", path, {"quota": {"healthmonitor": 3}}, expect=200)["quota"]["health_monitor"] == 3
    world.call("PUT", path, {"quota": {"healthmonitor": 4, "health_monitor": 4}}, expect=200)
    world.call("PUT", path, {"quota": {"healthmonitor": 4, "health_monitor": 5}}, expect=400)
    shown = world.get(path)["quota"]
    assert (shown["vip"], shown["pool"], shown["member"]) == (10, 10, -1)
    assert (shown["health_monitor"], shown["healthmonitor"]) == (4, 4)
    for _ in range(4):
        world.v1_monitor()
    body = {"health_monitor": {"type": "PING", "delay": 5, "timeout": 3, "max_retries": 3}}
    world.call("POST", "/v2.0/lb/health_monitors", body, user="blue:member", expect=409)
