"""LBaaS v1 as its users have it: the commands of 2014's walkthroughs and neutronclient's bindings, with traffic."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from demo.lab import bridge_ports
from tests.e2e import v1_clients
from tests.e2e.v1_clients import Bindings, Neutron, show
from tests.e2e.world import BACKEND_PORT, World

GENEROUS = 5.0
UNKNOWN = "11111111-2222-4333-8444-555555555555"
ALL_CALLS = {
    *(f"{verb}_{noun}" for noun in ("vip", "pool", "member", "health_monitor") for verb in ("create", "show")),
    *(f"{verb}_{noun}" for noun in ("vip", "pool", "member", "health_monitor") for verb in ("update", "delete")),
    *("list_vips", "list_pools", "list_members", "list_health_monitors"),
    *("associate_health_monitor", "disassociate_health_monitor", "retrieve_pool_stats"),
    *("list_service_providers", "get_lbaas_agent_hosting_pool", "list_pools_on_lbaas_agent"),
}


@pytest.fixture
def neutron(world: World) -> Iterator[Neutron]:
    yield Neutron(world.service.url)
    v1_clients.clear(world)


@pytest.fixture
def bindings(world: World) -> Iterator[Bindings]:
    with v1_clients.bindings(world.service.url) as calls:
        yield calls
    v1_clients.clear(world)


# The neutron command


def test_the_walkthrough_of_2014(world: World, neutron: Neutron) -> None:
    printed = neutron.say("lb-pool-create --lb-method ROUND_ROBIN --name mypool --protocol HTTP --subnet-id sub")
    assert "Created a new pool:" in printed
    first, second, monitor = neutron.read_all(
        f"lb-member-create --address 10.88.0.11 --protocol-port {BACKEND_PORT} mypool",
        f"lb-member-create --address 10.88.0.12 --protocol-port {BACKEND_PORT} mypool",
        "lb-healthmonitor-create --delay 3 --type HTTP --max-retries 3 --timeout 3",
    )
    printed = neutron.say(f"lb-healthmonitor-associate {monitor['id']} mypool")
    assert printed.strip() == f"Associated health monitor {monitor['id']}"
    vip = neutron.read("lb-vip-create --name myvip --protocol-port 80 --protocol HTTP --subnet-id sub mypool")
    world.wait_answer(vip["address"])
    assert set(world.client.spread(vip["address"], requests=8)) == {"web1", "web2"}

    pool = neutron.read("lb-pool-show mypool")
    _check_shapes(world, pool, first, second, monitor, vip)
    _check_statistics(world, neutron, pool, vip)
    _check_agent(world, neutron, pool)
    _change_members(world, neutron, vip, first, second)
    _let_a_member_fail(world, neutron, vip, second, monitor)
    _change_the_vip(world, neutron, vip)
    _take_away(world, neutron, pool, vip, first, second, monitor)


def _check_shapes(
    world: World,
    pool: dict[str, Any],
    first: dict[str, Any],
    second: dict[str, Any],
    monitor: dict[str, Any],
    vip: dict[str, Any],
) -> None:
    """What the create commands printed, and the pool as it is with everything around it."""
    assert (pool["name"], pool["lb_method"], pool["protocol"]) == ("mypool", "ROUND_ROBIN", "HTTP")
    assert (pool["subnet_id"], pool["vip_id"], pool["admin_state_up"]) == (world.subnet_id, vip["id"], True)
    assert set(pool["members"]) == {first["id"], second["id"]}
    assert pool["health_monitors"] == [monitor["id"]]
    assert [item["monitor_id"] for item in pool["health_monitors_status"]] == [monitor["id"]]
    assert pool["provider"]
    for member, address in ((first, "10.88.0.11"), (second, "10.88.0.12")):
        assert (member["address"], member["protocol_port"], member["weight"]) == (address, BACKEND_PORT, 1)
        assert member["pool_id"] == pool["id"]
    assert (monitor["type"], monitor["delay"], monitor["timeout"], monitor["max_retries"]) == ("HTTP", 3, 3, 3)
    assert (monitor["http_method"], monitor["url_path"], monitor["expected_codes"]) == ("GET", "/", "200")
    assert [item["pool_id"] for item in show(world, f"health_monitors/{monitor['id']}")["pools"]] == [pool["id"]]
    assert (vip["pool_id"], vip["subnet_id"], vip["protocol_port"]) == (pool["id"], world.subnet_id, 80)
    assert (vip["connection_limit"], vip["session_persistence"], vip["admin_state_up"]) == (-1, None, True)
    port = world.ask("GET", f"/v2.0/ports/{vip['port_id']}").body["port"]
    assert [fixed["ip_address"] for fixed in port["fixed_ips"]] == [vip["address"]]
    for path in (f"pools/{pool['id']}", f"vips/{vip['id']}", f"members/{first['id']}", f"members/{second['id']}"):
        _wait_status(world, path, "ACTIVE")
    assert [item["status"] for item in show(world, f"pools/{pool['id']}")["health_monitors_status"]] == ["ACTIVE"]


def _check_statistics(world: World, neutron: Neutron, pool: dict[str, Any], vip: dict[str, Any]) -> None:
    def read() -> dict[str, int]:
        return show(world, f"pools/{pool['id']}/stats")

    def settled() -> dict[str, int] | None:
        former = read()
        time.sleep(1.5)
        return former if former == read() and former["total_connections"] else None

    before = world.wait(settled, 10, "statistics that stand still")
    world.client.spread(vip["address"], requests=10)
    world.wait(lambda: read()["total_connections"] == before["total_connections"] + 10, GENEROUS, "10 connections more")
    stats = neutron.read("lb-pool-stats mypool")
    assert set(stats) == {"bytes_in", "bytes_out", "active_connections", "total_connections"}
    assert stats["total_connections"] == before["total_connections"] + 10
    assert stats["active_connections"] == 0
    assert stats["bytes_in"] > before["bytes_in"] > 0
    assert stats["bytes_out"] > before["bytes_out"] > 0


def _check_agent(world: World, neutron: Neutron, pool: dict[str, Any]) -> None:
    hosting, agents, providers = neutron.read_all("lb-agent-hosting-pool mypool", "agent-list", "service-provider-list")
    (agent,) = hosting
    assert (agent["host"], agent["admin_state_up"], agent["alive"]) == (world.lab.bridge, True, ":-)")
    assert {item["id"]: item["agent_type"] for item in agents}[agent["id"]] == "Loadbalancer agent"
    default = [item["name"] for item in providers if item["service_type"] == "LOADBALANCER" and item["default"]]
    assert default == [pool["provider"]]
    pools = neutron.read(f"lb-pool-list-on-agent {agent['id']}")
    assert [(item["id"], item["name"]) for item in pools] == [(pool["id"], "mypool")]


def _change_members(
    world: World, neutron: Neutron, vip: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    printed = neutron.say(f"lb-member-update {first['id']} --weight 3")
    assert printed.strip() == f"Updated member: {first['id']}"
    world.wait(lambda: world.client.spread(vip["address"], requests=8) == {"web1": 6, "web2": 2}, GENEROUS, "3 to 1")
    neutron.say(f"lb-member-update {second['id']} --admin-state-up False")
    world.wait(lambda: set(world.client.spread(vip["address"], requests=4)) == {"web1"}, GENEROUS, "web1 alone")
    assert neutron.read(f"lb-member-show {second['id']}")["admin_state_up"] is False
    neutron.say(f"lb-member-update {second['id']} --admin-state-up True")
    world.wait_answer(vip["address"], backend="web2")


def _let_a_member_fail(
    world: World, neutron: Neutron, vip: dict[str, Any], second: dict[str, Any], monitor: dict[str, Any]
) -> None:
    neutron.say(f"lb-healthmonitor-update {monitor['id']} --delay 1 --timeout 1 --max-retries 1")
    world.stop_backend("web2")
    try:
        _wait_status(world, f"members/{second['id']}", "INACTIVE")
        listed = {item["address"]: item["status"] for item in neutron.read("lb-member-list")}
        assert listed == {"10.88.0.11": "ACTIVE", "10.88.0.12": "INACTIVE"}
        assert set(world.client.spread(vip["address"], requests=4)) == {"web1"}
    finally:
        world.start_backend("web2")
    _wait_status(world, f"members/{second['id']}", "ACTIVE")
    world.wait_answer(vip["address"], backend="web2")


def _change_the_vip(world: World, neutron: Neutron, vip: dict[str, Any]) -> None:
    neutron.say("lb-vip-update myvip --connection-limit 100 --session-persistence type=dict type=SOURCE_IP")
    world.wait(lambda: len(world.client.spread(vip["address"], requests=6)) == 1, GENEROUS, "one back end alone")
    shown = neutron.read("lb-vip-show myvip")
    assert (shown["connection_limit"], shown["session_persistence"]) == (100, {"type": "SOURCE_IP"})
    neutron.say_all(
        "lb-vip-update myvip --session-persistence action=clear",
        "lb-pool-update mypool --lb-method LEAST_CONNECTIONS",
    )
    world.wait(lambda: len(world.client.spread(vip["address"], requests=8)) == 2, GENEROUS, "both back ends")
    assert show(world, f"vips/{vip['id']}")["session_persistence"] is None
    assert show(world, f"pools/{vip['pool_id']}")["lb_method"] == "LEAST_CONNECTIONS"
    neutron.say("lb-vip-update myvip --admin-state-up False")
    world.wait(lambda: not world.reaches(vip["address"]), GENEROUS, "silent")
    neutron.say("lb-vip-update myvip --admin-state-up True --name yourvip")
    world.wait_answer(vip["address"])


def _take_away(
    world: World,
    neutron: Neutron,
    pool: dict[str, Any],
    vip: dict[str, Any],
    first: dict[str, Any],
    second: dict[str, Any],
    monitor: dict[str, Any],
) -> None:
    assert pool["id"] in neutron.refused("lb-pool-delete mypool")  # in use
    assert monitor["id"] in neutron.refused(f"lb-healthmonitor-delete {monitor['id']}")
    assert "Unable to find vip(s)" in neutron.refused("lb-vip-delete myvip")  # it has another name now
    printed = neutron.say_all(f"lb-healthmonitor-disassociate {monitor['id']} mypool", "lb-vip-delete yourvip")
    assert f"Disassociated health monitor {monitor['id']}" in printed
    assert "Deleted vip(s): yourvip" in printed
    world.wait(lambda: not world.reaches(vip["address"]), GENEROUS, "silent")
    world.wait(lambda: world.ask("GET", f"/v2.0/ports/{vip['port_id']}").status == 404, GENEROUS, "the port gone")
    shown = neutron.read("lb-pool-show mypool")  # lives on without a VIP
    assert (shown["vip_id"], shown["health_monitors"]) == (None, [])
    assert set(shown["members"]) == {first["id"], second["id"]}
    neutron.say_all(
        f"lb-member-delete {first['id']} {second['id']}",
        f"lb-healthmonitor-delete {monitor['id']}",
        "lb-pool-delete mypool",
    )
    left = neutron.read_all("lb-vip-list", "lb-pool-list", "lb-member-list", "lb-healthmonitor-list")
    assert left == [[], [], [], []]
    _wait_host_empty(world)


def test_the_commands_refuse_in_words(world: World, neutron: Neutron) -> None:
    pool = "lb-pool-create --lb-method SOURCE_IP --protocol HTTP --name"
    one = neutron.read(f"{pool} one --subnet-id sub --description 'a b'")
    _two, member = neutron.read_all(
        "lb-pool-create --lb-method ROUND_ROBIN --name two --protocol TCP --subnet-id sub --admin-state-down",
        f"lb-member-create --address 10.88.0.11 --protocol-port {BACKEND_PORT} --weight 5 one",
    )
    assert one["description"] == "a b"
    assert "nosuch" in neutron.refused(f"{pool} x --subnet-id nosuch")
    vip = "lb-vip-create --protocol HTTP --subnet-id sub --name"
    neutron.say(f"{vip} v --protocol-port 8000 one --session-persistence type=dict type=HTTP_COOKIE")
    assert one["id"] in neutron.refused(f"{vip} w --protocol-port 8000 one")
    assert "protocol" in neutron.refused(f"{vip} w --protocol-port 8000 two").lower()
    refused = neutron.refused("lb-vip-update v --session-persistence type=dict type=APP_COOKIE")
    assert "cookie_name" in refused
    assert UNKNOWN in neutron.refused(f"lb-healthmonitor-associate {UNKNOWN} one")
    assert "anything" in neutron.refused("lb-member-delete anything")  # a member has no name to be found by
    assert [item["id"] for item in neutron.read("lb-member-list --pool-id " + one["id"])] == [member["id"]]


# The bindings


def test_all_calls_of_the_bindings(world: World, bindings: Bindings) -> None:
    made = _make(world, bindings)
    vip, pool = made["vip"], made["pool"]
    world.wait_answer(vip["address"], 8080)
    assert set(world.client.spread(vip["address"], 8080, requests=8)) == {"web1", "web2"}
    for noun in ("vip", "pool", "member", "health_monitor"):
        _look_and_change(bindings, noun, made[noun])
    _list(bindings, pool)

    agent = bindings.call("get_lbaas_agent_hosting_pool", pool["id"])["agent"]
    assert (agent["agent_type"], agent["host"], agent["alive"]) == ("Loadbalancer agent", world.lab.bridge, True)
    on_agent = bindings.call("list_pools_on_lbaas_agent", agent["id"])["pools"]
    assert {item["id"] for item in on_agent} == {pool["id"], made["other"]["id"]}
    providers = bindings.call("list_service_providers")["service_providers"]
    assert {"service_type": "LOADBALANCER", "name": pool["provider"], "default": True} in providers
    world.wait(
        lambda: bindings.call("retrieve_pool_stats", pool["id"])["stats"]["total_connections"] >= 9,
        GENEROUS,
        "statistics",
    )
    assert not any(bindings.call("retrieve_pool_stats", made["other"]["id"])["stats"].values())

    bindings.call("disassociate_health_monitor", pool["id"], made["health_monitor"]["id"])
    assert bindings.call("show_pool", pool["id"])["pool"]["health_monitors"] == []
    bindings.call("delete_vip", vip["id"])
    world.wait(lambda: not world.reaches(vip["address"], 8080), GENEROUS, "silent")
    bindings.call("delete_health_monitor", made["health_monitor"]["id"])
    bindings.call("delete_member", made["member"]["id"])
    bindings.call("delete_pool", pool["id"])  # takes its other member along
    bindings.call("delete_pool", made["other"]["id"])
    for collection in ("vips", "pools", "members", "health_monitors"):
        assert bindings.call(f"list_{collection}") == {collection: []}
    assert bindings.called == ALL_CALLS
    _wait_host_empty(world)


def _make(world: World, bindings: Bindings) -> dict[str, dict[str, Any]]:
    """A pool with two members, a monitor and a VIP, and another pool that stands alone."""
    wish = {"name": "a", "protocol": "HTTP", "lb_method": "ROUND_ROBIN", "subnet_id": world.subnet_id}
    pool = bindings.call("create_pool", {"pool": wish})["pool"]
    other = bindings.call("create_pool", {"pool": {**wish, "name": "b", "lb_method": "SOURCE_IP"}})["pool"]
    members = [
        bindings.call(
            "create_member",
            {"member": {"pool_id": pool["id"], "address": address, "protocol_port": BACKEND_PORT}},
        )["member"]
        for address in ("10.88.0.11", "10.88.0.12")
    ]
    timing = {"delay": 2, "timeout": 1, "max_retries": 2}
    monitor = bindings.call("create_health_monitor", {"health_monitor": {"type": "TCP", **timing}})["health_monitor"]
    assert not {"http_method", "url_path", "expected_codes"} & set(monitor)  # for HTTP and HTTPS alone
    body = {"health_monitor": {"id": monitor["id"]}}
    assert "health_monitor" in bindings.call("associate_health_monitor", pool["id"], body)
    vip_wish: dict[str, Any] = {
        "pool_id": pool["id"],
        "subnet_id": world.subnet_id,
        "protocol": "HTTP",
        "protocol_port": 8080,
        "address": "10.88.0.150",
        "session_persistence": {},
    }
    vip = bindings.call("create_vip", {"vip": vip_wish})["vip"]
    assert (vip["address"], vip["name"], vip["session_persistence"]) == ("10.88.0.150", "", None)
    return {"pool": pool, "other": other, "member": members[0], "health_monitor": monitor, "vip": vip}


def _look_and_change(bindings: Bindings, noun: str, made: dict[str, Any]) -> None:
    """Show, with all and with some fields; change, and see it changed."""
    assert bindings.call(f"show_{noun}", made["id"])[noun]["id"] == made["id"]
    assert bindings.call(f"show_{noun}", made["id"], fields=["id"])[noun] == {"id": made["id"]}
    changes: dict[str, dict[str, Any]] = {
        "vip": {"name": "v", "description": "é 本", "connection_limit": 50},
        "pool": {"description": "p", "lb_method": "LEAST_CONNECTIONS"},
        "member": {"weight": 7},
        "health_monitor": {"delay": 3, "timeout": 2, "max_retries": 4},
    }
    change = changes[noun]
    changed = bindings.call(f"update_{noun}", made["id"], {noun: change})[noun]
    assert {key: changed[key] for key in change} == change
    shown = bindings.call(f"show_{noun}", made["id"])[noun]
    assert {key: shown[key] for key in change} == change
    untouched = set(made) - set(change) - {"status", "status_description", "members", "vip_id", "pools"}
    untouched -= {"health_monitors", "health_monitors_status"}
    assert {key: shown[key] for key in untouched} == {key: made[key] for key in untouched}


def _list(bindings: Bindings, pool: dict[str, Any]) -> None:
    """Filters, fields, order and pages, as the client asks for them."""

    def found(method: str, **filters: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = bindings.call(method, **filters)[method.removeprefix("list_")]
        return listed

    def names(**filters: Any) -> list[str]:
        return [item["name"] for item in found("list_pools", **filters)]

    assert sorted(names()) == ["a", "b"]
    assert found("list_pools", name="a", fields=["id"]) == [{"id": pool["id"]}]
    assert sorted(names(name=["a", "b"])) == ["a", "b"]
    assert names(lb_method="SOURCE_IP", name=["a", "b"]) == ["b"]
    assert names(name="nosuch") == []
    assert names(admin_state_up=False) == []
    assert names(sort_key="name", sort_dir="desc") == ["b", "a"]
    assert names(sort_key="name", sort_dir="asc", limit=1) == ["a", "b"]  # two pages, which the client joins
    assert sorted(names(verbose="True")) == ["a", "b"]
    assert {item["address"] for item in found("list_members", pool_id=pool["id"])} == {"10.88.0.11", "10.88.0.12"}
    assert found("list_members", name="web1") == []  # a member has no name
    assert [item["pool_id"] for item in found("list_vips", protocol_port=8080)] == [pool["id"]]
    assert found("list_vips", address="10.88.0.151") == []
    assert [item["type"] for item in found("list_health_monitors", type=["TCP", "HTTP"])] == ["TCP"]


def test_refusals_become_the_exceptions_that_callers_catch(world: World, bindings: Bindings) -> None:
    made = _make(world, bindings)
    pool, other, monitor = made["pool"]["id"], made["other"]["id"], made["health_monitor"]["id"]
    vip = {"pool_id": other, "subnet_id": world.subnet_id, "protocol": "HTTP", "protocol_port": 80}
    member = {"pool_id": pool, "address": "10.88.0.11", "protocol_port": BACKEND_PORT}
    plain = {"protocol": "HTTP", "lb_method": "ROUND_ROBIN", "subnet_id": world.subnet_id}
    check = {"type": "HTTP", "delay": 3, "timeout": 3, "max_retries": 3}

    def refuse(kind: str, status: int, word: str, method: str, *arguments: Any) -> None:
        refusal = bindings.refused(method, *arguments)
        assert (refusal.status, word in refusal.message) == (status, True), f"{method}{arguments}: {refusal}"
        assert kind in refusal.kinds, f"{method}{arguments}: {refusal}"

    for noun in ("vip", "pool", "member", "health_monitor"):
        refuse("NotFound", 404, UNKNOWN, f"show_{noun}", UNKNOWN)
        refuse("NotFound", 404, UNKNOWN, f"update_{noun}", UNKNOWN, {noun: {"admin_state_up": True}})
        refuse("NotFound", 404, UNKNOWN, f"delete_{noun}", UNKNOWN)
        refuse("BadRequest", 400, "nonsense", f"update_{noun}", made[noun]["id"], {noun: {"nonsense": 1}})
        refuse("BadRequest", 400, "id", f"update_{noun}", made[noun]["id"], {noun: {"id": UNKNOWN}})
    refuse("NotFound", 404, UNKNOWN, "create_member", {"member": {**member, "pool_id": UNKNOWN}})
    refuse("NotFound", 404, UNKNOWN, "create_vip", {"vip": {**vip, "pool_id": UNKNOWN}})
    refuse("NotFound", 404, UNKNOWN, "create_vip", {"vip": {**vip, "subnet_id": UNKNOWN}})
    refuse("NotFound", 404, UNKNOWN, "retrieve_pool_stats", UNKNOWN)
    refuse("NotFound", 404, UNKNOWN, "get_lbaas_agent_hosting_pool", UNKNOWN)
    refuse("NotFound", 404, UNKNOWN, "list_pools_on_lbaas_agent", UNKNOWN)
    refuse("NotFound", 404, UNKNOWN, "associate_health_monitor", pool, {"health_monitor": {"id": UNKNOWN}})
    refuse("NotFound", 404, UNKNOWN, "associate_health_monitor", UNKNOWN, {"health_monitor": {"id": monitor}})
    refuse("NotFound", 404, monitor, "disassociate_health_monitor", other, monitor)

    refuse("Conflict", 409, pool, "create_vip", {"vip": {**vip, "pool_id": pool}})
    refuse("Conflict", 409, "10.88.0.11", "create_member", {"member": member})
    refuse("Conflict", 409, pool, "delete_pool", pool)
    refuse("Conflict", 409, monitor, "delete_health_monitor", monitor)
    refuse("Conflict", 409, monitor, "associate_health_monitor", pool, {"health_monitor": {"id": monitor}})
    refuse("IpAddressInUseClient", 409, "10.88.0.150", "create_vip", {"vip": {**vip, "address": "10.88.0.150"}})

    refuse("InvalidIpForSubnetClient", 400, "10.99.0.1", "create_vip", {"vip": {**vip, "address": "10.99.0.1"}})
    refuse("BadRequest", 400, "TCP", "create_vip", {"vip": {**vip, "protocol": "TCP"}})
    refuse("BadRequest", 400, "protocol_port", "create_vip", {"vip": {**vip, "protocol_port": 65536}})
    cookie = {"type": "APP_COOKIE"}
    refuse("BadRequest", 400, "cookie_name", "create_vip", {"vip": {**vip, "session_persistence": cookie}})
    refuse("BadRequest", 400, "status", "create_vip", {"vip": {**vip, "status": "ACTIVE"}})
    refuse("BadRequest", 400, "lb_method", "create_pool", {"pool": {**plain, "lb_method": "BY_CHANCE"}})
    refuse("BadRequest", 400, "nosuch", "create_pool", {"pool": {**plain, "provider": "nosuch"}})
    refuse("BadRequest", 400, "protocol", "create_pool", {"pool": {"subnet_id": world.subnet_id}})
    refuse("BadRequest", 400, "pools", "create_pool", {"pools": [plain, plain]})  # no bulk creation in v1
    refuse("BadRequest", 400, "weight", "create_member", {"member": {**member, "protocol_port": 1, "weight": 257}})
    refuse("BadRequest", 400, "timeout", "create_health_monitor", {"health_monitor": {**check, "timeout": 4}})
    refuse("BadRequest", 400, "max_retries", "create_health_monitor", {"health_monitor": {**check, "max_retries": 11}})

    assert len(bindings.call("list_pools")["pools"]) == 2
    assert len(bindings.call("list_vips")["vips"]) == 1
    assert len(bindings.call("list_members")["members"]) == 2
    assert len(bindings.call("list_health_monitors")["health_monitors"]) == 1


def _wait_status(world: World, path: str, status: str) -> None:
    world.wait(lambda: show(world, path)["status"] == status, 2 * GENEROUS, f"{path} {status}")


def _wait_host_empty(world: World) -> None:
    """Nothing of any load balancer is left: no state directory, no device on the bridge."""
    states = world.lab.state / "load_balancers"
    machines = {machine.device for machine in world.lab.machines.values()}
    world.wait(
        lambda: not list(states.iterdir()) and set(bridge_ports(world.lab.bridge)) <= machines,
        10,
        "the host without load balancers",
    )
