"""Load balancers where they run, in the shape of amphorae."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, World

from evenload.model.desired import Health, Statistics

AMPHORAE = "/v2.0/octavia/amphorae"


def amphora_of(world: World, balancer: Any) -> Any:
    [found] = world.get(AMPHORAE, query_string=f"loadbalancer_id={balancer['id']}")["amphorae"]
    return found


def test_each_load_balancer_has_one(world: World) -> None:
    subnet = world.shared_subnet()
    one = world.balancer(subnet)
    world.clock.advance(1)
    other = world.balancer(subnet, user="red:member")
    world.v1_pool()  # stands alone, on no host
    fresh = amphora_of(world, one)
    [agent] = world.get("/v2.0/agents")["agents"]
    nothing = ("lb_network_ip", "cert_expiration", "vrrp_interface", "vrrp_id", "vrrp_priority", "image_id")
    assert fresh == {
        "id": fresh["id"],
        "loadbalancer_id": one["id"],
        "compute_id": agent["id"],
        "vrrp_ip": one["vip_address"],
        "ha_ip": one["vip_address"],
        "vrrp_port_id": one["vip_port_id"],
        "ha_port_id": one["vip_port_id"],
        "cert_busy": False,
        "role": "STANDALONE",
        "status": "PENDING_CREATE",
        "cached_zone": "nova",
        "created_at": one["created_at"],
        "updated_at": None,
        "compute_flavor": None,
        **dict.fromkeys(nothing),
    }
    world.settle()
    assert amphora_of(world, one) == {**fresh, "status": "ALLOCATED"}
    listed = world.get(AMPHORAE)
    assert [each["loadbalancer_id"] for each in listed["amphorae"]] == [one["id"], other["id"]]
    assert listed["amphorae_links"] == []
    for query, found in (
        ("project_id=red", [other["id"]]),
        ("status=ERROR", []),
        ("role=STANDALONE&limit=1", [one["id"]]),
        ("vrrp_ip=" + other["vip_address"], [other["id"]]),
        ("cert_busy=false&sort=vrrp_id", [one["id"], other["id"]]),
        *((f"{name}=something", []) for name in (*nothing, "compute_flavor")),
    ):
        assert [each["loadbalancer_id"] for each in world.get(AMPHORAE, query_string=query)["amphorae"]] == found
    assert world.get(f"/v2/octavia/amphorae/{fresh['id']}?fields=role") == {"amphora": {"role": "STANDALONE"}}
    world.call("GET", AMPHORAE, query_string="colour=red", expect=400)


def test_what_its_agent_has_counted(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    listener = world.listener(balancer)
    world.settle()
    amphora = amphora_of(world, balancer)
    world.call("GET", f"{AMPHORAE}/{amphora['id']}/stats", expect=404)
    counted = Statistics(bytes_in=1, bytes_out=2, active_connections=3, total_connections=4, request_errors=5)
    world.gateway.health(
        "host-1", [Health(load_balancer_id=balancer["id"], statuses={}, statistics={listener["id"]: counted})]
    )
    [found] = world.get(f"{AMPHORAE}/{amphora['id']}/stats")["amphora_stats"]
    assert found == {
        "id": amphora["id"],
        "loadbalancer_id": balancer["id"],
        "listener_id": listener["id"],
        "bytes_in": 1,
        "bytes_out": 2,
        "active_connections": 3,
        "total_connections": 4,
        "request_errors": 5,
    }


@pytest.mark.parametrize("deleted", [False, True])
def test_a_failover_replaces_it_and_only_one_in_error_can_be_deleted(world: World, deleted: bool) -> None:
    balancer = world.balancer(world.shared_subnet())
    world.settle()
    former = amphora_of(world, balancer)
    path = f"{AMPHORAE}/{former['id']}"
    world.call("PUT", f"{path}/config", expect=202)
    world.call("DELETE", path, expect=409)
    if deleted:
        world.call("PUT", f"{LBAAS}/loadbalancers/{balancer['id']}", {"loadbalancer": {"name": "x"}}, expect=200)
        world.refuse(balancer["id"], "no")
        assert amphora_of(world, balancer)["status"] == "ERROR"
        world.call("DELETE", path, expect=204)
    else:
        world.call("PUT", f"{path}/failover", expect=202)
    assert world.call("GET", path, expect=404)["faultstring"] == f"Amphora {former['id']} not found."
    assert amphora_of(world, balancer)["id"] != former["id"]
    world.settle()
    assert world.get(f"{LBAAS}/loadbalancers/{balancer['id']}")["loadbalancer"]["provisioning_status"] == "ACTIVE"
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}", expect=204)
    going = amphora_of(world, balancer)
    assert going["status"] == "PENDING_DELETE"
    world.call("PUT", f"{AMPHORAE}/{going['id']}/failover", expect=409)


def test_they_are_for_administrators(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    path = f"{AMPHORAE}/{amphora_of(world, balancer)['id']}"
    for method, each in (
        ("GET", AMPHORAE),
        ("GET", path),
        ("GET", f"{path}/stats"),
        ("PUT", f"{path}/failover"),
        ("PUT", f"{path}/config"),
        ("DELETE", path),
    ):
        world.call(method, each, user="blue:member", expect=403)
        world.call(method, each.replace(path, f"{AMPHORAE}/{NOWHERE}"), expect=200 if each == AMPHORAE else 404)


@pytest.fixture
def many(world: World) -> list[Any]:
    """Amphorae of 130 load balancers, in order."""
    subnet = world.shared_subnet_at("10.1.0.0/16")
    made = []
    for number in range(130):
        world.clock.advance(1)
        made.append(world.balancer(subnet, user="red:member" if number in (99, 129) else "blue:member"))
    listed = world.get(AMPHORAE)["amphorae"]
    assert [each["loadbalancer_id"] for each in listed] == [each["id"] for each in made]
    return list(listed)


def page(world: World, query: str) -> tuple[list[str], list[str]]:
    found = world.get(AMPHORAE, query_string=query)
    return [each["id"] for each in found["amphorae"]], [each["rel"] for each in found["amphorae_links"]]


def test_pages_are_cut_where_the_whole_list_would_be(world: World, many: list[Any]) -> None:
    ids = [each["id"] for each in many]
    last = many[-1]
    assert page(world, "limit=60") == (ids[:60], ["next"])
    assert page(world, f"limit=60&marker={ids[59]}") == (ids[60:120], ["next", "previous"])
    assert page(world, f"limit=60&marker={ids[119]}") == (ids[120:], ["previous"])
    assert page(world, f"limit=2&marker={ids[120]}&page_reverse=true") == (ids[118:120], ["next", "previous"])
    assert page(world, "limit=3&sort=loadbalancer_id:desc")[0] == [
        each["id"] for each in sorted(many, key=lambda each: each["loadbalancer_id"], reverse=True)[:3]
    ]
    assert page(world, "limit=3&sort=id")[0] == sorted(ids)[:3]
    assert page(world, "limit=1&sort=role,created_at:desc")[0] == [last["id"]]
    for query, found in (
        ("project_id=red", [ids[99], ids[129]]),
        ("project_id=red&limit=1", ids[99:100]),
        (f"id={ids[5]}", [ids[5]]),
        (f"id={ids[5]}&loadbalancer_id={last['loadbalancer_id']}", []),
        (f"id={NOWHERE}", []),
        (f"vrrp_ip={last['vrrp_ip']}", [last["id"]]),
        (f"vrrp_ip={last['vrrp_ip']}&ha_ip=10.1.0.3", []),
        (f"ha_port_id={last['ha_port_id']}&cached_zone=nova", [last["id"]]),
        (f"compute_id={last['compute_id']}&limit=2", ids[:2]),
        (f"compute_id={NOWHERE}", []),
        ("status=PENDING_CREATE&limit=1", ids[:1]),
        ("status=ALLOCATED", []),
        ("role=MASTER", []),
        ("image_id=x", []),
        ("cert_busy=false&limit=1", ids[:1]),
        ("cert_busy=true", []),
    ):
        assert page(world, query)[0] == found, query
    for nonsense in (f"marker={NOWHERE}", "created_at=yesterday", "sort=cheese", "cert_busy=perhaps"):
        world.call("GET", AMPHORAE, query_string=nonsense, expect=400)


def test_a_page_reads_no_more_than_it_shows(world: World, many: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do the places of all others count."""

    def all_of_them(_: Any) -> Any:
        raise AssertionError("the placements of all load balancers were read")

    monkeypatch.setattr("evenload.store.transaction.SqlTransaction.placements", all_of_them)
    ids, _ = page(world, "limit=100")
    assert page(world, f"limit=100&marker={ids[-1]}")[0] == [each["id"] for each in many[100:]]
    assert world.get(f"{AMPHORAE}/{ids[3]}")["amphora"]["id"] == ids[3]
