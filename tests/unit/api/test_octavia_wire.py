"""Octavia v2 on the wire: codes, keys and contents as sections 1 to 7 of the reference have them."""

import re
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
STRANGER = "red:member"


# ----------------------------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/", "/v2.0", "/v2.0/", "/v2/lbaas", "/v2.0/lbaas/"])
def test_version_document(world: World, path: str) -> None:
    versions = world.get(path, user="nobody")["versions"]
    assert [version["id"] for version in versions] == ["v2.0", "v2.1", "v2.5", "v2.10", "v2.11", "v2.12"]
    assert [version["status"] for version in versions] == ["SUPPORTED"] * 5 + ["CURRENT"]
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


# ------------------------------------------------------------------------------------------------------ load balancers


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
        "operating_status": "OFFLINE",
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
        keys = ("id", "name", "operating_status", "provisioning_status")
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
    world.call("POST", f"{path}/failover", expect=405)


# -------------------------------------------------------------------------------------------------------- single call


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


# ----------------------------------------------------------------------------------------------------------- listeners


def test_a_listener_with_its_defaults(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    made = world.listener(balancer)
    assert made == {
        "id": made["id"],
        "name": "",
        "description": "",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "protocol": "HTTP",
        "protocol_port": 80,
        "connection_limit": -1,
        "default_pool_id": None,
        "insert_headers": {},
        "timeout_client_data": 50000,
        "timeout_member_connect": 5000,
        "timeout_member_data": 50000,
        "timeout_tcp_inspect": 0,
        "allowed_cidrs": None,
        "default_tls_container_ref": None,
        "sni_container_refs": [],
        "client_ca_tls_container_ref": None,
        "client_authentication": "NONE",
        "client_crl_container_ref": None,
        "tls_ciphers": None,
        "tls_versions": [],
        "alpn_protocols": [],
        "hsts_max_age": None,
        "hsts_include_subdomains": False,
        "hsts_preload": False,
        "tags": [],
        "l7policies": [],
        "loadbalancers": [{"id": balancer["id"]}],
        "provisioning_status": "PENDING_CREATE",
        "operating_status": "OFFLINE",
        "created_at": made["created_at"],
        "updated_at": None,
    }


def test_null_brings_a_listeners_defaults_back(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    pool = world.pool(balancer)
    given = {
        "name": "n",
        "connection_limit": "10",
        "timeout_client_data": 1,
        "timeout_member_connect": 2,
        "timeout_member_data": 3,
        "timeout_tcp_inspect": 4,
        "insert_headers": {"X-Forwarded-Port": "true", "X-Forwarded-Proto": "false"},
        "allowed_cidrs": ["10.1.2.3/8", "192.0.2.1", "10.0.0.0/8"],
        "default_pool_id": pool["id"],
        "tags": ["t"],
    }
    made = world.listener(balancer, **given)
    assert made["allowed_cidrs"] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert made["insert_headers"] == {"X-Forwarded-Port": "true"}
    assert made["connection_limit"] == 10
    path = f"{LBAAS}/listeners/{made['id']}"
    unchanged = world.call("PUT", path, {"listener": {}}, user="blue:member", expect=200)["listener"]
    assert {key: unchanged[key] for key in given} == {key: made[key] for key in given}
    body = {"listener": dict.fromkeys(given)}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["listener"]
    fresh = world.listener(balancer, port=81)
    assert {key: changed[key] for key in given} == {key: fresh[key] for key in given}


# --------------------------------------------------------------------------------------------------------------- pools


def test_a_pool_with_its_defaults(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    listener = world.listener(balancer)
    made = world.pool(balancer, listener_id=listener["id"])
    assert made == {
        "id": made["id"],
        "name": "",
        "description": "",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "session_persistence": None,
        "tls_enabled": False,
        "tls_container_ref": None,
        "ca_tls_container_ref": None,
        "crl_container_ref": None,
        "tls_ciphers": None,
        "tls_versions": [],
        "alpn_protocols": [],
        "tags": [],
        "loadbalancers": [{"id": balancer["id"]}],
        "listeners": [{"id": listener["id"]}],
        "members": [],
        "provisioning_status": "PENDING_CREATE",
        "operating_status": "OFFLINE",
        "created_at": made["created_at"],
        "updated_at": None,
    }
    body = {"pool": {"listener_id": listener["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}}
    world.call("POST", f"{LBAAS}/pools", body, user="blue:member", expect=409)


def test_a_pool_by_its_listener_alone(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    listener = world.listener(balancer)
    body = {"pool": {"listener_id": listener["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}}
    made = world.post(f"{LBAAS}/pools", body, user="blue:member")
    assert made["loadbalancers"] == [{"id": balancer["id"]}]
    assert world.get(f"{LBAAS}/listeners/{listener['id']}")["listener"]["default_pool_id"] == made["id"]
    world.call("DELETE", f"{LBAAS}/pools/{made['id']}", user="blue:member", expect=204)
    world.settle()
    assert world.get(f"{LBAAS}/listeners/{listener['id']}")["listener"]["default_pool_id"] is None


def test_session_persistence_from_kind_to_kind(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    path = f"{LBAAS}/pools/{pool['id']}"

    def put(persistence: Any, expect: int = 200) -> Any:
        body = {"pool": {"session_persistence": persistence}}
        return (
            world.call("PUT", path, body, user="blue:member", expect=expect).get("pool", {}).get("session_persistence")
        )

    empty = {"cookie_name": None, "persistence_timeout": None, "persistence_granularity": None}
    put({"cookie_name": "sid"}, expect=400)
    put({"type": "APP_COOKIE"}, expect=400)
    assert put({"type": "APP_COOKIE", "cookie_name": "sid"}) == {**empty, "type": "APP_COOKIE", "cookie_name": "sid"}
    assert put({}) == {**empty, "type": "APP_COOKIE", "cookie_name": "sid"}
    assert put({"cookie_name": "other"}) == {**empty, "type": "APP_COOKIE", "cookie_name": "other"}
    assert put({"type": "SOURCE_IP", "persistence_timeout": None}) == {**empty, "type": "SOURCE_IP"}
    put({"type": "HTTP_COOKIE", "cookie_name": "x"}, expect=400)
    assert put({"type": "HTTP_COOKIE"}) == {**empty, "type": "HTTP_COOKIE"}
    assert put(None) is None


# ------------------------------------------------------------------------------------------------------------- members


def test_a_member_with_its_defaults(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    made = world.member(pool, "2001:DB8::0:1")
    assert made == {
        "id": made["id"],
        "name": "",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "address": "2001:db8::1",
        "protocol_port": 8080,
        "weight": 1,
        "backup": False,
        "subnet_id": None,
        "monitor_address": None,
        "monitor_port": None,
        "vnic_type": "normal",
        "tags": [],
        "provisioning_status": "PENDING_CREATE",
        "operating_status": "NO_MONITOR",
        "created_at": made["created_at"],
        "updated_at": None,
    }
    path = f"{LBAAS}/pools/{pool['id']}/members/{made['id']}"
    body = {"member": {"weight": 0, "backup": True, "monitor_address": "10.0.0.9", "monitor_port": 99, "name": "m"}}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["member"]
    assert {key: changed[key] for key in body["member"]} == body["member"]
    body = {"member": dict.fromkeys(("weight", "backup", "monitor_address", "monitor_port", "name"))}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["member"]
    assert {key: changed[key] for key in body["member"]} == {key: made[key] for key in body["member"]}
    world.call("DELETE", path, user="blue:member", expect=204)


def test_a_member_lives_under_its_own_pool_only(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    pool, other = world.pool(balancer), world.pool(balancer)
    member = world.member(pool)
    path = f"{LBAAS}/pools/{other['id']}/members/{member['id']}"
    for method, body in (("GET", None), ("PUT", {"member": {}}), ("DELETE", None)):
        world.call(method, path, body, expect=404)


def test_a_batch_of_members(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    path = f"{LBAAS}/pools/{pool['id']}/members"
    first, second = world.member(pool, "10.9.0.1", weight=7), world.member(pool, "10.9.0.2")
    world.settle()

    def put(*members: dict[str, Any], query: str = "", expect: int = 202) -> None:
        result = world.call("PUT", path, {"members": list(members)}, user="blue:member", query_string=query)
        assert result.status_code == expect, result.text
        assert expect != 202 or result.text == ""

    def listed() -> dict[str, Any]:
        return {each["address"]: each for each in world.get(path)["members"]}

    one, two, three = ({"address": f"10.9.0.{number}", "protocol_port": 8080} for number in (1, 2, 3))
    sent = len(world.hints.sent)
    put(one, two)
    assert len(world.hints.sent) == sent, "no difference, no change"
    put({**one, "name": "uno"}, three, query="additive_only=true")
    assert (listed()["10.9.0.1"]["id"], listed()["10.9.0.1"]["weight"]) == (first["id"], 7)
    assert listed()["10.9.0.1"]["name"] == "uno"
    assert listed()["10.9.0.2"]["id"] == second["id"]
    put(three, query="additive_only=false")
    world.settle()
    assert list(listed()) == ["10.9.0.3"]
    put(three, three, expect=400)
    put(one, one, expect=409)
    put(one, query="additive_only=perhaps", expect=400)
    put(query="additive_only=true")
    assert list(listed()) == ["10.9.0.3"]
    put()
    world.settle()
    assert listed() == {}


def test_a_batch_needs_every_right_it_uses(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    path = f"{LBAAS}/pools/{pool['id']}/members"
    world.call("PUT", path, {"members": []}, user="blue:reader", expect=403)
    world.call("PUT", path, {"members": []}, user=STRANGER, expect=403)


# ------------------------------------------------------------------------------------------------------------ monitors


def test_an_http_monitor_with_its_defaults(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    made = world.monitor(pool)
    assert made == {
        "id": made["id"],
        "name": "",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "type": "HTTP",
        "delay": 5,
        "timeout": 3,
        "max_retries": 2,
        "max_retries_down": 3,
        "http_method": "GET",
        "url_path": "/",
        "expected_codes": "200",
        "http_version": None,
        "domain_name": None,
        "tags": [],
        "pools": [{"id": pool["id"]}],
        "provisioning_status": "PENDING_CREATE",
        "operating_status": made["operating_status"],
        "created_at": made["created_at"],
        "updated_at": None,
    }
    assert world.get(f"{LBAAS}/pools/{pool['id']}")["pool"]["healthmonitor_id"] == made["id"]
    path = f"{LBAAS}/healthmonitors/{made['id']}"
    given = {
        "http_method": "HEAD",
        "url_path": "/x",
        "expected_codes": "200-204",
        "http_version": 1.1,
        "domain_name": "a.example",
        "max_retries_down": 5,
    }
    changed = world.call("PUT", path, {"healthmonitor": given}, user="blue:member", expect=200)["healthmonitor"]
    assert {key: changed[key] for key in given} == given
    body = {"healthmonitor": dict.fromkeys(given)}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["healthmonitor"]
    assert {key: changed[key] for key in given} == {key: made[key] for key in given}
    body = {"healthmonitor": {"pool_id": pool["id"], "type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}}
    world.call("POST", f"{LBAAS}/healthmonitors", body, user="blue:member", expect=409)
    world.call("DELETE", path, user="blue:member", expect=204)
    world.settle()
    assert "healthmonitor_id" not in world.get(f"{LBAAS}/pools/{pool['id']}")["pool"]


@pytest.mark.parametrize("type", ["TCP", "PING", "TLS-HELLO"])
def test_other_monitors_speak_no_http(world: World, type: str) -> None:
    pool = world.pool(world.balancer(world.shared_subnet()))
    nothing: dict[str, Any] = dict.fromkeys(
        ("http_method", "url_path", "expected_codes", "http_version", "domain_name")
    )
    made = world.monitor(pool, type=type, **nothing)
    assert {key: made[key] for key in nothing} == nothing
    path = f"{LBAAS}/healthmonitors/{made['id']}"
    world.call("PUT", path, {"healthmonitor": nothing}, user="blue:member", expect=200)
    error = world.call("PUT", path, {"healthmonitor": {"http_version": 1.1}}, user="blue:member", expect=400)
    assert "http_version" in error["faultstring"]


# ----------------------------------------------------------------------------------------------------------- strangers


def test_a_stranger_sees_and_changes_nothing(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    listener, pool = world.listener(balancer), world.pool(balancer)
    member, monitor = world.member(pool), world.monitor(pool)
    sent = len(world.hints.sent)
    for wrapper, path in (
        ("loadbalancer", f"loadbalancers/{balancer['id']}"),
        ("listener", f"listeners/{listener['id']}"),
        ("pool", f"pools/{pool['id']}"),
        ("member", f"pools/{pool['id']}/members/{member['id']}"),
        ("healthmonitor", f"healthmonitors/{monitor['id']}"),
    ):
        for method, body in (("GET", None), ("PUT", {wrapper: {"name": "mine"}}), ("DELETE", None)):
            error = world.call(method, f"{LBAAS}/{path}", body, user=STRANGER, expect=403)
            assert error["faultstring"] == "Policy does not allow this request to be performed."
    for path in ("stats", "status"):
        world.call("GET", f"{LBAAS}/loadbalancers/{balancer['id']}/{path}", user=STRANGER, expect=403)
    world.call("GET", f"{LBAAS}/listeners/{listener['id']}/stats", user=STRANGER, expect=403)
    world.call("GET", f"{LBAAS}/pools/{pool['id']}/members", user=STRANGER, expect=403)
    for kind in ("loadbalancers", "listeners", "pools", "healthmonitors"):
        assert world.get(f"{LBAAS}/{kind}", user=STRANGER)[kind] == []
        assert len(world.get(f"{LBAAS}/{kind}", user="blue:reader")[kind]) == 1
        world.call("GET", f"{LBAAS}/{kind}", user=STRANGER, query_string="project_id=blue", expect=403)
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            "listeners",
            {"listener": {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "protocol_port": 99}},
        ),
        (
            "pools",
            {"pool": {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}},
        ),
        (
            "healthmonitors",
            {"healthmonitor": {"pool_id": pool["id"], "type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}},
        ),
        (f"pools/{pool['id']}/members", {"member": {"address": "10.9.9.9", "protocol_port": 1}}),
    )
    for path, body in bodies:
        world.call("POST", f"{LBAAS}/{path}", body, user=STRANGER, expect=403)
    assert len(world.hints.sent) == sent


def test_another_load_balancers_pool_is_not_found(world: World) -> None:
    subnet = world.shared_subnet()
    mine, theirs = world.balancer(subnet, user=STRANGER), world.balancer(subnet)
    pool = world.pool(theirs)
    body = {
        "listener": {
            "loadbalancer_id": mine["id"],
            "protocol": "HTTP",
            "protocol_port": 80,
            "default_pool_id": pool["id"],
        }
    }
    error = world.call("POST", f"{LBAAS}/listeners", body, user=STRANGER, expect=404)
    assert f"Pool {pool['id']} not found." in error["faultstring"]


def test_another_projects_subnet_is_not_found(world: World) -> None:
    subnet = world.subnet(world.network(project_id="blue"))
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"]}}
    error = world.call("POST", f"{LBAAS}/loadbalancers", body, user=STRANGER, expect=400)
    assert error["faultstring"] == f"vip_subnet_id: Subnet {subnet['id']} not found."
    pool = world.pool(world.balancer(world.shared_subnet_at("10.5.0.0/24"), user=STRANGER), user=STRANGER)
    member = {"member": {"address": "10.1.0.9", "protocol_port": 80, "subnet_id": subnet["id"]}}
    path = f"{LBAAS}/pools/{pool['id']}/members"
    error = world.call("POST", path, member, user=STRANGER, expect=400)
    assert error["faultstring"] == f"subnet_id: Subnet {subnet['id']} not found."


def test_who_is_unknown_is_told_how_to_say(world: World) -> None:
    result = world.call("GET", f"{LBAAS}/loadbalancers", user="nobody")
    assert (result.status_code, result.headers["www-authenticate"]) == (401, 'Basic realm="test"')
    assert result.json["faultcode"] == "Client"


def test_a_caller_without_project_has_no_lists(world: World) -> None:
    for kind in ("loadbalancers", "listeners", "providers"):
        world.call("GET", f"{LBAAS}/{kind}", user=":member", expect=403)


# ------------------------------------------------------------------------------------------------------------ the rest


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
        assert set(result.json) == {"faultcode", "faultstring", "debuginfo"}
        assert result.json["faultstring"]


def test_answers_are_json_or_nothing(world: World) -> None:
    world.call("GET", f"{LBAAS}/loadbalancers", headers={"Accept": "text/xml"}, expect=406)
    assert world.call("GET", f"{LBAAS}/loadbalancers", headers={"Accept": "*/*"}).status_code == 200


@pytest.mark.parametrize("kind", ["flavors", "availabilityzones", "l7policies"])
def test_what_there_is_none_of(world: World, kind: str) -> None:
    listed = world.get(f"{LBAAS}/{kind}")
    assert sorted(listed.values()) == [[], []]
    error = world.call("POST", f"{LBAAS}/{kind}", {}, expect=501)
    assert error["faultcode"] == "Server"


@pytest.mark.parametrize(
    ("path", "key"), [("/projects", "project"), ("/v3/projects", "project"), ("/tenants", "tenant")]
)
def test_projects_for_clients_without_keystone(world: World, path: str, key: str) -> None:
    assert world.get(f"{path}/blue")[key]["id"] == "blue"
    assert [each["id"] for each in world.get(path, query_string="name=red")[f"{key}s"]] == ["red"]
    assert world.get(path, query_string="name=green")[f"{key}s"] == []
    assert len(world.get(path)[f"{key}s"]) == 3
    world.call("GET", f"{path}/green", expect=404)
