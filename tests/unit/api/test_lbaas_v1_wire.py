"""LBaaS v1 on the wire: codes, keys and contents, of each object from its creation to its deletion."""

from typing import Any

import pytest
from tests.unit.api.conftest import LB, NOWHERE, World

from evenload.model.desired import Change, Health, Outcome, Report
from evenload.model.enums import OperatingStatus

MEMBER = "blue:member"


def test_a_pool_from_creation_to_deletion(world: World) -> None:
    made = world.v1_pool(name="pool", description="d")
    assert made == {
        "id": made["id"],
        "tenant_id": "blue",
        "vip_id": None,
        "name": "pool",
        "description": "d",
        "subnet_id": NOWHERE,
        "protocol": "HTTP",
        "provider": "haproxy",
        "lb_method": "ROUND_ROBIN",
        "members": [],
        "health_monitors": [],
        "health_monitors_status": [],
        "admin_state_up": True,
        "status": "ACTIVE",
        "status_description": None,
    }
    path = f"{LB}/pools/{made['id']}"
    assert world.get(path, user=MEMBER) == {"pool": made}
    assert world.get(f"{LB}/pools", user=MEMBER) == {"pools": [made]}
    body: dict[str, Any] = {"pool": {"name": "p", "description": "", "lb_method": "SOURCE_IP", "admin_state_up": "0"}}
    changed = world.call("PUT", path, body, user=MEMBER, expect=200)["pool"]
    assert changed == {**made, "name": "p", "description": "", "lb_method": "SOURCE_IP", "admin_state_up": False}
    world.call("DELETE", path, user=MEMBER, expect=204)
    assert world.v1_error("GET", path, expect=404) == ("PoolNotFound", f"Pool {made['id']} not found.")
    assert world.get(f"{LB}/pools") == {"pools": []}


def test_a_vip_from_creation_to_deletion(world: World) -> None:
    subnet, pool = world.shared_subnet(), world.v1_pool()
    made = world.vip(pool, subnet, name="vip", description="d", protocol_port="80", connection_limit="100")
    port = world.get("/v2.0/ports")["ports"][0]
    assert port["name"] == f"vip-{made['id']}"
    assert made == {
        "id": made["id"],
        "tenant_id": "blue",
        "name": "vip",
        "description": "d",
        "subnet_id": subnet["id"],
        "address": port["fixed_ips"][0]["ip_address"],
        "port_id": port["id"],
        "protocol_port": 80,
        "protocol": "HTTP",
        "pool_id": pool["id"],
        "session_persistence": None,
        "connection_limit": 100,
        "admin_state_up": True,
        "status": "PENDING_CREATE",
        "status_description": None,
    }
    path = f"{LB}/vips/{made['id']}"
    assert world.get(f"{LB}/pools/{pool['id']}", user=MEMBER)["pool"]["vip_id"] == made["id"]
    world.settle()
    ready = {**made, "status": "ACTIVE"}
    assert world.get(path, user=MEMBER) == {"vip": ready}
    assert world.get(f"{LB}/vips", user=MEMBER) == {"vips": [ready]}
    body: dict[str, Any] = {"vip": {"name": "v", "connection_limit": -1, "admin_state_up": "False"}}
    changed = world.call("PUT", path, body, user=MEMBER, expect=200)["vip"]
    expected = {"name": "v", "connection_limit": -1, "admin_state_up": False, "status": "PENDING_UPDATE"}
    assert changed == {**made, **expected}
    world.settle()
    assert world.get(path, user=MEMBER)["vip"]["status"] == "ACTIVE"
    world.call("DELETE", path, user=MEMBER, expect=204)
    assert world.v1_error("GET", path, expect=404) == ("VipNotFound", f"Vip {made['id']} not found.")
    assert world.v1_error("DELETE", path, expect=404)[0] == "VipNotFound"
    assert world.get(f"{LB}/vips") == {"vips": []}
    assert world.v1_error("PUT", path, {"vip": {}}, expect=409)[0] == "StateInvalid"
    world.settle()
    assert world.v1_error("PUT", path, {"vip": {}}, expect=404)[0] == "VipNotFound"
    shown = world.get(f"{LB}/pools/{pool['id']}", user=MEMBER)["pool"]
    assert (shown["vip_id"], shown["status"]) == (None, "ACTIVE")


@pytest.mark.parametrize(("protocol", "headers"), [("HTTP", {"X-Forwarded-For": "true"}), ("TCP", {}), ("HTTPS", {})])
def test_members_of_a_vip_learn_who_asked_where_http_is_spoken(
    world: World, protocol: str, headers: dict[str, str]
) -> None:
    vip = world.vip(world.v1_pool(protocol=protocol), world.shared_subnet(), protocol=protocol)
    listener = world.get(f"/v2.0/lbaas/listeners/{vip['id']}")["listener"]
    assert listener["insert_headers"] == headers


def test_a_vip_at_an_address_of_choice(world: World) -> None:
    subnet = world.shared_subnet()
    assert world.vip(world.v1_pool(), subnet, address="10.1.0.77")["address"] == "10.1.0.77"
    assert world.vip(world.v1_pool(), subnet, address=None)["address"] == "10.1.0.2"


def test_the_address_of_a_vip_that_was_deleted_a_moment_ago(world: World) -> None:
    """The host has to let go of it first, which the caller need not know."""
    subnet, pool = world.shared_subnet(), world.v1_pool()
    vip = world.vip(pool, subnet, address="10.1.0.77")
    world.settle()
    body = {"pool_id": pool["id"], "subnet_id": subnet["id"], "protocol": "HTTP", "protocol_port": 80}
    body["address"] = vip["address"]
    path = f"{LB}/vips"
    world.call("DELETE", f"{path}/{vip['id']}", user=MEMBER, expect=204)
    assert world.v1_error("POST", path, {"vip": body}, user=MEMBER, expect=409)[0] == "IpAddressInUse"
    assert 1.5 < sum(world.pauses.seconds) < 2.5
    world.pauses.seconds.clear()
    world.pauses.meanwhile = world.settle
    assert world.call("POST", path, {"vip": body}, user=MEMBER, expect=201)["vip"]["address"] == vip["address"]
    assert len(world.pauses.seconds) == 1


def test_nobody_waits_for_an_address_that_is_in_use(world: World) -> None:
    subnet, pool = world.shared_subnet(), world.v1_pool()
    world.vip(world.v1_pool(), subnet, address="10.1.0.77")
    port = {"network_id": subnet["network_id"], "fixed_ips": [{"ip_address": "10.1.0.78"}]}
    world.post("/v2.0/ports", {"port": port})
    body = {"pool_id": pool["id"], "subnet_id": subnet["id"], "protocol": "HTTP", "protocol_port": 80}
    for address in ("10.1.0.77", "10.1.0.78"):
        taken = {"vip": {**body, "address": address}}
        assert world.v1_error("POST", f"{LB}/vips", taken, user=MEMBER, expect=409)[0] == "IpAddressInUse"
    assert world.pauses.seconds == []


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({}, None),
        (None, None),
        ({"type": "SOURCE_IP"}, {"type": "SOURCE_IP"}),
        ({"type": "HTTP_COOKIE", "cookie_name": None}, {"type": "HTTP_COOKIE"}),
        ({"type": "APP_COOKIE", "cookie_name": "sid"}, {"type": "APP_COOKIE", "cookie_name": "sid"}),
    ],
)
def test_session_persistence(world: World, wanted: Any, shown: Any) -> None:
    vip = world.vip(world.v1_pool(), world.shared_subnet(), session_persistence=wanted)
    assert vip["session_persistence"] == shown
    path = f"{LB}/vips/{vip['id']}"
    body: dict[str, Any] = {"vip": {"session_persistence": {"type": "SOURCE_IP"}}}
    assert world.call("PUT", path, body, expect=200)["vip"]["session_persistence"] == {"type": "SOURCE_IP"}
    body = {"vip": {"session_persistence": wanted}}
    assert world.call("PUT", path, body, expect=200)["vip"]["session_persistence"] == shown
    assert world.call("PUT", path, {"vip": {"name": "x"}}, expect=200)["vip"]["session_persistence"] == shown


def test_session_persistence_goes_where_the_vip_goes(world: World) -> None:
    first, second = world.v1_pool(), world.v1_pool()
    vip = world.vip(first, world.shared_subnet(), session_persistence={"type": "HTTP_COOKIE"})
    path = f"{LB}/vips/{vip['id']}"
    moved = world.call("PUT", path, {"vip": {"pool_id": second["id"]}}, user=MEMBER, expect=200)["vip"]
    assert (moved["pool_id"], moved["session_persistence"]) == (second["id"], {"type": "HTTP_COOKIE"})
    pools = {each["id"]: each["vip_id"] for each in world.get(f"{LB}/pools")["pools"]}
    assert pools == {first["id"]: None, second["id"]: vip["id"]}


def test_a_member_from_creation_to_deletion(world: World) -> None:
    pool, other = world.v1_pool(), world.v1_pool()
    made = world.v1_member(pool, "10.9.0.1", protocol_port="80")
    assert made == {
        "id": made["id"],
        "tenant_id": "blue",
        "pool_id": pool["id"],
        "address": "10.9.0.1",
        "protocol_port": 80,
        "weight": 1,
        "admin_state_up": True,
        "status": "ACTIVE",
        "status_description": None,
    }
    path = f"{LB}/members/{made['id']}"
    assert world.get(path, user=MEMBER) == {"member": made}
    assert world.get(f"{LB}/pools/{pool['id']}")["pool"]["members"] == [made["id"]]
    body: dict[str, Any] = {"member": {"weight": "0", "admin_state_up": False, "pool_id": other["id"]}}
    changed = world.call("PUT", path, body, user=MEMBER, expect=200)["member"]
    assert changed == {**made, "weight": 0, "admin_state_up": False, "pool_id": other["id"]}
    assert world.get(f"{LB}/members") == {"members": [changed]}
    world.call("DELETE", path, user=MEMBER, expect=204)
    assert world.v1_error("GET", path, expect=404) == ("MemberNotFound", f"Member {made['id']} not found.")
    assert world.get(f"{LB}/pools/{other['id']}")["pool"]["members"] == []


def test_a_health_monitor_from_creation_to_deletion(world: World) -> None:
    made = world.v1_monitor(delay="5", timeout="5", expected_codes="200, 202")
    assert made == {
        "id": made["id"],
        "tenant_id": "blue",
        "type": "HTTP",
        "delay": 5,
        "timeout": 5,
        "max_retries": 3,
        "http_method": "GET",
        "url_path": "/",
        "expected_codes": "200, 202",
        "admin_state_up": True,
        "pools": [],
    }
    path = f"{LB}/health_monitors/{made['id']}"
    assert world.get(path, user=MEMBER) == {"health_monitor": made}
    body: dict[str, Any] = {"health_monitor": {"url_path": "/up", "http_method": "HEAD", "max_retries": 1}}
    changed = world.call("PUT", path, body, user=MEMBER, expect=200)["health_monitor"]
    assert changed == {**made, "url_path": "/up", "http_method": "HEAD", "max_retries": 1}
    assert world.get(f"{LB}/health_monitors", user=MEMBER) == {"health_monitors": [changed]}
    world.call("DELETE", path, user=MEMBER, expect=204)
    assert world.v1_error("GET", path, expect=404)[0] == "HealthMonitorNotFound"


@pytest.mark.parametrize("kind", ["PING", "TCP"])
def test_http_attributes_where_no_http_is_spoken(world: World, kind: str) -> None:
    """Clients send the defaults with every type; anything else would be ignored."""
    defaults = {"http_method": "GET", "url_path": "/", "expected_codes": "200"}
    made = world.v1_monitor(type=kind, **defaults)
    assert made.keys().isdisjoint(defaults)
    path = f"{LB}/health_monitors/{made['id']}"
    world.call("PUT", path, {"health_monitor": defaults}, expect=200)
    for name, value in (("http_method", "HEAD"), ("url_path", "/x"), ("expected_codes", "201")):
        good = {"type": kind, "delay": 5, "timeout": 3, "max_retries": 3}
        for method, where, body in (("POST", f"{LB}/health_monitors", good), ("PUT", path, {})):
            _, message = world.v1_error(method, where, {"health_monitor": {**body, name: value}}, expect=400)
            assert message == f"{name}: Not allowed with a {kind} monitor."


def test_a_timeout_of_0_is_one_until_the_next_check(world: World) -> None:
    assert world.v1_monitor(timeout=0)["timeout"] == 0


def test_the_association_of_pools_with_health_monitors(world: World) -> None:
    pool, first, second = world.v1_pool(), world.v1_monitor(), world.v1_monitor(type="TCP")
    assert world.associate(pool, first) == {"health_monitor": {}}
    path = f"{LB}/pools/{pool['id']}/health_monitors"
    many = {"health_monitors": [{"id": second["id"]}]}
    assert world.call("POST", path, many, user=MEMBER, expect=201) == {"health_monitors": [{}]}
    shown = world.get(f"{LB}/pools/{pool['id']}")["pool"]
    assert shown["health_monitors"] == [first["id"], second["id"]]
    assert shown["health_monitors_status"] == [
        {"monitor_id": first["id"], "status": "ACTIVE", "status_description": None},
        {"monitor_id": second["id"], "status": "ACTIVE", "status_description": None},
    ]
    assert world.get(f"{LB}/health_monitors/{first['id']}")["health_monitor"]["pools"] == [
        {"pool_id": pool["id"], "status": "ACTIVE", "status_description": None}
    ]
    listed = [{"id": first["id"], "tenant_id": "blue"}, {"id": second["id"], "tenant_id": "blue"}]
    assert world.get(path, user=MEMBER) == {"health_monitors": listed}
    assert world.get(path, query_string="fields=id") == {"health_monitors": [{"id": each["id"]} for each in listed]}
    assert world.get(f"{path}/{first['id']}", user=MEMBER) == {"health_monitor": listed[0]}
    world.call("DELETE", f"{path}/{first['id']}", user=MEMBER, expect=204)
    error = world.v1_error("GET", f"{path}/{first['id']}", expect=404)
    assert error[0] == "PoolMonitorAssociationNotFound"
    assert world.v1_error("DELETE", f"{path}/{first['id']}", expect=404) == error
    assert world.get(f"{LB}/pools/{pool['id']}")["pool"]["health_monitors"] == [second["id"]]


def test_a_batch_of_associations_is_made_whole_or_not_at_all(world: World) -> None:
    pool, monitor = world.v1_pool(), world.v1_monitor()
    path = f"{LB}/pools/{pool['id']}/health_monitors"
    for bodies, status in (
        ([{"id": monitor["id"]}, {"id": NOWHERE}], 404),
        ([{"id": monitor["id"]}, {"id": monitor["id"]}], 409),
        ([{"id": monitor["id"]}, {}], 400),
        ([], 400),
        ({"id": monitor["id"]}, 400),
        (["x"], 400),
    ):
        world.v1_error("POST", path, {"health_monitors": bodies}, user=MEMBER, expect=status)
    assert world.get(path) == {"health_monitors": []}


def test_a_pool_that_is_made_and_changed_with_its_health_monitors(world: World) -> None:
    """The original accepted the list, and ignored it."""
    first, second = world.v1_monitor(), world.v1_monitor()
    pool = world.v1_pool(health_monitors=[first["id"]])
    assert pool["health_monitors"] == [first["id"]]
    path = f"{LB}/pools/{pool['id']}"
    for wanted in ([second["id"], first["id"]], [second["id"]], []):
        body: dict[str, Any] = {"pool": {"health_monitors": wanted}}
        changed = world.call("PUT", path, body, user=MEMBER, expect=200)["pool"]
        assert sorted(changed["health_monitors"]) == sorted(wanted)
    assert world.call("PUT", path, {"pool": {"name": "x"}}, expect=200)["pool"]["health_monitors"] == []


def report(world: World, outcome: Outcome, reason: str) -> None:
    for identifier, generation in world.gateway.assignments("host-1").items():
        world.gateway.report(
            "host-1",
            Report(
                load_balancer_id=identifier,
                generation=generation,
                outcome=outcome,
                change=Change.RELOAD,
                reason=reason,
            ),
        )


def test_a_status_is_the_worst_of_what_it_is_made_of_and_says_why(world: World) -> None:
    pool = world.v1_pool()
    monitor = world.v1_monitor()
    world.associate(pool, monitor)
    member = world.v1_member(pool)
    vip = world.vip(pool, world.shared_subnet())
    paths = [f"{LB}/vips/{vip['id']}", f"{LB}/pools/{pool['id']}", f"{LB}/members/{member['id']}"]

    def statuses() -> list[tuple[str, str | None]]:
        shown = [next(iter(world.get(path, user=MEMBER).values())) for path in paths]
        shown += shown[1]["health_monitors_status"]
        shown += world.get(f"{LB}/health_monitors/{monitor['id']}")["health_monitor"]["pools"]
        return [(each["status"], each["status_description"]) for each in shown]

    assert statuses() == [("PENDING_CREATE", None), *[("PENDING_UPDATE", None)] * 4]
    report(world, Outcome.GIVE_UP, "the bridge br-lan of the network physnet1 does not exist")
    told = "Its host has no connection to the VIP's network at present."
    assert statuses() == [("ERROR", told)] * 5
    world.settle()
    assert statuses() == [("ACTIVE", None)] * 5


def test_a_member_that_the_monitor_finds_down_is_inactive(world: World) -> None:
    pool = world.v1_pool()
    world.associate(pool, world.v1_monitor())
    member = world.v1_member(pool)
    world.vip(pool, world.shared_subnet())
    world.settle()
    path = f"{LB}/members/{member['id']}"
    (balancer,) = world.gateway.assignments("host-1")
    why = "no connection: Connection refused (L4CON)"
    for seen, status, reasons in (
        (OperatingStatus.ERROR, "INACTIVE", {member["id"]: why}),
        (OperatingStatus.ONLINE, "ACTIVE", {}),
    ):
        health = Health(load_balancer_id=balancer, statuses={member["id"]: seen}, statistics={}, reasons=reasons)
        world.gateway.health("host-1", [health])
        shown = world.get(path)["member"]
        assert (shown["status"], shown["status_description"]) == (status, reasons.get(member["id"]))


def test_statistics(world: World) -> None:
    pool = world.v1_pool()
    path = f"{LB}/pools/{pool['id']}/stats"
    none = {"bytes_in": 0, "bytes_out": 0, "active_connections": 0, "total_connections": 0}
    assert world.get(path, user=MEMBER) == {"stats": none}
    assert world.get(path, query_string="fields=bytes_in") == {"stats": {"bytes_in": 0}}
    assert world.v1_error("GET", f"{LB}/pools/{NOWHERE}/stats", expect=404)[0] == "PoolNotFound"


def test_both_prefixes_and_the_old_suffix(world: World) -> None:
    pool = world.v1_pool()
    for path in ("/v2/lb/pools", "/v2/lb/pools.json", "/v2.0/lb/pools.json", f"{LB}/pools/"):
        assert world.get(path)["pools"] == [pool]
    assert world.get(f"/v2/lb/pools/{pool['id']}.json")["pool"] == pool


def test_attributes_of_choice(world: World) -> None:
    pool = world.v1_pool(name="p")
    wanted = {"query_string": "fields=id&fields=name&fields=cheese"}
    assert world.get(f"{LB}/pools/{pool['id']}", **wanted) == {"pool": {"id": pool["id"], "name": "p"}}
    assert world.get(f"{LB}/pools", **wanted) == {"pools": [{"id": pool["id"], "name": "p"}]}
