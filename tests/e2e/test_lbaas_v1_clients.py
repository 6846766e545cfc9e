"""LBaaS v1 as its users had it: the commands of 2014's walkthroughs, with traffic; and users with passwords."""

from collections.abc import Iterator
from typing import Any

import bcrypt
import pytest
from demo.lab import Lab
from demo.service import Service
from tests.e2e import v1_clients
from tests.e2e.building import CIDR, connect
from tests.e2e.v1_clients import Neutron, show
from tests.e2e.world import BACKEND_PORT, World

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def neutron(world: World) -> Iterator[Neutron]:
    yield Neutron(world.service.url)
    v1_clients.clear(world)


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
    [balancer] = [item["id"] for item in world.lbaas("GET", "loadbalancers").body["loadbalancers"]]

    def read() -> dict[str, int]:
        return show(world, f"pools/{pool['id']}/stats")

    def settled() -> dict[str, int] | None:
        now = read()
        return now if now["total_connections"] == world.connections(balancer, vip["id"]) else None

    before = world.wait(settled, "all connections in the statistics")
    world.client.spread(vip["address"], requests=10)
    world.wait(lambda: read()["total_connections"] == before["total_connections"] + 10, "10 connections more")
    stats = neutron.read("lb-pool-stats mypool")
    assert set(stats) == {"bytes_in", "bytes_out", "active_connections", "total_connections"}
    assert stats["total_connections"] == before["total_connections"] + 10
    assert before["bytes_in"] > 0
    assert before["bytes_out"] > 0
    # Bytes count when the connection has ended, which may be after the answer was read.
    world.wait(lambda: read()["active_connections"] == 0, "no active connection")
    world.wait(lambda: all(read()[field] > before[field] for field in ("bytes_in", "bytes_out")), "more bytes")


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
    world.wait(lambda: world.client.spread(vip["address"], requests=8) == {"web1": 6, "web2": 2}, "3 to 1")
    neutron.say(f"lb-member-update {second['id']} --admin-state-up False")
    world.wait(lambda: set(world.client.spread(vip["address"], requests=4)) == {"web1"}, "web1 alone")
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
    world.wait(lambda: len(world.client.spread(vip["address"], requests=6)) == 1, "one back end alone")
    shown = neutron.read("lb-vip-show myvip")
    assert (shown["connection_limit"], shown["session_persistence"]) == (100, {"type": "SOURCE_IP"})
    neutron.say_all(
        "lb-vip-update myvip --session-persistence action=clear",
        "lb-pool-update mypool --lb-method LEAST_CONNECTIONS",
    )
    world.wait(lambda: len(world.client.spread(vip["address"], requests=8)) == 2, "both back ends")
    assert show(world, f"vips/{vip['id']}")["session_persistence"] is None
    assert show(world, f"pools/{vip['pool_id']}")["lb_method"] == "LEAST_CONNECTIONS"
    neutron.say("lb-vip-update myvip --admin-state-up False")
    world.wait(lambda: not world.reaches(vip["address"]), "silent")
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
    world.wait(lambda: not world.reaches(vip["address"]), "silent")
    world.wait(lambda: world.ask("GET", f"/v2.0/ports/{vip['port_id']}").status == 404, "the port gone")
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
    v1_clients.wait_host_empty(world)


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


def test_each_tenant_has_its_own() -> None:
    """Through both clients' http_basic, with a service of its own; no load balancer is built."""
    lines = {"ada": "project-a:member", "bea": "project-b:member", "root": "ops:admin"}
    with Lab() as lab:
        users = lab.directory / "htpasswd"
        users.touch(mode=0o600)
        for user, line in lines.items():
            word = bcrypt.hashpw(f"{user}'s word".encode(), bcrypt.gensalt(4)).decode()
            users.write_text(f"{users.read_text()}{user}:{word}:{line}\n")
        sections = {"api": {"auth_strategy": "http_basic", "http_basic_auth_user_file": str(users)}}
        service = Service(lab, sections=sections)
        service.start()
        cloud = connect(service.url, username="root", password="root's word")
        network = cloud.network.create_network(name="net", is_shared=True)
        subnet = cloud.network.create_subnet(name="sub", network_id=network.id, ip_version=4, cidr=CIDR)
        _ask_as_tenants(service.url, subnet.id)


def _ask_as_tenants(url: str, subnet_id: str) -> None:
    made = "lb-pool-create --lb-method ROUND_ROBIN --protocol TCP --subnet-id sub --name mine"
    mine = Neutron(url, "ada", "ada's word").read(made)
    assert mine["tenant_id"] == "project-a"
    assert Neutron(url, "ada", "a guess").refused("lb-pool-list")
    body = {"name": "yours", "lb_method": "ROUND_ROBIN", "protocol": "TCP", "subnet_id": subnet_id}
    with v1_clients.bindings(url, "bea", "bea's word") as bea:
        assert bea.call("list_pools") == {"pools": []}
        member = {"pool_id": mine["id"], "address": "10.88.0.11", "protocol_port": 1}
        for method, arguments in (
            ("show_pool", (mine["id"],)),
            ("update_pool", (mine["id"], {"pool": {"name": "yours"}})),
            ("delete_pool", (mine["id"],)),
            ("retrieve_pool_stats", (mine["id"],)),
            ("create_member", ({"member": member},)),
        ):
            assert bea.refused(method, *arguments).status == 404, method
        assert bea.refused("get_lbaas_agent_hosting_pool", mine["id"]).status in (403, 404)
        assert bea.refused("create_pool", {"pool": {**body, "tenant_id": "project-a"}}).status == 400
        yours = bea.call("create_pool", {"pool": body})["pool"]
        assert bea.refused("get_lbaas_agent_hosting_pool", yours["id"]).status == 403  # for administrators
        assert "default" in bea.call("list_service_providers")["service_providers"][0]
    with v1_clients.bindings(url, "root", "root's word") as root:
        listed = root.call("list_pools")["pools"]
        assert {item["id"]: item["tenant_id"] for item in listed} == {
            mine["id"]: "project-a",
            yours["id"]: "project-b",
        }
        assert [item["id"] for item in root.call("list_pools", tenant_id="project-b")["pools"]] == [yours["id"]]
        agent = root.call("get_lbaas_agent_hosting_pool", yours["id"])["agent"]
        assert len(root.call("list_pools_on_lbaas_agent", agent["id"])["pools"]) == 2
        given = root.call("create_pool", {"pool": {**body, "tenant_id": "project-a"}})["pool"]
        assert given["tenant_id"] == "project-a"


def _wait_status(world: World, path: str, status: str) -> None:
    world.wait(lambda: show(world, path)["status"] == status, f"{path} {status}")
