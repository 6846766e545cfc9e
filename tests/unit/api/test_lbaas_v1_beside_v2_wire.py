"""One object, two APIs: what LBaaS v1 makes as Octavia's API shows and changes it, and the other way round."""

from typing import Any

import pytest
from tests.unit.api.conftest import LB, LBAAS, World

MEMBER = "blue:member"


def v2(world: World, path: str, **more: Any) -> Any:
    return next(iter(world.get(f"{LBAAS}/{path}", user=MEMBER, **more).values()))


def test_a_pool_that_stands_alone(world: World) -> None:
    pool = world.v1_pool(name="pool")
    member = world.v1_member(pool)
    monitor = world.v1_monitor()
    world.associate(pool, monitor)
    shown = v2(world, f"pools/{pool['id']}")
    assert (shown["loadbalancers"], shown["listeners"]) == ([], [])
    assert shown["members"] == [{"id": member["id"]}]
    assert v2(world, "pools") == [shown]
    assert v2(world, "loadbalancers") == []
    assert v2(world, f"pools/{pool['id']}/members")[0]["address"] == "10.9.0.1"
    (watching,) = v2(world, "healthmonitors")
    assert shown["healthmonitor_id"] == watching["id"] != monitor["id"]
    assert (watching["pools"], watching["max_retries"], watching["max_retries_down"]) == ([{"id": pool["id"]}], 2, 3)


def test_the_load_balancer_that_holds_a_pool_is_nobodys_business(world: World) -> None:
    pool = world.v1_pool()
    with world.uow.read() as transaction:
        (hidden,) = transaction.bound_to("host-1")
    for path in ("", "/stats", "/status"):
        world.call("GET", f"{LBAAS}/loadbalancers/{hidden}{path}", expect=404)
    world.call("DELETE", f"{LBAAS}/loadbalancers/{hidden}?cascade=true", expect=404)
    world.call("PUT", f"{LBAAS}/loadbalancers/{hidden}", {"loadbalancer": {}}, expect=404)
    for wrapper, body in (
        ("listener", {"protocol": "HTTP", "protocol_port": 80, "default_pool_id": pool["id"]}),
        ("pool", {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}),
    ):
        body["loadbalancer_id"] = hidden
        world.call("POST", f"{LBAAS}/{wrapper}s", {wrapper: body}, expect=404)


def test_a_vip_seen_and_changed_through_v2(world: World) -> None:
    pool = world.v1_pool(name="pool")
    world.v1_member(pool)
    vip = world.vip(pool, world.shared_subnet(), name="web", session_persistence={"type": "SOURCE_IP"})
    world.settle()
    listener = v2(world, f"listeners/{vip['id']}")
    (balancer,) = v2(world, "loadbalancers")
    assert (listener["name"], listener["protocol_port"], listener["default_pool_id"]) == ("web", 80, pool["id"])
    assert listener["loadbalancers"] == [{"id": balancer["id"]}]
    assert (balancer["name"], balancer["vip_address"], balancer["vip_port_id"]) == (
        "web",
        vip["address"],
        vip["port_id"],
    )
    assert v2(world, f"pools/{pool['id']}")["loadbalancers"] == [{"id": balancer["id"]}]

    changes: list[tuple[str, dict[str, Any]]] = [
        (f"listeners/{vip['id']}", {"listener": {"name": "www", "connection_limit": 7}}),
        (f"pools/{pool['id']}", {"pool": {"session_persistence": None, "lb_algorithm": "LEAST_CONNECTIONS"}}),
    ]
    for path, body in changes:
        world.call("PUT", f"{LBAAS}/{path}", body, user=MEMBER, expect=200)
    world.settle()
    seen = world.get(f"{LB}/vips/{vip['id']}")["vip"]
    assert (seen["name"], seen["connection_limit"], seen["session_persistence"]) == ("www", 7, None)
    assert world.get(f"{LB}/pools/{pool['id']}")["pool"]["lb_method"] == "LEAST_CONNECTIONS"

    down: dict[str, Any] = {"loadbalancer": {"admin_state_up": False}}
    world.call("PUT", f"{LBAAS}/loadbalancers/{balancer['id']}", down, user=MEMBER, expect=200)
    world.settle()
    seen = world.get(f"{LB}/vips/{vip['id']}")["vip"]
    assert (seen["admin_state_up"], seen["status"]) == (False, "ACTIVE")
    assert world.get(f"{LB}/vips", query_string="admin_state_up=True") == {"vips": []}
    up: dict[str, Any] = {"vip": {"admin_state_up": True}}
    assert world.call("PUT", f"{LB}/vips/{vip['id']}", up, user=MEMBER, expect=200)["vip"]["admin_state_up"] is True
    assert v2(world, f"loadbalancers/{balancer['id']}")["admin_state_up"] is True


def test_a_vip_whose_load_balancer_goes_through_v2(world: World) -> None:
    pool = world.v1_pool()
    vip = world.vip(pool, world.shared_subnet())
    (balancer,) = v2(world, "loadbalancers")
    path = f"{LBAAS}/loadbalancers/{balancer['id']}"
    world.call("DELETE", path, query_string="cascade=true", user=MEMBER, expect=204)
    assert world.get(f"{LB}/vips") == {"vips": []}
    assert world.v1_error("GET", f"{LB}/vips/{vip['id']}", expect=404)[0] == "VipNotFound"


def test_a_vip_whose_pool_goes_through_v2(world: World) -> None:
    pool = world.v1_pool()
    vip = world.vip(pool, world.shared_subnet(), session_persistence={"type": "SOURCE_IP"})
    world.settle()
    world.call("DELETE", f"{LBAAS}/pools/{pool['id']}", user=MEMBER, expect=204)
    world.settle()
    seen = world.get(f"{LB}/vips/{vip['id']}")["vip"]
    assert (seen["pool_id"], seen["session_persistence"], seen["status"]) == (None, None, "ACTIVE")
    body: dict[str, Any] = {"vip": {"session_persistence": {"type": "SOURCE_IP"}}}
    world.v1_error("PUT", f"{LB}/vips/{vip['id']}", body, user=MEMBER, expect=400)
    other = world.v1_pool()
    body = {"vip": {"pool_id": other["id"]}}
    assert world.call("PUT", f"{LB}/vips/{vip['id']}", body, user=MEMBER, expect=200)["vip"]["pool_id"] == other["id"]


def test_monitors_that_either_api_makes_and_changes(world: World) -> None:
    first, second = world.v1_pool(), world.v1_pool()
    made = world.monitor(first, type="TLS-HELLO")
    (template,) = world.get(f"{LB}/health_monitors")["health_monitors"]
    assert (template["type"], template["delay"], template["max_retries"]) == ("TLS-HELLO", 5, 3)
    assert template["pools"] == [{"pool_id": first["id"], "status": "ACTIVE", "status_description": None}]
    world.associate(second, template)
    body: dict[str, Any] = {"healthmonitor": {"delay": 9, "max_retries_down": 5}}
    world.call("PUT", f"{LBAAS}/healthmonitors/{made['id']}", body, user=MEMBER, expect=200)
    seen = world.get(f"{LB}/health_monitors/{template['id']}")["health_monitor"]
    assert (seen["delay"], seen["max_retries"]) == (9, 5)
    assert {each["delay"] for each in v2(world, "healthmonitors")} == {9}
    change: dict[str, Any] = {"health_monitor": {"delay": 11, "admin_state_up": False}}
    world.call("PUT", f"{LB}/health_monitors/{template['id']}", change, user=MEMBER, expect=200)
    assert {(each["delay"], each["admin_state_up"]) for each in v2(world, "healthmonitors")} == {(11, False)}


def test_what_v2_makes_is_none_of_v1s(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    pool = world.pool(balancer)
    listener = world.listener(balancer, default_pool_id=pool["id"])
    member = world.member(pool)
    world.monitor(pool)
    for word in ("vip", "pool", "member", "health_monitor"):
        assert world.get(f"{LB}/{word}s") == {f"{word}s": []}
    for path, kind in (
        (f"vips/{listener['id']}", "VipNotFound"),
        (f"pools/{pool['id']}", "PoolNotFound"),
        (f"members/{member['id']}", "MemberNotFound"),
    ):
        assert world.v1_error("GET", f"{LB}/{path}", expect=404)[0] == kind
    body = {"pool_id": pool["id"], "address": "10.9.0.9", "protocol_port": 80}
    assert world.v1_error("POST", f"{LB}/members", {"member": body}, expect=404)[0] == "PoolNotFound"


@pytest.mark.parametrize("word", ["vip", "pool"])
def test_names_and_tags_of_the_other_api_do_no_harm(world: World, word: str) -> None:
    pool = world.v1_pool()
    vip = world.vip(pool, world.shared_subnet())
    world.settle()
    path, wrapper = (f"listeners/{vip['id']}", "listener") if word == "vip" else (f"pools/{pool['id']}", "pool")
    body: dict[str, Any] = {wrapper: {"tags": ["t"], "description": "é"}}
    world.call("PUT", f"{LBAAS}/{path}", body, user=MEMBER, expect=200)
    world.settle()
    (shown,) = world.get(f"{LB}/{word}s")[f"{word}s"]
    assert (shown["description"], "tags" in shown) == ("é", False)
