"""What refusals say of Octavia's API: the caller's own words, a reason, and no name of the program's inside."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, Furnished, World


@pytest.mark.parametrize(
    ("method", "kind", "name"),
    [
        ("PUT", "listener", "load_balancer_id"),
        ("POST", "listener", "load_balancer_id"),
        ("POST", "listener", "port"),
        ("PUT", "listener", "certificate"),
        ("POST", "healthmonitor", "rise"),
        ("PUT", "pool", "algorithm"),
        ("POST", "member", "port"),
        ("POST", "loadbalancer", "port"),
    ],
)
def test_an_unknown_attribute_is_called_as_the_caller_calls_it(
    furnished: Furnished, method: str, kind: str, name: str
) -> None:
    collection, good, one = furnished.good[kind]
    path, body = (collection, {**good, name: 5}) if method == "POST" else (one, {name: 5})
    fault = furnished.world.call(method, f"{LBAAS}/{path}", {kind: body}, expect=400)["faultstring"]
    assert fault == f"Unknown attribute for argument {kind}: {name}"


@pytest.mark.parametrize("value", [5, "x", [1]])
@pytest.mark.parametrize(
    ("kind", "name", "nested"),
    [
        ("pool", "session_persistence", False),
        ("pool", "healthmonitor", False),
        ("pool", "members", True),
        ("listener", "default_pool", False),
        ("listener", "l7policies", True),
        ("loadbalancer", "listeners", True),
        ("loadbalancer", "additional_vips", True),
    ],
)
def test_what_is_no_object_is_said_to_be_none(
    furnished: Furnished, kind: str, name: str, nested: bool, value: Any
) -> None:
    collection, good, _ = furnished.good[kind]
    body = {kind: {**good, name: [value] if nested else value}}
    fault = furnished.world.call("POST", f"{LBAAS}/{collection}", body, expect=400)["faultstring"]
    place = f"{name}[0]" if nested else name
    assert fault == f"Invalid input for field/attribute {place}. Value: '{value}'. Not an object."


def test_members_of_a_batch_too(furnished: Furnished) -> None:
    path = f"{LBAAS}/pools/{furnished.pool['id']}/members"
    fault = furnished.world.call("PUT", path, {"members": [5]}, expect=400)["faultstring"]
    assert fault == "Invalid input for field/attribute members[0]. Value: '5'. Not an object."


@pytest.mark.parametrize(
    "path", [f"{LBAAS}/listeners", f"{LBAAS}/loadbalancers", "/v2.0/networks", "/v2/octavia/amphorae"]
)
@pytest.mark.parametrize("name", ["created_at", "updated_at"])
def test_a_time_that_is_none(world: World, path: str, name: str) -> None:
    answer = world.call("GET", path, params={name: "x"}, expect=400)
    assert "A time such as 2026-01-31T12:00:00 is expected, in UTC" in str(answer)
    world.get(path, params={name: "2026-01-31T12:00:00"})


@pytest.mark.parametrize("provider", ["evenload", "amphora", "octavia"])
def test_flavors_and_zones_are_refused_in_the_name_that_the_caller_has_used(world: World, provider: str) -> None:
    for path, wrapper, field, data in (
        ("flavorprofiles", "flavorprofile", "flavor_data", '{"cheese": 1}'),
        ("flavorprofiles", "flavorprofile", "flavor_data", '{"loadbalancer_topology": "ACTIVE_STANDBY"}'),
        ("availabilityzoneprofiles", "availability_zone_profile", "availability_zone_data", '{"cheese": 1}'),
    ):
        body = {wrapper: {"name": "x", "provider_name": provider, field: data}}
        fault = world.call("POST", f"{LBAAS}/{path}", body, expect=501)["faultstring"]
        assert fault.startswith(f"Provider '{provider}' does not support a requested option: ")
