"""Protocols, monitors, algorithms and the finer attributes, each seen in what packets do."""

from typing import Any

import pytest
from demo.traffic import FAILURES
from tests.e2e.world import BACKEND_PORT, Balanced, World


@pytest.mark.parametrize(("listener", "pool"), [("TCP", "TCP"), ("HTTPS", "HTTPS"), ("TCP", "HTTP"), ("HTTP", "HTTP")])
def test_bytes_come_through(world: World, listener: str, pool: str) -> None:
    """HTTPS is passed through untouched, so plain HTTP passes as well and shows where it went."""
    made = _made(world, listener=listener, pool=pool)
    world.wait_answer(made.vip, 443)
    assert set(world.client.spread(made.vip, 443, requests=8)) == {"web1", "web2"}


@pytest.mark.parametrize(
    ("monitor", "status"),
    [
        ({"type": "TCP"}, "ONLINE"),
        ({"type": "PING"}, "ONLINE"),
        ({"type": "HTTP", "url_path": "/status/204", "expected_codes": "204"}, "ONLINE"),
        ({"type": "HTTP", "url_path": "/status/404", "expected_codes": "200-299"}, "ERROR"),
        ({"type": "HTTP", "url_path": "/status/503", "expected_codes": "200,503", "http_method": "HEAD"}, "ONLINE"),
        ({"type": "HTTP", "http_version": 1.1, "domain_name": "www.example.com"}, "ONLINE"),
        ({"type": "HTTPS"}, "ERROR"),
        ({"type": "TLS-HELLO"}, "ERROR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(str(item) for item in value.values()),
)
def test_a_monitor_judges_by_its_own_means(world: World, monitor: dict[str, Any], status: str) -> None:
    """The back ends speak no TLS, so the monitors that expect it find them down."""
    made = _made(world)
    timing = {"delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
    world.create("healthmonitors", "healthmonitor", pool_id=made.pool_id, **timing, **monitor)
    for member in made.members.values():
        world.wait_status(f"pools/{made.pool_id}/members/{member}", status)
    assert (world.client.get(made.vip, 443).status == 200) == (status == "ONLINE")


def test_a_ping_monitor_sees_a_machine_leave_and_come_back(world: World) -> None:
    made = _made(world)
    timing = {"delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
    world.create("healthmonitors", "healthmonitor", pool_id=made.pool_id, type="PING", **timing)
    path = f"pools/{made.pool_id}/members/{made.members['web2']}"
    world.wait_status(path, "ONLINE")
    reply = world.lbaas("PUT", path, {"member": {"monitor_address": "10.88.0.77"}})  # nobody is there
    assert reply.status == 200, reply
    world.wait_status(path, "ERROR")
    world.wait(lambda: set(world.client.spread(made.vip, 443, requests=4)) == {"web1"}, "web1 alone")
    assert world.lbaas("PUT", path, {"member": {"monitor_address": "10.88.0.13"}}).status == 200
    world.wait_status(path, "ONLINE")
    world.wait_answer(made.vip, 443, backend="web2")


def test_weights_share_out_the_requests(world: World) -> None:
    made = _made(world, weights=(3, 1))
    world.wait_active(made.id)
    world.wait_answer(made.vip, 443)
    spread = world.client.spread(made.vip, 443, requests=40)
    assert (spread["web1"], spread["web2"]) == (30, 10)


def test_source_ip_keeps_a_client_at_one_back_end(world: World) -> None:
    made = _made(world, algorithm="SOURCE_IP")
    world.wait_answer(made.vip, 443)
    assert len(world.client.spread(made.vip, 443, requests=8)) == 1


def test_a_backup_member_waits_for_the_others_to_fail(world: World) -> None:
    made = _made(world)
    timing = {"delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
    world.create("healthmonitors", "healthmonitor", pool_id=made.pool_id, type="HTTP", **timing)
    path = f"pools/{made.pool_id}/members/{made.members['web2']}"
    assert world.lbaas("PUT", path, {"member": {"backup": True}}).status == 200
    world.wait_active(made.id)
    world.wait(lambda: set(world.client.spread(made.vip, 443, requests=4)) == {"web1"}, "web1 alone")
    world.stop_backend("web1")
    try:
        world.wait_answer(made.vip, 443, backend="web2")
    finally:
        world.start_backend("web1")


def test_only_the_allowed_networks_get_in(world: World) -> None:
    made = _made(world)
    path = f"listeners/{made.listener_id}"
    world.wait_answer(made.vip, 443)
    assert world.lbaas("PUT", path, {"listener": {"allowed_cidrs": ["192.0.2.0/24"]}}).status == 200
    world.wait(lambda: not _reaches(world, made), "shut out")
    reply = world.lbaas("PUT", path, {"listener": {"allowed_cidrs": ["192.0.2.0/24", "10.88.0.250"]}})
    assert reply.body["listener"]["allowed_cidrs"] == ["192.0.2.0/24", "10.88.0.250/32"]
    world.wait(lambda: _reaches(world, made), "let in")
    assert world.lbaas("PUT", path, {"listener": {"allowed_cidrs": None}}).status == 200
    world.wait_active(made.id)
    assert _reaches(world, made)


def test_a_connection_limit_holds(world: World) -> None:
    made = _made(world)
    reply = world.lbaas("PUT", f"listeners/{made.listener_id}", {"listener": {"connection_limit": 2}})
    assert reply.status == 200, reply
    world.wait_active(made.id)
    world.wait_answer(made.vip, 443)
    held = [world.client.open(made.vip, 443) for _ in range(2)]
    try:
        assert [connection.ask().status for connection in held] == [200, 200]
        with pytest.raises(FAILURES):
            world.client.get(made.vip, 443, timeout=0.5)
        held.pop().close()
        world.wait_answer(made.vip, 443)
    finally:
        for connection in held:
            connection.close()


def test_an_application_cookie_leads_back(world: World) -> None:
    made = _made(world)
    desired = {"pool": {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "SESSION"}}}
    assert world.lbaas("PUT", f"pools/{made.pool_id}", desired).status == 200
    world.wait_active(made.id)
    world.wait_answer(made.vip, 443)
    for number in range(6):
        cookie = f"SESSION=abc{number}"
        first = world.client.get(made.vip, 443, f"/cookie/{cookie}")
        assert first.headers["set-cookie"] == cookie
        seen = {world.client.get(made.vip, 443, headers={"Cookie": cookie}).backend for _ in range(4)}
        assert seen == {first.backend}


def test_a_pool_that_moves_between_listeners_is_served_at_once(world: World) -> None:
    made = _made(world)
    world.wait_answer(made.vip, 443)
    second = world.create("listeners", "listener", loadbalancer_id=made.id, protocol="HTTP", protocol_port=80)
    assert world.client.first(made.vip, 80, status=503) is not None
    path = f"listeners/{second['id']}"
    assert world.lbaas("PUT", path, {"listener": {"default_pool_id": made.pool_id}}).status == 200
    world.wait_answer(made.vip, 80)
    assert world.lbaas("PUT", path, {"listener": {"default_pool_id": None}}).status == 200
    assert world.client.first(made.vip, 80, status=503) is not None
    assert world.lbaas("DELETE", f"listeners/{made.listener_id}").status == 204
    world.wait(lambda: not _reaches(world, made), "the first listener gone")
    assert world.lbaas("DELETE", f"pools/{made.pool_id}").status == 204
    world.wait(lambda: world.lbaas("GET", f"pools/{made.pool_id}").status == 404, "the pool gone")
    assert world.show("loadbalancers", made.id)["pools"] == []


def _made(
    world: World,
    *,
    listener: str = "HTTP",
    pool: str = "HTTP",
    algorithm: str = "ROUND_ROBIN",
    weights: tuple[int, int] = (1, 1),
) -> Balanced:
    """web1 and web2 behind port 443."""
    balancer = world.create("loadbalancers", "loadbalancer", name="p", vip_subnet_id=world.subnet_id)
    made = world.create("listeners", "listener", loadbalancer_id=balancer["id"], protocol=listener, protocol_port=443)
    created = world.create("pools", "pool", listener_id=made["id"], protocol=pool, lb_algorithm=algorithm)
    members = {}
    for web, weight in zip(("web1", "web2"), weights, strict=True):
        desired = world.member(web, BACKEND_PORT, weight=weight)
        members[web] = world.create(f"pools/{created['id']}/members", "member", **desired)["id"]
    world.wait_active(balancer["id"])
    return Balanced(
        id=balancer["id"],
        vip=balancer["vip_address"],
        port_id=balancer["vip_port_id"],
        listener_id=made["id"],
        pool_id=created["id"],
        members=members,
    )


def _reaches(world: World, made: Balanced) -> bool:
    return world.reaches(made.vip, 443)
