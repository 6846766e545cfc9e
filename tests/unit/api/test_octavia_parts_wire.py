"""Octavia v2 on the wire: listeners, pools, members and health monitors, with all their defaults; and strangers."""

import re
from dataclasses import fields
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, World

from evenload.model.balancer import Listener

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
STRANGER = "red:member"
TIMEOUTS = {each.name: each.default for each in fields(Listener) if each.name.startswith("timeout_")}


# ------------------------------------------------------------------------------------------------------------ listeners


def test_a_listeners_timeouts_are_octavias() -> None:
    octavias = {"client_data": 50000, "member_connect": 5000, "member_data": 50000, "tcp_inspect": 0}
    assert {f"timeout_{name}": value for name, value in octavias.items()}.items() <= TIMEOUTS.items()


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
        **TIMEOUTS,
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
        "tls_certificates": [],
        "tags": [],
        "l7policies": [],
        "loadbalancers": [{"id": balancer["id"]}],
        "provisioning_status": "PENDING_CREATE",
        "status_reason": None,
        "operating_status": "OFFLINE",
        "operating_status_reason": None,
        "operating_status_since": made["created_at"],
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
    assert made["insert_headers"] == {"X-Forwarded-Port": "true", "X-Forwarded-Proto": "false"}
    assert made["connection_limit"] == 10
    path = f"{LBAAS}/listeners/{made['id']}"
    unchanged = world.call("PUT", path, {"listener": {}}, user="blue:member", expect=200)["listener"]
    assert {key: unchanged[key] for key in given} == {key: made[key] for key in given}
    body = {"listener": dict.fromkeys(given)}
    changed = world.call("PUT", path, body, user="blue:member", expect=200)["listener"]
    fresh = world.listener(balancer, port=81)
    assert {key: changed[key] for key in given} == {key: fresh[key] for key in given}


def test_headers_come_back_as_they_were_sent(world: World) -> None:
    """Terraform compares what it sent with what it is shown, "false" included, and would change it for ever."""
    balancer = world.balancer(world.shared_subnet())
    sent = {"X-Forwarded-Proto": "false", "X-Forwarded-For": "true", "X-SSL-Client-CN": "false", "X-Real-IP": "false"}
    path = f"{LBAAS}/listeners/{world.listener(balancer, insert_headers=sent)['id']}"
    assert world.get(path)["listener"]["insert_headers"] == sent
    for now in ({"X-Forwarded-For": "false"}, {"X-Forwarded-For": "true"}, {}):
        changed = world.call("PUT", path, {"listener": {"insert_headers": now}}, user="blue:member", expect=200)
        assert changed["listener"]["insert_headers"] == now
        assert world.get(path)["listener"]["insert_headers"] == now
    nested = {"protocol": "HTTP", "protocol_port": 80, "insert_headers": sent}
    made = world.balancer(world.shared_subnet_at("10.2.0.0/24"), listeners=[nested])
    assert made["listeners"][0]["insert_headers"] == sent
    # A listener that speaks no HTTP inserts none: to say so is right.
    off = {"X-Forwarded-For": "false"}
    assert world.listener(balancer, port=81, protocol="TCP", insert_headers=off)["insert_headers"] == off


# ---------------------------------------------------------------------------------------------------------------- pools


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
        "status_reason": None,
        "operating_status": "OFFLINE",
        "operating_status_reason": None,
        "operating_status_since": made["created_at"],
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


# -------------------------------------------------------------------------------------------------------------- members


@pytest.mark.parametrize("persistence", [{}, {"type": None}, {"cookie_name": "sid"}])
def test_a_new_pool_needs_the_type_of_its_persistence(world: World, persistence: dict[str, Any]) -> None:
    balancer = world.balancer(subnet := world.shared_subnet())
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "session_persistence": persistence}
    for path, body in (
        ("pools", {"pool": {**pool, "loadbalancer_id": balancer["id"]}}),
        ("loadbalancers", {"loadbalancer": {"vip_subnet_id": subnet["id"], "pools": [pool]}}),
    ):
        error = world.call("POST", f"{LBAAS}/{path}", body, user="blue:member", expect=400)
        assert "session_persistence.type" in error["faultstring"]
    assert world.get(f"{LBAAS}/pools")["pools"] == []


def test_a_member_with_its_defaults(world: World) -> None:
    pool = world.pool(world.balancer(world.shared_subnet_at("2001:db8:1::/64")))
    made = world.member(pool, "2001:DB8::0:1")
    assert made == {
        "id": made["id"],
        "name": "",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "address": "2001:DB8::0:1",
        "protocol_port": 8080,
        "weight": 1,
        "backup": False,
        "subnet_id": None,
        "monitor_address": None,
        "monitor_port": None,
        "vnic_type": "normal",
        "tags": [],
        "provisioning_status": "PENDING_CREATE",
        "status_reason": None,
        "operating_status": "NO_MONITOR",
        "operating_status_reason": None,
        "operating_status_since": made["created_at"],
        "created_at": made["created_at"],
        "updated_at": None,
    }
    path = f"{LBAAS}/pools/{pool['id']}/members/{made['id']}"
    body = {"member": {"weight": 0, "backup": True, "monitor_address": "2001:db8::9", "monitor_port": 99, "name": "m"}}
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


# ------------------------------------------------------------------------------------------------------------- monitors


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
        "status_reason": None,
        "operating_status": made["operating_status"],
        "operating_status_reason": None,
        "operating_status_since": made["created_at"],
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


# ------------------------------------------------------------------------------------------------------------ strangers


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


@pytest.mark.parametrize("field", ["address", "monitor_address"])
def test_a_member_of_a_family_that_no_vip_has_is_refused_with_the_whole(world: World, field: str) -> None:
    """The address of the VIP is chosen after all the rest was judged."""
    member = {"address": "10.1.0.9", "protocol_port": 80} | {field: "2001:DB8::9"}
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member]}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    body = {"loadbalancer": {"vip_subnet_id": world.shared_subnet()["id"], "listeners": [listener]}}
    error = world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=400)
    assert "is of IP version 6, and no VIP of the load balancer is" in error["faultstring"]
    assert world.get(f"{LBAAS}/loadbalancers")["loadbalancers"] == []


def test_a_pool_is_made_with_its_members_and_its_monitor(world: World) -> None:
    """Octavia's documentation has it so; Octavia itself answers 500."""
    balancer = world.balancer(world.shared_subnet())
    listener = world.listener(balancer)
    monitor = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2, "name": "check"}
    members = [{"address": f"10.9.0.{number}", "protocol_port": 80, "name": str(number)} for number in (1, 2)]
    made = world.pool(balancer, listener_id=listener["id"], members=members, healthmonitor=monitor)
    assert len(made["members"]) == 2
    path = f"{LBAAS}/pools/{made['id']}/members"
    listed = world.get(path, user="blue:member")["members"]
    assert [each["name"] for each in listed] == ["1", "2"]
    assert {each["operating_status"] for each in listed} == {"OFFLINE"}  # there is a monitor
    shown = world.get(f"{LBAAS}/healthmonitors/{made['healthmonitor_id']}", user="blue:member")["healthmonitor"]
    assert (shown["name"], shown["pools"]) == ("check", [{"id": made["id"]}])
    assert world.get(f"{LBAAS}/listeners/{listener['id']}")["listener"]["default_pool_id"] == made["id"]


@pytest.mark.parametrize(
    ("parts", "status", "named"),
    [
        ({"members": [{"address": "127.0.0.1", "protocol_port": 80}]}, 400, "address"),
        ({"members": [{"address": "10.9.0.1", "protocol_port": 80}] * 2}, 409, "10.9.0.1"),
        ({"members": [{"address": "10.9.0.1", "protocol_port": 80, "project_id": "red"}]}, 400, "project_id"),
        ({"members": [{"address": "10.9.0.1", "protocol_port": 80, "tags": ["a", "a"]}]}, 409, "tags"),
        ({"healthmonitor": {"type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2, "url_path": "/"}}, 400, "path"),
        ({"healthmonitor": {"type": "SCTP", "delay": 5, "timeout": 3, "max_retries": 2}}, 400, "type"),
        ({"members": [{"address": "10.9.0.1", "protocol_port": 80, "subnet_id": NOWHERE}]}, 400, "subnet"),
    ],
)
def test_a_pool_with_a_part_that_is_none_is_not_made(
    world: World, parts: dict[str, Any], status: int, named: str
) -> None:
    balancer = world.balancer(world.shared_subnet())
    body = {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **parts}
    fault = world.call("POST", f"{LBAAS}/pools", {"pool": body}, user="blue:member", expect=status)["faultstring"]
    assert named in fault
    assert world.get(f"{LBAAS}/pools")["pools"] == []


def test_members_made_with_their_pool_count(world: World) -> None:
    world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"member": 1}}, expect=202)
    balancer = world.balancer(world.shared_subnet())
    members = [{"address": f"10.9.0.{number}", "protocol_port": 80} for number in (1, 2)]
    body = {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}
    fault = world.call("POST", f"{LBAAS}/pools", {"pool": body}, user="blue:member", expect=403)["faultstring"]
    assert fault == "Quota has been met for resources: Member"
    world.pool(balancer, members=members[:1])
