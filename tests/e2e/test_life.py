"""The whole life of a load balancer through openstacksdk, with traffic through its VIP."""

import socket
import time
from typing import Any

import pytest
from demo.traces import answers_arp, observe_footprint, read_findings, read_haproxy_pids
from demo.traffic import FirstAnswer, Load
from tests.e2e.world import BACKEND_PORT, World, names
from tests.waiting import NET


def test_from_the_first_post_to_the_last_packet(world: World) -> None:
    api = world.cloud.load_balancer
    begun = time.monotonic()
    balancer = api.create_load_balancer(name="life", vip_subnet_id=world.subnet_id, tags=["one", "two"])
    assert balancer.provisioning_status == "PENDING_CREATE"
    assert balancer.vip_address.startswith("10.88.0.1")
    assert balancer.vip_network_id == world.network_id
    first = FirstAnswer(world.client, balancer.vip_address)
    listener = api.create_listener(load_balancer_id=balancer.id, name="web", protocol="HTTP", protocol_port=80)
    pool = api.create_pool(listener_id=listener.id, name="p", protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    api.create_health_monitor(pool_id=pool.id, type="HTTP", delay=1, timeout=1, max_retries=1, max_retries_down=1)
    members = [api.create_member(pool.id, subnet_id=world.subnet_id, **world.member(web)) for web in ("web1", "web2")]
    moment = first.moment()
    assert moment is not None, "no 200 through the VIP"
    world.measure("first POST to first 200, six objects", moment - begun)

    balancer = api.wait_for_load_balancer(balancer.id, interval=0.1, wait=NET)
    assert balancer.provisioning_status == "ACTIVE"
    assert set(balancer.tags) == {"one", "two"}
    assert [item["id"] for item in balancer.listeners] == [listener.id]
    assert [item["id"] for item in balancer.pools] == [pool.id]
    world.wait_status(f"loadbalancers/{balancer.id}", "ONLINE")
    for member in members:
        world.wait_status(f"pools/{pool.id}/members/{member.id}", "ONLINE")
    assert set(world.client.spread(balancer.vip_address, requests=10)) == {"web1", "web2"}

    renamed = api.update_load_balancer(balancer.id, name="renamed", description="still here")
    assert renamed.name == "renamed"
    world.wait_active(balancer.id)
    assert api.find_load_balancer("renamed").id == balancer.id

    footprint = observe_footprint(
        world.lab, balancer.id, balancer.vip_port_id, balancer.vip_address, world.lab.machines["client"]
    )
    assert footprint.answers_arp
    assert set(footprint.processes.values()) == {"haproxy"}
    api.delete_load_balancer(balancer.id, cascade=True)
    world.wait(lambda: api.find_load_balancer(balancer.id) is None, "gone")
    left = [finding for finding in read_findings(footprint, world.lab, world.lab.machines["client"]) if finding.left]
    assert not left
    assert world.lbaas("GET", f"listeners/{listener.id}").status == 404
    assert not world.ask("GET", f"/v2.0/ports?device_id={balancer.id}").body["ports"]


def test_a_member_that_goes_and_comes_is_seen_in_the_api(world: World) -> None:
    balanced = world.balancer("web1", "web2", monitor=True)
    world.wait_answer(balanced.vip)
    member = f"pools/{balanced.pool_id}/members/{balanced.members['web2']}"
    world.wait_status(member, "ONLINE")
    with Load(world.client, balanced.vip) as load:
        begun = time.monotonic()
        world.stop_backend("web2")
        world.wait_status(member, "ERROR")
        world.measure("member down to ERROR in the API (check every 1 s)", time.monotonic() - begun)
        assert world.show("pools", balanced.pool_id)["operating_status"] == "DEGRADED"
        assert world.show("loadbalancers", balanced.id)["operating_status"] == "DEGRADED"
        assert set(world.client.spread(balanced.vip, requests=6)) == {"web1"}
        load.await_more(20)
        world.start_backend("web2")
        world.measure("member up to ONLINE in the API (check every 1 s)", world.wait_status(member, "ONLINE"))
        load.await_more(20)
    assert not load.failures, load.failures[:5]
    world.wait_status(f"loadbalancers/{balanced.id}", "ONLINE")


def test_all_members_down_make_the_pool_an_error_and_answers_503(world: World) -> None:
    balanced = world.balancer("web3", monitor=True)
    world.wait_answer(balanced.vip)
    world.stop_backend("web3")
    try:
        world.wait_status(f"pools/{balanced.pool_id}", "ERROR")
        world.wait_status(f"loadbalancers/{balanced.id}", "ERROR")
        assert world.client.get(balanced.vip).status == 503
    finally:
        world.start_backend("web3")
    world.wait_answer(balanced.vip, backend="web3")
    world.wait_status(f"loadbalancers/{balanced.id}", "ONLINE")


def test_statistics_count_what_went_through_and_survive_a_reload(world: World) -> None:
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)

    def read() -> dict[str, int]:
        stats: dict[str, int] = world.lbaas("GET", f"loadbalancers/{balanced.id}/stats").body["stats"]
        return stats

    def settled() -> dict[str, int] | None:
        """What went through so far has arrived."""
        now = read()
        return now if now["total_connections"] == world.connections(balanced.id, balanced.listener_id) else None

    before = world.wait(settled, "all connections in the statistics")
    assert set(before) == {"bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors"}
    world.client.spread(balanced.vip, requests=10)
    begun = time.monotonic()
    world.wait(lambda: read()["total_connections"] == before["total_connections"] + 10, "10 connections more")
    world.measure("requests counted in the API", time.monotonic() - begun)
    # Bytes count when the connection has ended, which may be after the answer was read.
    world.wait(lambda: all(read()[field] > before[field] for field in ("bytes_in", "bytes_out")), "more bytes")
    counted = read()
    listener = world.lbaas("GET", f"listeners/{balanced.listener_id}/stats").body["stats"]
    assert listener["total_connections"] == counted["total_connections"]

    pids = read_haproxy_pids(balanced.id)
    reply = world.lbaas("PUT", f"listeners/{balanced.listener_id}", {"listener": {"timeout_client_data": 40000}})
    assert reply.status == 200, reply
    world.wait_active(balanced.id)
    world.wait(lambda: read_haproxy_pids(balanced.id).isdisjoint(pids), "the new process alone")
    world.client.spread(balanced.vip, requests=5)
    wanted = counted["total_connections"] + 5
    world.wait(lambda: read()["total_connections"] == wanted, f"{wanted} connections across the reload")


def test_what_haproxy_sees_and_counts_is_in_the_api(world: World) -> None:
    """How soon is printed, without the time that the checks take: HAProxy is told, and will not check again so soon."""
    balanced = world.balancer("web1", "web2", monitor=True)
    world.wait_status(f"loadbalancers/{balanced.id}", "ONLINE")
    [monitor] = world.lbaas("GET", f"healthmonitors?pool_id={balanced.pool_id}").body["healthmonitors"]
    assert world.lbaas("PUT", f"healthmonitors/{monitor['id']}", {"healthmonitor": {"delay": 60}}).status == 200
    world.wait_active(balanced.id)
    server, member = balanced.members["web2"], f"pools/{balanced.pool_id}/members/{balanced.members['web2']}"
    path = world.lab.state / "load_balancers" / balanced.id / "haproxy.sock"
    for word, status in (("down", "ERROR"), ("up", "ONLINE")):
        with socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(str(path))
            runtime.sendall(f"set server {balanced.pool_id}/{server} health {word}\n".encode())
            assert not runtime.recv(1000).strip()
        begun = time.monotonic()
        world.wait_status(member, status)
        world.measure("a member's health in HAProxy to the API (promise: 2 s)", time.monotonic() - begun)

    def connections() -> int:
        return int(world.lbaas("GET", f"loadbalancers/{balanced.id}/stats").body["stats"]["total_connections"])

    wanted = world.connections(balanced.id, balanced.listener_id) + 10
    world.client.spread(balanced.vip, requests=10)
    begun = time.monotonic()
    world.wait(lambda: connections() == wanted, f"{wanted} connections")
    world.measure("requests to the API's statistics (promise: 2 s)", time.monotonic() - begun)


def test_status_tree_names_everything_once(world: World) -> None:
    balanced = world.balancer("web1", "web2", monitor=True)
    world.wait_status(f"loadbalancers/{balanced.id}", "ONLINE")
    tree = world.lbaas("GET", f"loadbalancers/{balanced.id}/status").body["statuses"]["loadbalancer"]
    assert tree["id"] == balanced.id
    [listener] = tree["listeners"]
    [pool] = listener["pools"]
    assert (listener["id"], pool["id"]) == (balanced.listener_id, balanced.pool_id)
    assert {member["id"] for member in pool["members"]} == set(balanced.members.values())
    assert pool["health_monitor"]["type"] == "HTTP"
    assert {member["protocol_port"] for member in pool["members"]} == {BACKEND_PORT}
    for node in (tree, listener, pool, pool["health_monitor"], *pool["members"]):
        assert node["provisioning_status"] == "ACTIVE", node
        assert node["operating_status"] == "ONLINE", node


def test_a_batch_of_members_replaces_and_an_additive_one_adds(world: World) -> None:
    balanced = world.balancer("web1", "web2")
    path = f"pools/{balanced.pool_id}/members"
    reply = world.lbaas("PUT", path, {"members": [world.member("web2", weight=7), world.member("web3")]})
    assert (reply.status, reply.body) == (202, None)
    world.wait_active(balanced.id)
    world.wait_answer(balanced.vip, backend="web3")
    listed = world.wait(lambda: _living(world, path, 2), "two members")
    assert names(listed) == {"web2", "web3"}
    kept = next(member for member in listed if member["name"] == "web2")
    assert (kept["id"], kept["weight"]) == (balanced.members["web2"], 7)
    assert "web1" not in world.client.spread(balanced.vip, requests=16)

    reply = world.lbaas("PUT", f"{path}?additive_only=true", {"members": [world.member("web1")]})
    assert reply.status == 202, reply
    world.wait_answer(balanced.vip, backend="web1")
    assert names(world.wait(lambda: _living(world, path, 3), "three members")) == {"web1", "web2", "web3"}


def test_a_member_added_and_a_weight_changed_need_no_reload(world: World) -> None:
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    pids = read_haproxy_pids(balanced.id)
    begun = time.monotonic()
    first = FirstAnswer(world.client, balanced.vip, backend="web2")
    added = world.create(f"pools/{balanced.pool_id}/members", "member", **world.member("web2"))
    moment = first.moment()
    assert moment is not None
    world.measure("member POST to its first answer", moment - begun)
    path = f"pools/{balanced.pool_id}/members/{added['id']}"
    assert world.lbaas("PUT", path, {"member": {"weight": 0}}).status == 200
    world.wait_active(balanced.id)
    world.wait(lambda: set(world.client.spread(balanced.vip, requests=4)) == {"web1"}, "web2 drained")
    world.wait_status(path, "DRAINING")
    assert world.lbaas("DELETE", path).status == 204
    world.wait(lambda: world.lbaas("GET", path).status == 404, "the member gone")
    assert read_haproxy_pids(balanced.id) == pids
    assert added["id"] not in world.config_of(balanced.id)


def test_failover_builds_anew_and_serves_again(world: World) -> None:
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    pids = read_haproxy_pids(balanced.id)
    begun = time.monotonic()
    reply = world.lbaas("PUT", f"loadbalancers/{balanced.id}/failover")
    assert (reply.status, reply.body) == (202, None)
    world.wait(lambda: read_haproxy_pids(balanced.id) - pids, "a new process")
    world.wait_answer(balanced.vip)
    world.measure("failover to first 200", time.monotonic() - begun)
    world.wait_active(balanced.id)
    assert read_haproxy_pids(balanced.id).isdisjoint(pids)


def test_the_same_vip_can_be_made_again_at_once(world: World) -> None:
    for _ in range(3):
        made = world.balancer("web1", vip_address="10.88.0.150")
        assert made.vip == "10.88.0.150"
        world.wait_answer(made.vip)
        world.delete(made.id)
        assert not answers_arp(world.lab.machines["client"], "10.88.0.150")


def test_without_cascade_children_are_an_obstacle(world: World) -> None:
    balanced = world.balancer("web1")
    reply = world.lbaas("DELETE", f"loadbalancers/{balanced.id}")
    assert reply.status == 400
    assert "cascade" in reply.fault
    assert world.show("loadbalancers", balanced.id)["provisioning_status"] == "ACTIVE"
    world.wait_answer(balanced.vip)


@pytest.mark.parametrize("kind", ["HTTP_COOKIE", "SOURCE_IP"])
def test_session_persistence_keeps_to_one_back_end(world: World, kind: str) -> None:
    balanced = world.balancer("web1", "web2")
    desired: dict[str, Any] = {"pool": {"session_persistence": {"type": kind}}}
    assert world.lbaas("PUT", f"pools/{balanced.pool_id}", desired).status == 200
    world.wait_active(balanced.id)
    world.wait_answer(balanced.vip)
    answer = world.client.get(balanced.vip)
    cookie = answer.headers.get("set-cookie", "").partition(";")[0]
    assert bool(cookie) == (kind == "HTTP_COOKIE")
    headers = {"Cookie": cookie} if cookie else {}
    seen = {world.client.get(balanced.vip, headers=headers).backend for _ in range(6)}
    assert seen == {answer.backend}


def test_what_is_switched_off_serves_nothing_and_comes_back(world: World) -> None:
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    for path, wrapper in (
        (f"loadbalancers/{balanced.id}", "loadbalancer"),
        (f"listeners/{balanced.listener_id}", "listener"),
    ):
        assert world.lbaas("PUT", path, {wrapper: {"admin_state_up": False}}).status == 200
        world.wait_active(balanced.id)
        world.wait(lambda: not world.reaches(balanced.vip), f"{path} silent")
        world.wait_status(path, "OFFLINE")
        assert world.lbaas("PUT", path, {wrapper: {"admin_state_up": True}}).status == 200
        world.wait_answer(balanced.vip)
        world.wait_status(path, "ONLINE")


def test_headers_are_inserted_for_the_members(world: World) -> None:
    balanced = world.balancer("web1")
    headers = {"X-Forwarded-For": "true", "X-Forwarded-Port": "true", "X-Forwarded-Proto": "true"}
    path = f"listeners/{balanced.listener_id}"
    assert world.lbaas("PUT", path, {"listener": {"insert_headers": headers}}).status == 200
    world.wait_active(balanced.id)
    world.wait_answer(balanced.vip)

    def seen() -> dict[str, str]:
        found: dict[str, str] = world.client.get(balanced.vip, path="/headers").json()
        return found

    arrived = world.wait(lambda: (found := seen()) and "x-forwarded-for" in found and found, "the headers")
    assert isinstance(arrived, dict)
    assert arrived["x-forwarded-for"] == "10.88.0.250"
    assert (arrived["x-forwarded-port"], arrived["x-forwarded-proto"]) == ("80", "http")


def _living(world: World, path: str, count: int) -> list[dict[str, Any]]:
    """The members once there are that many, and nothing of them is being changed any more."""
    listed: list[dict[str, Any]] = world.lbaas("GET", path).body["members"]
    settled = len(listed) == count and all(member["provisioning_status"] == "ACTIVE" for member in listed)
    return listed if settled else []
