"""Octavia v2 on the wire: versions, load balancers, creation in a single call, and what belongs to no resource."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
STRANGER = "red:member"


# ------------------------------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/", "/v2.0", "/v2.0/", "/v2/lbaas", "/v2.0/lbaas/"])
def test_version_document(world: World, path: str) -> None:
    versions = world.get(path, user="nobody")["versions"]
    assert [version["id"] for version in versions] == [f"v2.{number}" for number in range(31)]
    assert [version["status"] for version in versions] == ["SUPPORTED"] * 30 + ["CURRENT"]
    updated = {version["id"]: version["updated"] for version in versions}
    assert updated["v2.0"] == "2016-12-11T00:00:00Z"
    assert updated["v2.7"] == "2018-01-25T12:00:00Z"  # Octavia's own
    assert updated["v2.18"] == "2020-04-29T01:00:00Z"
    assert updated["v2.30"] == "2025-02-26T00:00:00Z"
    assert {version["links"][0]["href"] for version in versions} == {"http://falconframework.org/v2"}


def test_links_carry_the_requests_own_host_and_mount(world: World) -> None:
    versions = world.get("/", headers={"Host": "lb.example:9876"}, root_path="/mount")["versions"]
    assert versions[0]["links"] == [{"href": "http://lb.example:9876/mount/v2", "rel": "self"}]


def test_forwarded_headers_are_not_believed(world: World) -> None:
    versions = world.get("/", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"})["versions"]
    assert versions[0]["links"][0]["href"] == "http://falconframework.org/v2"


def test_health_check(world: World) -> None:
    for path in ("/healthcheck", "/load-balancer/healthcheck"):
        result = world.call("GET", path, user="nobody")
        assert (result.status_code, result.text) == (200, "OK")
        assert world.call("HEAD", path, user="nobody").status_code == 200
        assert world.call("PUT", path, user="nobody").status_code == 405


# ------------------------------------------------------------------------------------------------------- load balancers


def test_a_load_balancer_as_it_is_created_shown_changed_and_deleted(world: World) -> None:
    subnet = world.shared_subnet()
    made = world.balancer(subnet, name="one", description="first", tags=["a", "b"])
    assert UUID.fullmatch(made["id"])
    assert TIME.fullmatch(made["created_at"])
    assert made == {
        "id": made["id"],
        "name": "one",
        "description": "first",
        "admin_state_up": True,
        "project_id": "blue",
        "tenant_id": "blue",
        "vip_address": "10.1.0.2",
        "vip_subnet_id": subnet["id"],
        "vip_network_id": subnet["network_id"],
        "vip_port_id": made["vip_port_id"],
        "vip_qos_policy_id": None,
        "vip_sg_ids": [],
        "vip_vnic_type": "normal",
        "additional_vips": [],
        "provider": "evenload",
        "flavor_id": None,
        "availability_zone": None,
        "tags": ["a", "b"],
        "listeners": [],
        "pools": [],
        "provisioning_status": "PENDING_CREATE",
        "status_reason": None,
        "operating_status": "OFFLINE",
        "operating_status_reason": None,
        "operating_status_since": made["created_at"],
        "created_at": made["created_at"],
        "updated_at": None,
    }
    path = f"{LBAAS}/loadbalancers/{made['id']}"
    assert world.get(path, user="blue:reader") == {"loadbalancer": made}
    world.settle()
    world.clock.advance(5)
    body: dict[str, Any] = {"loadbalancer": {"name": None, "admin_state_up": "false", "tags": []}}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["loadbalancer"]
    assert (changed["name"], changed["admin_state_up"], changed["tags"]) == ("", False, [])
    assert changed["description"] == "first"
    assert changed["provisioning_status"] == "PENDING_UPDATE"
    assert TIME.fullmatch(changed["updated_at"])
    world.call("DELETE", path, user="blue:member", expect=204)
    assert world.get(path)["loadbalancer"]["provisioning_status"] == "PENDING_DELETE"
    world.settle()
    assert world.call("GET", path, expect=404)["faultstring"] == f"Load Balancer {made['id']} not found."


@pytest.mark.parametrize("prefix", ["/v2/lbaas", "/v2.0/lbaas", "/v2", "/v2.0"])
def test_every_prefix_and_the_lenient_spellings(world: World, prefix: str) -> None:
    made = world.balancer(world.shared_subnet())
    for path in ("/loadbalancers", "/loadbalancers/", "/loadbalancers.json"):
        assert [each["id"] for each in world.get(prefix + path)["loadbalancers"]] == [made["id"]]
    assert world.get(f"{prefix}/loadbalancers/{made['id']}.json")["loadbalancer"] == made


@pytest.mark.parametrize("provider", ["evenload", "amphora", "octavia"])
def test_the_provider_is_shown_as_it_was_asked_for(world: World, provider: str) -> None:
    assert world.balancer(world.shared_subnet(), provider=provider)["provider"] == provider
    assert provider in [each["name"] for each in world.get(f"{LBAAS}/providers")["providers"]]


def test_just_the_names_of_the_settings_are_providers(make_world_with: Callable[..., World]) -> None:
    world = make_world_with(provider_aliases=("amphora",))
    path = f"{LBAAS}/providers"
    assert [each["name"] for each in world.get(path, user="blue:reader")["providers"]] == ["evenload", "amphora"]
    assert world.get(path, query_string="name=amphora&fields=name") == {"providers": [{"name": "amphora"}]}
    assert world.get(path, query_string="name=octavia") == {"providers": []}
    world.call("GET", path, query_string="colour=red", expect=400)
    world.call("GET", f"{path}/amphora", expect=405)
    subnet = world.shared_subnet()
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "provider": "octavia"}}
    error = world.call("POST", f"{LBAAS}/loadbalancers", body, expect=400)
    assert error["faultstring"] == "Provider 'octavia' is not enabled."
    world.call("GET", f"{path}/octavia/flavor_capabilities", expect=400)
    named = world.balancer(subnet, provider="amphora")
    world.balancer(subnet)
    for provider, expected in (("amphora", [named["id"]]), ("octavia", [])):
        found = world.get(f"{LBAAS}/loadbalancers", query_string=f"provider={provider}")["loadbalancers"]
        assert [each["id"] for each in found] == expected


def test_an_administrator_may_create_for_another_project(world: World) -> None:
    subnet = world.shared_subnet()
    assert world.balancer(subnet, user="admin:admin", tenant_id="blue")["project_id"] == "blue"
    assert world.balancer(subnet, user="blue:member", project_id="blue", tenant_id="blue")["project_id"] == "blue"
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "project_id": "red"}}
    world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=403)


def test_deletion_needs_cascade_where_there_are_children(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    world.listener(balancer)
    path = f"{LBAAS}/loadbalancers/{balancer['id']}"
    for query in ("", "cascade=no", "cascade="):
        error = world.call("DELETE", path, user="blue:member", query_string=query, expect=400)
        assert error["faultstring"].startswith("Validation failure: ")
    world.call("DELETE", path, user="blue:member", query_string="cascade=True", expect=204)
    world.call("DELETE", path, user="blue:member", expect=204)
    world.settle()
    assert world.get(f"{LBAAS}/listeners")["listeners"] == []


def test_a_deleted_load_balancer_is_not_changed_any_more(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    path = f"{LBAAS}/loadbalancers/{balancer['id']}"
    world.call("DELETE", path, user="blue:member", expect=204)
    error = world.call("PUT", path, {"loadbalancer": {"name": "x"}}, user="blue:member", expect=409)
    assert error == {
        "faultcode": "Client",
        "faultstring": f"Invalid state PENDING_DELETE of loadbalancer resource {balancer['id']}",
        "debuginfo": None,
    }


def test_statistics_status_and_failover(world: World) -> None:
    balancer = world.balancer(world.shared_subnet(), name="lb")
    listener = world.listener(balancer, name="li")
    pool = world.pool(balancer, listener_id=listener["id"], name="po")
    world.pool(balancer, name="attached to nothing")
    member = world.member(pool, name="me")
    monitor = world.monitor(pool, name="hm")
    zeros = dict.fromkeys(("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors"), 0)
    path = f"{LBAAS}/loadbalancers/{balancer['id']}"
    assert world.get(f"{path}/stats") == {"stats": zeros}
    assert world.get(f"{LBAAS}/listeners/{listener['id']}/stats") == {"stats": zeros}
    tree = world.get(f"{path}/status")
    assert tree == world.get(f"{path}/statuses")

    def brief(each: dict[str, Any], **more: Any) -> dict[str, Any]:
        keys = ["id", "name", "operating_status", "provisioning_status", "status_reason"]
        keys += ["operating_status_reason", "operating_status_since"]
        present = world.get(more.pop("at"))
        return {**{key: next(iter(present.values()))[key] for key in keys}, **more}

    lists = f"{LBAAS}/pools/{pool['id']}"
    assert tree["statuses"]["loadbalancer"] == brief(
        balancer,
        at=path,
        listeners=[
            brief(
                listener,
                at=f"{LBAAS}/listeners/{listener['id']}",
                pools=[
                    brief(
                        pool,
                        at=lists,
                        health_monitor=brief(monitor, at=f"{LBAAS}/healthmonitors/{monitor['id']}", type="HTTP"),
                        members=[
                            brief(
                                member,
                                at=f"{lists}/members/{member['id']}",
                                address="10.9.0.1",
                                protocol_port=8080,
                            )
                        ],
                    )
                ],
            )
        ],
    )
    world.call("PUT", f"{path}/failover", user="blue:member", expect=403)
    world.settle()
    result = world.call("PUT", f"{path}/failover")
    assert (result.status_code, result.text) == (202, "")
    assert world.get(path)["loadbalancer"]["provisioning_status"] == "PENDING_UPDATE"
    world.call("POST", f"{path}/failover", expect=400)


# ---------------------------------------------------------------------------------------------------------- single call


def test_everything_in_one_call(world: World) -> None:
    subnet = world.shared_subnet()
    member = {"address": "10.9.0.1", "protocol_port": 80, "weight": 3, "backup": True, "name": "m"}
    body: dict[str, Any] = {
        "name": "all",
        "listeners": [
            {
                "protocol": "HTTP",
                "protocol_port": 80,
                "insert_headers": {"X-Forwarded-For": "true"},
                "l7policies": [],
                "default_pool": {
                    "protocol": "HTTP",
                    "lb_algorithm": "LEAST_CONNECTIONS",
                    "session_persistence": {"type": "APP_COOKIE", "cookie_name": "sid"},
                    "members": [member],
                    "healthmonitor": {
                        "type": "HTTP",
                        "delay": 5,
                        "timeout": 3,
                        "max_retries": 2,
                        "url_path": "/up?x=1",
                    },
                },
            },
            {"protocol": "HTTP", "protocol_port": 81, "default_pool": {"name": "named"}},
        ],
        "pools": [{"name": "named", "protocol": "HTTP", "lb_algorithm": "SOURCE_IP"}],
    }
    made = world.balancer(subnet, **body)
    first, second = made["listeners"]
    pools = {pool["id"]: pool for pool in made["pools"]}
    assert len(pools) == 2
    assert "loadbalancers" not in first
    assert first["insert_headers"] == {"X-Forwarded-For": "true"}
    inner = pools[first["default_pool_id"]]
    assert inner["session_persistence"]["cookie_name"] == "sid"
    assert inner["listeners"] == [{"id": first["id"]}]
    assert "loadbalancers" not in inner
    assert "healthmonitor_id" not in inner
    assert {key: inner["members"][0][key] for key in member} == member
    assert inner["healthmonitor"]["url_path"] == "/up?x=1"
    named = pools[second["default_pool_id"]]
    assert (named["name"], named["healthmonitor"], named["members"]) == ("named", None, [])
    # What is shown later has ids only, and the parts are the ones announced.
    later = world.get(f"{LBAAS}/loadbalancers/{made['id']}")["loadbalancer"]
    assert [each["id"] for each in later["listeners"]] == [first["id"], second["id"]]
    assert {each["id"] for each in later["pools"]} == set(pools)
    shown = world.get(f"{LBAAS}/pools/{inner['id']}")["pool"]
    assert shown["healthmonitor_id"] == inner["healthmonitor"]["id"]
    assert shown["members"] == [{"id": inner["members"][0]["id"]}]
    alone = world.get(f"{LBAAS}/pools/{inner['id']}/members/{inner['members'][0]['id']}")["member"]
    assert alone == inner["members"][0]


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"pools": [{"name": "a"}]}, "protocol"),
        ({"pools": [{"protocol": "HTTP"}]}, "lb_algorithm"),
        (
            {"pools": [{"name": "a", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}] * 2},
            "pools",
        ),
        (
            {"listeners": [{"protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "none"}}]},
            "Missing details for pool 'none'",
        ),
        (
            {"listeners": [{"protocol": "HTTP", "protocol_port": 80, "default_pool": {}}]},
            "protocol",
        ),
        (
            {"listeners": [{"protocol": "HTTP", "protocol_port": 80}, {"protocol": "TCP", "protocol_port": 80}]},
            "protocol_port",
        ),
        (
            {"listeners": [{"protocol": "HTTP", "protocol_port": 0}]},
            "listeners[0].protocol_port",
        ),
        (
            {
                "pools": [
                    {
                        "protocol": "HTTP",
                        "lb_algorithm": "ROUND_ROBIN",
                        "members": [{"address": "127.0.0.1", "protocol_port": 80}],
                    }
                ]
            },
            "address",
        ),
    ],
)
def test_a_single_call_that_fails_leaves_nothing(world: World, parts: dict[str, Any], named: str) -> None:
    subnet = world.shared_subnet()
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], **parts}}
    result = world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member")
    assert result.status_code in (400, 409)
    assert named in result.json["faultstring"]
    for kind in ("loadbalancers", "listeners", "pools"):
        assert world.get(f"{LBAAS}/{kind}")[kind] == []
    assert world.get("/v2.0/ports")["ports"] == []


# ------------------------------------------------------------------------------------------------------------- the rest


def test_every_answer_has_a_request_id(world: World) -> None:
    for path in ("/", "/nowhere", f"{LBAAS}/loadbalancers"):
        identifier = world.call("GET", path).headers["x-openstack-request-id"]
        assert re.fullmatch(rf"req-{UUID.pattern}", identifier)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", f"{LBAAS}/cheese", 404),
        ("GET", f"{LBAAS}/loadbalancers/not-a-uuid", 404),
        ("GET", f"{LBAAS}/pools/not-a-uuid/members", 404),
        ("GET", f"{LBAAS}/pools/a%00b", 404),
        ("GET", f"{LBAAS}/pools/a%0Ab/members", 404),
        ("GET", f"{LBAAS}/pools/%FF%FE", 404),
        ("GET", f"{LBAAS}/pools/{'x' * 2000}", 404),
        ("PATCH", f"{LBAAS}/loadbalancers", 405),
        ("HEAD", f"{LBAAS}/loadbalancers", 405),
        ("POST", f"{LBAAS}/loadbalancers/x", 405),
        ("PUT", f"{LBAAS}/loadbalancers", 400),
        ("DELETE", f"{LBAAS}/listeners", 400),
        ("DELETE", f"{LBAAS}/pools/x/members", 400),
    ],
)
def test_what_is_not_there(world: World, method: str, path: str, status: int) -> None:
    result = world.call(method, path)
    assert result.status_code == status
    if method != "HEAD":
        assert result.json["faultstring" if "faultstring" in result.json else "title"]


def test_answers_are_json_or_nothing(world: World) -> None:
    world.call("GET", f"{LBAAS}/loadbalancers", headers={"Accept": "text/xml"}, expect=406)
    assert world.call("GET", f"{LBAAS}/loadbalancers", headers={"Accept": "*/*"}).status_code == 200


@pytest.mark.parametrize("path", ["/v2/servers/detail", "/v2.0/nothing", "/v2.0/lb/nothing", "/nothing"])
def test_what_is_not_here_is_named(world: World, path: str) -> None:
    """Clients print it for commands of other services, where one address has to do for all."""
    answer = world.call("GET", path, expect=404)
    text = answer["faultstring"] if "faultstring" in answer else answer["NeutronError"]["message"]
    assert text == f"There is nothing at {path}: load balancers and their networks are served here."


@pytest.mark.parametrize(
    ("path", "key"),
    [("/projects", "project"), ("/v3/projects", "project"), ("/tenants", "tenant"), ("/v2/tenants", "tenant")],
)
def test_projects_for_clients_without_keystone(world: World, path: str, key: str) -> None:
    assert world.get(f"{path}/blue")[key]["id"] == "blue"
    assert [each["id"] for each in world.get(path, query_string="name=red")[f"{key}s"]] == ["red"]
    assert world.get(path, query_string="name=green")[f"{key}s"] == []
    assert len(world.get(path)[f"{key}s"]) == 3
    world.call("GET", f"{path}/green", expect=404)
