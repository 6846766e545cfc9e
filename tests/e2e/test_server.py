"""The HTTP server as a client meets it: versions, both prefixes, keep-alive, lists with all their features."""

import http.client
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.world import World
from tests.waiting import NET


def test_the_version_document_carries_the_requests_own_host(world: World) -> None:
    reply = world.ask("GET", "/", headers={"Host": "lb.example.com:8443"})
    versions = reply.body["versions"]
    assert [version["status"] for version in versions] == ["SUPPORTED"] * (len(versions) - 1) + ["CURRENT"]
    assert versions[0]["id"] == "v2.0"
    assert {link["href"] for version in versions for link in version["links"]} == {"http://lb.example.com:8443/v2"}


@pytest.mark.parametrize("prefix", ["/v2", "/v2.0"])
def test_both_prefixes_are_the_same_tree(world: World, prefix: str) -> None:
    made = world.create("loadbalancers", "loadbalancer", name="both", vip_subnet_id=world.subnet_id)
    for path in ("lbaas/loadbalancers", "loadbalancers"):
        reply = world.ask("GET", f"{prefix}/{path}/{made['id']}")
        assert reply.status == 200, path
        assert reply.body["loadbalancer"]["id"] == made["id"]
    for path in ("networks", "subnets", "ports"):
        assert world.ask("GET", f"{prefix}/{path}").status == 200


def test_one_connection_carries_many_requests(world: World) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=NET)
    try:
        connection.connect()
        own = connection.sock.getsockname()
        for path, status in (
            ("/v2.0/lbaas/loadbalancers", 200),
            ("/v2.0/lbaas/loadbalancers/nobody", 404),
            ("/nothing", 404),
            ("/v2.0/lbaas/pools", 200),
        ):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == status
            assert re.fullmatch(r"req-[0-9a-f-]{36}", response.headers["x-openstack-request-id"])
            json.loads(response.read())
            assert connection.sock is not None, f"closed after {path}"
            assert connection.sock.getsockname() == own
        body = json.dumps({"loadbalancer": {"nonsense": 1}})
        connection.request("POST", "/v2.0/lbaas/loadbalancers", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 400
    finally:
        connection.close()


def test_lists_are_paged_sorted_filtered_and_cut(world: World) -> None:
    for name, tags in (("c", ["x"]), ("a", ["x", "y"]), ("b", [])):
        world.create("loadbalancers", "loadbalancer", name=name, vip_subnet_id=world.subnet_id, tags=tags)

    def listed(query: str) -> list[Any]:
        body = world.lbaas("GET", f"loadbalancers?{query}").body
        assert isinstance(body["loadbalancers_links"], list)
        return [item.get("name") for item in body["loadbalancers"]]

    assert listed("") == ["c", "a", "b"]
    assert listed("sort=name") == ["a", "b", "c"]
    assert listed("sort_key=name&sort_dir=desc") == ["c", "b", "a"]
    assert listed("name=b") == ["b"]
    assert listed("tags=x,y") == ["a"]
    assert listed("tags-any=x,y&sort=name") == ["a", "c"]
    assert listed("not-tags-any=x") == ["b"]
    cut = world.lbaas("GET", "loadbalancers?fields=name&fields=vip_address&limit=1").body["loadbalancers"]
    assert set(cut[0]) == {"name", "vip_address"}

    seen, path = [], "loadbalancers?limit=1&sort=name&admin_state_up=true"
    while path:
        body = world.lbaas("GET", path).body
        seen += [item["name"] for item in body["loadbalancers"]]
        links = {link["rel"]: link["href"] for link in body["loadbalancers_links"]}
        assert len(seen) < 5
        path = f"loadbalancers?{urlsplit(links['next']).query}" if "next" in links else ""
    assert seen == ["a", "b", "c"]


def test_times_have_no_zone(world: World) -> None:
    made = world.create("loadbalancers", "loadbalancer", name="times", vip_subnet_id=world.subnet_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?", made["created_at"])
    assert made["updated_at"] is None
    assert made["tenant_id"] == made["project_id"]


def test_single_call_creation_answers_the_whole_tree_and_is_all_or_nothing(world: World) -> None:
    member = world.member("web1")
    monitor = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1}
    pool = {"name": "shared", "protocol": "HTTP", "lb_algorithm": "LEAST_CONNECTIONS", "members": [member]}
    desired: dict[str, Any] = {
        "name": "tree",
        "vip_subnet_id": world.subnet_id,
        "pools": [{**pool, "healthmonitor": monitor}],
        "listeners": [
            {"name": "l80", "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "shared"}},
            {"name": "l81", "protocol": "HTTP", "protocol_port": 81, "default_pool": {"name": "shared"}},
        ],
    }
    made = world.create("loadbalancers", "loadbalancer", **desired)
    assert {listener["name"] for listener in made["listeners"]} == {"l80", "l81"}
    [answered] = made["pools"]
    assert [item["name"] for item in answered["members"]] == ["web1"]
    assert answered["healthmonitor"]["type"] == "HTTP"
    world.wait_active(made["id"])
    for port in (80, 81):
        world.wait_answer(made["vip_address"], port)
    shown = world.show("loadbalancers", made["id"])
    assert shown["pools"] == [{"id": answered["id"]}]

    before = world.objects()
    broken = {**desired, "listeners": [{**desired["listeners"][0], "default_pool": {"name": "unknown"}}]}
    reply = world.lbaas("POST", "loadbalancers", {"loadbalancer": broken})
    assert reply.status == 400, reply
    assert "unknown" in reply.fault
    twice = {**desired, "listeners": [desired["listeners"][0], desired["listeners"][0]]}
    assert world.lbaas("POST", "loadbalancers", {"loadbalancer": twice}).status == 409
    after = world.objects()
    assert after["ports"] == before["ports"]
    assert {item["id"] for item in after["loadbalancers"]} == {made["id"]}


def test_a_client_that_says_nothing_holds_up_nobody(world: World) -> None:
    """More silent connections than the service has threads."""
    silent = [http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=NET) for _ in range(40)]
    try:
        for connection in silent:
            connection.connect()
        assert world.ask("GET", "/v2.0/lbaas/loadbalancers").status == 200
    finally:
        for connection in silent:
            connection.close()
