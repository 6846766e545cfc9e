"""Both shapes of Octavia's errors, and a fitting answer where Octavia itself answers 500."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, Furnished, World

IN_HANDLERS = {"faultcode", "faultstring", "debuginfo"}
BEFORE_HANDLERS = {"code", "title", "description"}
POLICY = {"action": "REJECT"}
RULE = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}


def shape(fault: Mapping[str, Any]) -> set[str]:
    return set(fault)


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", "/v2/octavia/nowhere", "", 404),
        ("GET", f"{LBAAS}/cheese", "", 404),
        ("PATCH", f"{LBAAS}/loadbalancers", "", 405),
        ("POST", f"{LBAAS}/quotas", "", 405),
        ("GET", f"{LBAAS}/providers/evenload", "", 405),
        ("GET", f"{LBAAS}/loadbalancers", "limit=many", 400),
        ("GET", f"{LBAAS}/loadbalancers", "sort=name:sideways", 400),
        ("GET", f"{LBAAS}/loadbalancers", "sort_key=name&sort_dir=sideways", 400),
        ("GET", f"{LBAAS}/pools/{NOWHERE}/members", "", 404),
        ("POST", f"{LBAAS}/pools/{NOWHERE}/members", "", 404),
        ("PUT", f"{LBAAS}/pools/{NOWHERE}/members", "", 404),
        ("GET", f"{LBAAS}/pools/{NOWHERE}/members/{NOWHERE}", "", 404),
        ("DELETE", f"{LBAAS}/pools/{NOWHERE}/members/{NOWHERE}", "", 404),
        ("GET", f"{LBAAS}/l7policies/{NOWHERE}/rules", "", 404),
        ("POST", f"{LBAAS}/l7policies/{NOWHERE}/rules", "", 404),
        ("GET", f"{LBAAS}/l7policies/{NOWHERE}/rules/{NOWHERE}", "", 404),
    ],
)
def test_what_is_refused_before_a_handler_has_it(world: World, method: str, path: str, query: str, status: int) -> None:
    body: Any = {"member": {}} if method in ("POST", "PUT") else None
    fault = world.call(method, path, body, query_string=query, expect=status)
    assert shape(fault) == BEFORE_HANDLERS
    assert (fault["code"], fault["description"]) == (status, None)
    assert fault["title"]


def test_an_answer_that_is_no_json_is_refused_in_json(world: World) -> None:
    fault = world.call("GET", f"{LBAAS}/loadbalancers", headers={"Accept": "text/xml"}, expect=406)
    assert shape(fault) == BEFORE_HANDLERS


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", f"{LBAAS}/loadbalancers/{NOWHERE}", "", 404),
        ("GET", f"{LBAAS}/pools/{NOWHERE}", "", 404),
        ("GET", f"{LBAAS}/pools/POOL/members/{NOWHERE}", "", 404),
        ("GET", "/v2/octavia/amphorae/x", "", 404),
        ("GET", f"{LBAAS}/loadbalancers", "sort=cheese", 400),
        ("GET", f"{LBAAS}/loadbalancers", f"marker={NOWHERE}", 400),
        ("GET", f"{LBAAS}/loadbalancers", "cheese=1", 400),
        ("GET", f"{LBAAS}/providers/cheese/flavor_capabilities", "", 400),
        ("PUT", f"{LBAAS}/loadbalancers", "", 400),
        ("DELETE", f"{LBAAS}/l7policies/{NOWHERE}/rules", "", 400),
        ("PUT", f"{LBAAS}/quotas", "", 400),
        ("DELETE", "/v2/octavia/amphorae", "", 400),
        ("POST", f"{LBAAS}/loadbalancers/LB/failover", "", 400),
        ("DELETE", f"{LBAAS}/loadbalancers/LB", "", 400),
    ],
)
def test_what_handlers_refuse(furnished: Furnished, method: str, path: str, query: str, status: int) -> None:
    path = path.replace("/POOL/", f"/{furnished.pool['id']}/").replace("/LB", f"/{furnished.balancer['id']}")
    fault = furnished.world.call(method, path, query_string=query, expect=status)
    assert shape(fault) == IN_HANDLERS
    assert (fault["faultcode"], fault["debuginfo"]) == ("Client", None)
    assert fault["faultstring"]


def test_a_fault_of_the_provider_is_the_servers(furnished: Furnished) -> None:
    collection, good, _ = furnished.good["pool"]
    body = {"pool": {**good, "protocol": "UDP"}}
    fault = furnished.world.call("POST", f"{LBAAS}/{collection}", body, expect=501)
    assert (shape(fault), fault["faultcode"]) == (IN_HANDLERS, "Server")


def test_neutrons_shape_is_its_own(world: World) -> None:
    kind, text = world.v1_error("GET", "/v2.0/networks", query_string="limit=many", expect=400)
    assert (kind, "limit" in text) == ("InvalidInput", True)


# ------------------------------------------------------------------------------------- what Octavia answers with 500


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("pool", {"listener_id": NOWHERE}, 404),
        ("pool", {"tls_enabled": None}, 400),
        ("member", {"weight": None}, 400),
        ("member", {"backup": None}, 400),
    ],
)
def test_creations_that_are_500_with_octavia(
    furnished: Furnished, kind: str, body: dict[str, Any], status: int
) -> None:
    collection, good, _ = furnished.good[kind]
    before = furnished.everything()
    fault = furnished.world.call("POST", f"{LBAAS}/{collection}", {kind: {**good, **body}}, expect=status)
    assert next(iter(body)) in fault["faultstring"] or NOWHERE in fault["faultstring"]
    assert furnished.everything() == before


@pytest.mark.parametrize(("kind", "body"), [("pool", {"lb_algorithm": None}), ("pool", {"tls_enabled": None})])
def test_changes_that_are_500_with_octavia(furnished: Furnished, kind: str, body: dict[str, Any]) -> None:
    _, _, one = furnished.good[kind]
    fault = furnished.world.call("PUT", f"{LBAAS}/{one}", {kind: body}, expect=400)
    assert next(iter(body)) in fault["faultstring"]


def test_null_in_a_change_of_a_member_is_the_default(furnished: Furnished) -> None:
    _, _, one = furnished.good["member"]
    path = f"{LBAAS}/{one}"
    furnished.world.call("PUT", path, {"member": {"weight": 7, "backup": True}}, expect=200)
    changed = furnished.world.call("PUT", path, {"member": {"weight": None, "backup": None}}, expect=200)["member"]
    assert (changed["weight"], changed["backup"]) == (1, False)


def test_objects_within_objects_that_are_500_with_octavia(furnished: Furnished) -> None:
    """Documented there, and done here."""
    world, balancer = furnished.world, furnished.balancer["id"]
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    member = {"address": "10.9.0.7", "protocol_port": 80}
    monitor = {"type": "PING", "delay": 5, "timeout": 3, "max_retries": 2}
    made = world.post(
        f"{LBAAS}/pools", {"pool": {**pool, "loadbalancer_id": balancer, "members": [member], "healthmonitor": monitor}}
    )
    assert (len(made["members"]), bool(made["healthmonitor_id"])) == (1, True)
    listener = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 81}
    listener |= {"default_pool": pool, "l7policies": [{**POLICY, "rules": [RULE]}]}
    answer = world.post(f"{LBAAS}/listeners", {"listener": listener})
    assert (bool(answer["default_pool_id"]), len(answer["l7policies"])) == (True, 1)
    policy = {**POLICY, "listener_id": answer["id"], "rules": [RULE]}
    assert len(world.post(f"{LBAAS}/l7policies", {"l7policy": policy})["rules"]) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("flavors", {"flavor": {"name": "f", "flavor_profile_id": NOWHERE}}),
        ("flavors", {"flavor": {"name": "f", "flavor_profile_id": "PROFILE", "enabled": None}}),
        ("availabilityzones", {"availability_zone": {"name": "z", "availability_zone_profile_id": NOWHERE}}),
        (
            "availabilityzones",
            {"availability_zone": {"name": "z", "availability_zone_profile_id": "PROFILE", "enabled": None}},
        ),
    ],
)
def test_offers_that_are_500_with_octavia(world: World, path: str, body: Any) -> None:
    for profiles, wrapper, data in (
        ("flavorprofiles", "flavorprofile", "flavor_data"),
        ("availabilityzoneprofiles", "availability_zone_profile", "availability_zone_data"),
    ):
        made = world.post(f"{LBAAS}/{profiles}", {wrapper: {"name": "p", "provider_name": "evenload", data: "{}"}})
        [inner] = body.values()
        for name, value in inner.items():
            if value == "PROFILE" and name.startswith(data.removesuffix("_data")):
                inner = {**inner, name: made["id"]}
        body = {next(iter(body)): inner}
    fault = world.call("POST", f"{LBAAS}/{path}", body, expect=400)["faultstring"]
    assert "enabled" in fault or NOWHERE in fault


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("loadbalancers", "name=a&name=b"),
        ("loadbalancers", "listeners=x"),
        ("loadbalancers", "additional_vips=x"),
        ("pools", "session_persistence=x"),
        ("loadbalancers", "sort=tags"),
    ],
)
def test_lists_that_are_500_with_octavia(world: World, path: str, query: str) -> None:
    assert "faultstring" in world.call("GET", f"{LBAAS}/{path}", query_string=query, expect=400)


@pytest.mark.parametrize("content", [b"{}", b"[]", b'"text"', b"null"])
def test_bodies_that_are_500_with_octavia(furnished: Furnished, content: bytes) -> None:
    world = furnished.world
    members = f"pools/{furnished.pool['id']}/members"
    calls = [("PUT", members), ("PUT", "quotas/blue")]
    for collection, _, one in furnished.good.values():
        calls += [("POST", collection), ("PUT", one)]
    for method, path in calls:
        headers = {"Content-Type": "application/json"}
        fault = world.call(method, f"{LBAAS}/{path}", content=content, headers=headers, expect=400)
        assert shape(fault) == IN_HANDLERS


# ------------------------------------------------------------------------------------------- compatible improvements


def test_both_parents_of_a_pool_have_to_fit_it(furnished: Furnished) -> None:
    """Octavia looks at the listener's protocol only where no load balancer is given."""
    world = furnished.world
    listener = world.listener(furnished.balancer, 82)
    collection, good, _ = furnished.good["pool"]
    body = {**good, "protocol": "TCP", "listener_id": listener["id"]}
    fault = world.call("POST", f"{LBAAS}/{collection}", {"pool": body}, expect=400)["faultstring"]
    assert "protocol" in fault
    other = world.balancer(world.shared_subnet_at("10.3.0.0/24"))
    body = {**good, "loadbalancer_id": other["id"], "listener_id": listener["id"]}
    world.call("POST", f"{LBAAS}/{collection}", {"pool": body}, expect=404)


def test_a_timeout_longer_than_the_delay_is_taken(furnished: Furnished) -> None:
    collection, good, _ = furnished.good["healthmonitor"]
    made = furnished.world.post(f"{LBAAS}/{collection}", {"healthmonitor": {**good, "delay": 2, "timeout": 9}})
    assert (made["delay"], made["timeout"]) == (2, 9)


def test_a_rule_is_read_under_its_own_policy_only(furnished: Furnished) -> None:
    world = furnished.world
    one, other = (
        world.post(f"{LBAAS}/l7policies", {"l7policy": {"listener_id": furnished.listener["id"], **POLICY}})
        for _ in range(2)
    )
    rule = world.post(f"{LBAAS}/l7policies/{one['id']}/rules", {"rule": RULE})
    world.get(f"{LBAAS}/l7policies/{one['id']}/rules/{rule['id']}")
    fault = world.call("GET", f"{LBAAS}/l7policies/{other['id']}/rules/{rule['id']}", expect=404)
    assert shape(fault) == IN_HANDLERS


def test_quotas_are_filtered_by_what_they_show(world: World) -> None:
    for project, limit in (("blue", 5), ("red", 7)):
        world.call("PUT", f"{LBAAS}/quotas/{project}", {"quota": {"pool": limit}}, expect=202)
    for query, found in (("pool=7", ["red"]), ("sort=pool:desc", ["red", "blue"]), ("member=1", [])):
        shown = world.get(f"{LBAAS}/quotas", query_string=query)["quotas"]
        assert [each["project_id"] for each in shown] == found
    world.call("GET", f"{LBAAS}/quotas", query_string="pool=many", expect=400)
