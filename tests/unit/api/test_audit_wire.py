"""One line for each change that somebody asks for through any of the APIs: who, what, and what became of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.unit.api.conftest import LB, LBAAS, NOWHERE, World

Line = dict[str, Any]
SECRET = "aUniquePayload"


class Lines:
    """Those of the audit since the last look."""

    def __init__(self, logs: list[Any]) -> None:
        self._logs = logs

    def new(self) -> list[Line]:
        found = [line for line in self._logs if line["event"] == "audit"]
        assert SECRET not in repr(self._logs)
        self._logs.clear()
        return found


@pytest.fixture
def subnet(world: World) -> Any:
    return world.shared_subnet()


@pytest.fixture
def lines(subnet: Any) -> Iterator[Lines]:
    with capture_logs() as logs:
        yield Lines(logs)


def picked(line: Line, *names: str) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in names)


def test_a_creation_names_the_caller_the_object_and_the_request(world: World, subnet: Any, lines: Lines) -> None:
    body = {"loadbalancer": {"name": "shop", "vip_subnet_id": subnet["id"], "admin_state_up": True}}
    own = "req-00000000-0000-4000-8000-000000000001"
    answer = world.call(
        "POST", f"{LBAAS}/loadbalancers", body, user="blue:member", headers={"X-OpenStack-Request-ID": own}
    )
    made = answer.json["loadbalancer"]
    [line] = lines.new()
    assert line["request"] == answer.headers["x-openstack-request-id"]
    assert line["global_request"] == own
    assert picked(line, "log_level", "method", "api", "object", "status") == (
        ("info", "POST", "octavia", "loadbalancer", 201)
    )
    assert picked(line, "id", "name", "load_balancer") == (made["id"], "shop", made["id"])
    assert picked(line, "user", "project", "owner", "address") == ("blue", "blue", "blue", "127.0.0.1")
    assert line["attributes"] == "name,vip_subnet_id,admin_state_up=True"


def test_changes_and_deletions_name_what_they_are_of(world: World, subnet: Any, lines: Lines) -> None:
    balancer = world.balancer(subnet, name="shop")
    pool = world.pool(balancer, name="web")
    member = world.member(pool, name="one")
    lines.new()
    where = f"{LBAAS}/pools/{pool['id']}/members/{member['id']}"
    world.call("PUT", where, {"member": {"weight": 5, "name": "other"}}, expect=200)
    world.call("DELETE", where, expect=204)
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}?cascade=true", expect=204)
    changed, deleted, gone = lines.new()
    assert picked(changed, "object", "id", "name", "attributes", "status") == (
        ("member", member["id"], "one", "weight=5,name", 200)
    )
    assert picked(deleted, "method", "object", "id", "name") == ("DELETE", "member", member["id"], "other")
    assert [line["load_balancer"] for line in (changed, deleted, gone)] == [balancer["id"]] * 3
    assert picked(gone, "object", "name", "owner") == ("loadbalancer", "shop", "blue")
    world.get(f"{LBAAS}/loadbalancers")
    assert lines.new() == []


def test_what_is_made_names_the_load_balancer_that_it_is_part_of_refused_or_not(
    world: World, subnet: Any, lines: Lines
) -> None:
    balancer = world.balancer(subnet, name="shop")
    listener = world.listener(balancer)
    pool = world.pool(balancer, name="web")
    monitor = {"pool_id": pool["id"], "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 2}
    policy = {"listener_id": listener["id"], "action": "REJECT"}
    lines.new()
    world.call("POST", f"{LBAAS}/healthmonitors", {"healthmonitor": monitor}, expect=201)
    made = world.call("POST", f"{LBAAS}/l7policies", {"l7policy": policy}, expect=201)["l7policy"]
    rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}
    world.call("POST", f"{LBAAS}/l7policies/{made['id']}/rules", {"rule": rule}, expect=201)
    where = f"{LBAAS}/pools/{pool['id']}/members"
    member = {"address": "10.9.0.1", "protocol_port": 80}
    world.call("POST", where, {"member": member}, expect=201)
    world.call("POST", where, {"member": member}, expect=409)
    world.call("PUT", where, {"members": [member]}, expect=202)
    found = lines.new()
    assert [line["status"] for line in found] == [201, 201, 201, 201, 409, 202]
    assert {line.get("load_balancer") for line in found} == {balancer["id"]}


def test_what_is_done_to_an_object_is_said(world: World, subnet: Any, lines: Lines) -> None:
    balancer = world.balancer(subnet, name="shop")
    pool = world.pool(balancer)
    world.settle()
    lines.new()
    world.call("PUT", f"{LBAAS}/loadbalancers/{balancer['id']}/failover", expect=202)
    members = [{"address": "10.9.0.1", "protocol_port": 80}, {"address": "10.9.0.2", "protocol_port": 80}]
    world.call("PUT", f"{LBAAS}/pools/{pool['id']}/members", {"members": members}, expect=202)
    world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"pool": 7}}, expect=202)
    failover, batch, quota = lines.new()
    assert picked(failover, "object", "part", "id", "name") == ("loadbalancer", "failover", balancer["id"], "shop")
    assert picked(batch, "object", "attributes", "status") == ("member", "2 objects", 202)
    assert picked(quota, "object", "id", "attributes") == ("quota", "blue", "pool=7")


def test_what_is_refused_is_told_at_a_level_of_its_own(world: World, subnet: Any, lines: Lines) -> None:
    balancer = world.balancer(subnet, name="shop")
    lines.new()
    where = f"{LBAAS}/loadbalancers/{balancer['id']}"
    world.call("DELETE", where, user="red:member", expect=403)
    world.call("DELETE", where, user="nobody", expect=401)
    world.call("PUT", where, {"loadbalancer": {"name": 5}}, expect=400)
    world.call("PUT", where, {"loadbalancer": {"no \n such": "x", "b" * 65: 1}}, expect=400)
    world.call("PUT", f"{LBAAS}/loadbalancers/{NOWHERE}", {"loadbalancer": {"name": "x"}}, expect=404)
    world.call("POST", "/v2.0/nothing/here", {"x": 1}, expect=404)
    world.call("DELETE", where, expect=204)
    world.call("PUT", where, {"loadbalancer": {"name": "x"}}, expect=409)
    found = lines.new()
    assert [line["log_level"] for line in found] == [*["warning"] * 6, "info", "warning"]
    assert [line["status"] for line in found] == [403, 401, 400, 400, 404, 404, 204, 409]
    assert picked(found[0], "user", "project", "name", "owner") == ("red", "red", "shop", "blue")
    assert picked(found[1], "user", "project", "id") == (None, None, balancer["id"])
    assert found[3]["attributes"] == "?,?"
    assert picked(found[4], "object", "id") == ("loadbalancer", NOWHERE)
    assert picked(found[5], "object", "path") == (None, "/v2.0/nothing/here")


def test_lbaas_v1_and_networks(world: World, subnet: Any, lines: Lines) -> None:
    pool = world.v1_pool(name="web")
    vip = world.vip(pool, subnet, name="front")
    monitor = world.v1_monitor()
    world.associate(pool, monitor)
    world.call("PUT", f"{LB}/vips/{vip['id']}", {"vip": {"connection_limit": 9}}, expect=200)
    network = world.network(name="wire")
    world.call("PUT", f"/v2.0/networks/{network['id']}/tags", {"tags": ["a"]}, expect=200)
    world.call("DELETE", f"/v2.0/networks/{network['id']}", expect=204)
    found = lines.new()
    assert [line["api"] for line in found] == [*["lbaas-v1"] * 5, *["network"] * 3]
    assert [picked(line, "object", "id", "name") for line in found if line["object"] != "health_monitor"] == [
        ("pool", pool["id"], "web"),
        ("vip", vip["id"], "front"),
        ("vip", vip["id"], "front"),
        *[("network", network["id"], "wire")] * 3,
    ]
    assert found[6]["part"] == "tags"
    assert found[4]["attributes"] == "connection_limit=9"


def test_of_secrets_nothing_is_told_but_their_names(world: World, lines: Lines) -> None:
    body = {"name": "key", "payload": SECRET, "payload_content_type": "text/plain", "bit_length": 128}
    made = world.call("POST", "/v1/secrets", body, user="blue:admin", expect=201)["secret_ref"].rpartition("/")[2]
    world.call("POST", "/v1/secrets", {"name": "key", "payload": 4711}, user="blue:admin", expect=400)
    empty = world.call("POST", "/v1/secrets", {"name": "later"}, user="blue:admin", expect=201)["secret_ref"]
    later = empty.rpartition("/")[2]
    headers = {"Content-Type": "text/plain"}
    world.call("PUT", f"/v1/secrets/{later}", content=SECRET.encode(), headers=headers, user="blue:admin", expect=204)
    world.call("DELETE", f"/v1/secrets/{made}", user="blue:admin", expect=204)
    found = lines.new()
    assert [line["api"] for line in found] == ["key-manager"] * 5
    assert picked(found[0], "object", "id", "attributes") == (
        ("secret", made, "name,payload,payload_content_type,bit_length")
    )
    assert "4711" not in repr(found)
    assert picked(found[3], "object", "id", "name", "method") == ("secret", later, "later", "PUT")
    assert picked(found[4], "name", "method") == ("key", "DELETE")


def test_the_address_is_what_a_trusted_proxy_says(make_world_with: Callable[..., World]) -> None:
    for trusted, address in ((True, "198.51.100.7"), (False, "127.0.0.1")):
        world = make_world_with(trust_forwarded=trusted)
        with capture_logs() as logs:
            forwarded = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
            world.call("DELETE", f"{LBAAS}/loadbalancers/{NOWHERE}", headers=forwarded, expect=404)
        [line] = [line for line in logs if line["event"] == "audit"]
        assert line["address"] == address


def test_it_can_be_switched_off(make_world_with: Callable[..., World]) -> None:
    world = make_world_with(audit=False)
    with capture_logs() as logs:
        world.call("DELETE", f"{LBAAS}/loadbalancers/{NOWHERE}", expect=404)
    assert not [line for line in logs if line["event"] == "audit"]


def test_what_a_caller_writes_without_end_is_cut(world: World, lines: Lines) -> None:
    """Also of somebody whom nobody knows."""
    endless = "x" * 60_000
    world.call("DELETE", f"{LBAAS}/loadbalancers/{endless}", user="nobody", expect=401)
    world.call("DELETE", f"{LBAAS}/loadbalancers/{endless}", expect=404)
    world.call("DELETE", f"/{endless}/%0A%1B[31m", expect=404)
    found = lines.new()
    assert len(found) == 3
    assert max(len(str(value)) for line in found for value in line.values()) < 300
