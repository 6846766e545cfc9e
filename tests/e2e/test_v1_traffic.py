"""LBaaS v1 under traffic: clients that stay where they were, and members that are up when all monitors agree."""

from typing import Any

import pytest
from tests.e2e.v1_world import V1, VIP
from tests.e2e.world import BACKEND_PORT


def backends(v1: V1, requests: int = 6, **how: Any) -> set[str | None]:
    return {v1.world.client.get(VIP, **how).backend for _ in range(requests)}


def test_without_persistence_clients_are_spread(v1: V1) -> None:
    v1.vip(v1.pool("web1", "web2"))
    assert backends(v1) == {"web1", "web2"}


def test_source_ip_keeps_a_client_at_one_member(v1: V1) -> None:
    v1.vip(v1.pool("web1", "web2"), session_persistence={"type": "SOURCE_IP"})
    assert len(backends(v1)) == 1


def test_a_cookie_of_the_load_balancer_leads_back(v1: V1) -> None:
    v1.vip(v1.pool("web1", "web2"), session_persistence={"type": "HTTP_COOKIE"})
    first = v1.world.client.get(VIP)
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("SRV=")
    assert backends(v1, headers={"Cookie": cookie}) == {first.backend}
    assert backends(v1) == {"web1", "web2"}


def test_a_cookie_of_the_application_leads_back(v1: V1) -> None:
    """What no HAProxy since 1.6 could do by the original's line."""
    v1.vip(v1.pool("web1", "web2"), session_persistence={"type": "APP_COOKIE", "cookie_name": "SESSION"})
    for number in range(2):
        cookie = f"SESSION=abc{number}"
        first = v1.world.client.get(VIP, path=f"/cookie/{cookie}")
        assert backends(v1, headers={"Cookie": cookie}) == {first.backend}


def test_persistence_goes_where_the_vip_goes_and_goes_away_by_name(v1: V1) -> None:
    first, second = v1.pool("web1", "web2"), v1.pool("web2", "web3")
    vip = v1.vip(first, session_persistence={"type": "SOURCE_IP"})
    v1.change("vip", vip, pool_id=second)
    v1.active(vip)
    [kept] = backends(v1)
    assert kept in ("web2", "web3")
    v1.change("vip", vip, session_persistence={})
    v1.active(vip)
    assert backends(v1) == {"web2", "web3"}


@pytest.mark.parametrize("second", ["HTTP", "TCP", "PING"])
def test_a_member_is_up_when_all_monitors_agree(v1: V1, second: str) -> None:
    """The first monitor is content with both; the second one, of whatever kind, decides."""
    world = v1.world
    pool = v1.pool("web1")
    odd = "10.88.0.99" if second == "PING" else "10.88.0.12"  # nobody has the former
    member = v1.make("member", pool_id=pool, address=odd, protocol_port=BACKEND_PORT)
    v1.vip(pool)
    documents: dict[str, dict[str, Any]] = {
        "HTTP": {"type": "HTTP", "url_path": "/status/503", "expected_codes": "503"},
        "TCP": {"type": "TCP"},
        "PING": {"type": "PING"},
    }
    body = {"delay": 1, "timeout": 1, "max_retries": 1}
    monitors = [v1.make("health_monitor", **body, **each) for each in ({"type": "HTTP"}, documents[second])]
    for monitor in monitors:
        assert v1.ask("POST", f"pools/{pool}/health_monitors", {"health_monitor": {"id": monitor}}).status == 201
    if second != "PING":
        world.wait(lambda: backends(v1) == {"web1", "web2"}, "both up")
        if second == "HTTP":
            v1.change("health_monitor", monitors[1], expected_codes="200")
            world.wait(lambda: v1.show("member", member)["status"] == "INACTIVE", "both down for the second")
            v1.change("health_monitor", monitors[1], expected_codes="503")
        else:
            world.stop_backend("web2")
            try:
                world.wait(lambda: v1.show("member", member)["status"] == "INACTIVE", "down")
            finally:
                world.start_backend("web2")
        world.wait(lambda: v1.show("member", member)["status"] == "ACTIVE", "up again")
        world.wait(lambda: backends(v1) == {"web1", "web2"}, "both up again")
    else:
        world.wait(lambda: v1.show("member", member)["status"] == "INACTIVE", "down")
        assert backends(v1) == {"web1"}
    statuses = v1.show("pool", pool)["health_monitors_status"]
    assert [(each["monitor_id"], each["status"]) for each in statuses] == [(each, "ACTIVE") for each in monitors]
