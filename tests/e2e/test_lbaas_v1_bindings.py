"""LBaaS v1 through neutronclient's Python bindings, of which the newest release has all calls still."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import v1_clients
from tests.e2e.v1_clients import Bindings
from tests.e2e.world import BACKEND_PORT, World

UNKNOWN = "11111111-2222-4333-8444-555555555555"
ALL_CALLS = {
    *(f"{verb}_{noun}" for noun in ("vip", "pool", "member", "health_monitor") for verb in ("create", "show")),
    *(f"{verb}_{noun}" for noun in ("vip", "pool", "member", "health_monitor") for verb in ("update", "delete")),
    *("list_vips", "list_pools", "list_members", "list_health_monitors"),
    *("associate_health_monitor", "disassociate_health_monitor", "retrieve_pool_stats"),
    *("list_service_providers", "get_lbaas_agent_hosting_pool", "list_pools_on_lbaas_agent"),
}


@pytest.fixture
def bindings(world: World) -> Iterator[Bindings]:
    with v1_clients.bindings(world.service.url) as calls:
        yield calls
    v1_clients.clear(world)


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
        "statistics",
    )
    assert not any(bindings.call("retrieve_pool_stats", made["other"]["id"])["stats"].values())

    _move(world, bindings, vip, pool["id"], made["other"]["id"])
    bindings.call("disassociate_health_monitor", pool["id"], made["health_monitor"]["id"])
    assert bindings.call("show_pool", pool["id"])["pool"]["health_monitors"] == []
    bindings.call("delete_vip", vip["id"])
    world.wait(lambda: not world.reaches(vip["address"], 8080), "silent")
    bindings.call("delete_health_monitor", made["health_monitor"]["id"])
    bindings.call("delete_member", made["member"]["id"])
    bindings.call("delete_pool", pool["id"])  # takes its other member along
    bindings.call("delete_pool", made["other"]["id"])
    for collection in ("vips", "pools", "members", "health_monitors"):
        assert bindings.call(f"list_{collection}") == {collection: []}
    assert bindings.called == ALL_CALLS
    v1_clients.wait_host_empty(world)


def _make(world: World, bindings: Bindings) -> dict[str, dict[str, Any]]:
    """A pool with two members, a monitor and a VIP, and another pool that stands alone."""
    body = {"name": "a", "protocol": "HTTP", "lb_method": "ROUND_ROBIN", "subnet_id": world.subnet_id}
    pool = bindings.call("create_pool", {"pool": body})["pool"]
    other = bindings.call("create_pool", {"pool": {**body, "name": "b", "lb_method": "SOURCE_IP"}})["pool"]
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
    associated = {"health_monitor": {"id": monitor["id"]}}
    assert "health_monitor" in bindings.call("associate_health_monitor", pool["id"], associated)
    vip_body: dict[str, Any] = {
        "pool_id": pool["id"],
        "subnet_id": world.subnet_id,
        "protocol": "HTTP",
        "protocol_port": 8080,
        "address": "10.88.0.150",
        "session_persistence": {},
    }
    vip = bindings.call("create_vip", {"vip": vip_body})["vip"]
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


def _move(world: World, bindings: Bindings, vip: dict[str, Any], pool_id: str, other_id: str) -> None:
    """The VIP to the pool without members, and back again."""

    def owners() -> list[str | None]:
        return [bindings.call("show_pool", pool)["pool"]["vip_id"] for pool in (pool_id, other_id)]

    assert owners() == [vip["id"], None]
    moved = bindings.call("update_vip", vip["id"], {"vip": {"pool_id": other_id}})["vip"]
    assert (moved["pool_id"], moved["address"]) == (other_id, vip["address"])
    assert world.client.first(vip["address"], 8080, status=503) is not None
    assert owners() == [None, vip["id"]]
    bindings.call("update_vip", vip["id"], {"vip": {"pool_id": pool_id}})
    world.wait_answer(vip["address"], 8080)
    assert owners() == [vip["id"], None]


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

    wrong: list[str] = []

    def refuse(kind: str, status: int, word: str, method: str, *arguments: Any) -> None:
        refusal = bindings.refused(method, *arguments)
        if refusal.status != status or kind not in refusal.kinds or word not in refusal.message:
            wrong.append(f"{method}{arguments}: wanted {kind} {status} with {word!r}, got {refusal}")

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
    _fill_the_quota(bindings, plain)
    refuse("OverQuotaClient", 409, "pool", "create_pool", {"pool": plain})
    assert not wrong, "\n".join(wrong)

    assert len(bindings.call("list_pools")["pools"]) == 10
    assert len(bindings.call("list_vips")["vips"]) == 1
    assert len(bindings.call("list_members")["members"]) == 2
    assert len(bindings.call("list_health_monitors")["health_monitors"]) == 1


def _fill_the_quota(bindings: Bindings, plain: dict[str, Any]) -> None:
    """Ten pools for a tenant, as Neutron's default had it; there are two already."""
    for _ in range(8):
        bindings.call("create_pool", {"pool": plain})
