"""Changes that do not wait for each other, and many load balancers at once."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from demo.lab import NETNS
from tests.e2e.conformity import await_conformity
from tests.e2e.world import BACKEND_PORT, WEBS, World

MANY = 20
CLIENTS = 100


def test_thirty_changes_in_a_row_without_waiting(world: World) -> None:
    """Listeners, pools, members and weights: every kind of change of the data plane, none of them refused."""
    made = world.create("loadbalancers", "loadbalancer", name="busy", vip_subnet_id=world.subnet_id)
    identifier, vip = made["id"], made["vip_address"]
    begun = time.monotonic()
    changes, pending = 0, 0
    listeners: dict[int, dict[str, Any]] = {}
    weights: dict[str, int] = {}
    for port in (80, 81, 82, 83):
        listeners[port] = world.create(
            "listeners", "listener", loadbalancer_id=identifier, protocol="HTTP", protocol_port=port
        )
        pool = world.create(
            "pools", "pool", listener_id=listeners[port]["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN"
        )
        for web in WEBS:
            path = f"pools/{pool['id']}/members"
            member = world.create(path, "member", **world.member(web, BACKEND_PORT + port - 80))
            changes += 1
            if web != "web1":
                reply = world.lbaas("PUT", f"{path}/{member['id']}", {"member": {"weight": 2 + port % 5}})
                assert reply.status == 200, reply
                pending += reply.body["member"]["provisioning_status"].startswith("PENDING")
                weights[f"{path}/{member['id']}"] = 2 + port % 5
                changes += 1
        reply = world.lbaas(
            "PUT", f"listeners/{listeners[port]['id']}", {"listener": {"timeout_client_data": 20000 + port}}
        )
        assert reply.status == 200, reply
        changes += 3
    for path in list(weights)[:2]:
        assert world.lbaas("DELETE", path).status == 204
        del weights[path]
        changes += 1
    assert changes >= 30
    assert pending > 0, "not one change met another on its way: the test shows nothing"
    world.wait_active(identifier)
    world.measure(f"{changes} changes in a row, all in force", time.monotonic() - begun)

    objects = world.objects()
    for collection in ("loadbalancers", "listeners", "pools"):
        assert {item["provisioning_status"] for item in objects[collection]} == {"ACTIVE"}
    for path, weight in weights.items():
        shown = world.show(*path.rsplit("/", 1))
        assert (shown["provisioning_status"], shown["weight"]) == ("ACTIVE", weight)
    for port in listeners:
        assert world.show("listeners", listeners[port]["id"])["timeout_client_data"] == 20000 + port
        deleted_here = port == 80
        seen = world.client.spread(vip, port, requests=24)
        assert set(seen) == ({"web1"} if deleted_here else set(WEBS)), f"port {port}"


def test_a_hundred_clients_write_to_one_load_balancer(world: World) -> None:
    """Each succeeds, or fails for a reason of its own; what is in force in the end is what the database says."""
    balanced = world.balancer("web1", "web2")
    members = f"pools/{balanced.pool_id}/members"
    doomed = [world.create(members, "member", **world.member("web3", BACKEND_PORT + number)) for number in range(20)]
    world.wait_active(balanced.id)
    start = threading.Barrier(CLIENTS)

    def write(number: int) -> tuple[str, int]:
        kind, which = number % 5, number // 5
        start.wait()
        match kind:
            case 0:  # two for each port
                body = {"loadbalancer_id": balanced.id, "protocol": "HTTP", "protocol_port": 8000 + which // 2}
                return "listener", world.lbaas("POST", "listeners", {"listener": body}).status
            case 1:
                body = world.member("web1", 9000 + which)
                return "member", world.lbaas("POST", members, {"member": body}).status
            case 2:  # two for each member
                path = f"{members}/{doomed[which // 2]['id']}"
                return "deletion", world.lbaas("DELETE", path).status
            case 3:
                path = f"{members}/{doomed[10 + which // 2]['id']}"
                return "weight", world.lbaas("PUT", path, {"member": {"weight": which + 1}}).status
            case _:
                body = {"timeout_client_data": 30_000 + which}
                return "timeout", world.lbaas("PUT", f"listeners/{balanced.listener_id}", {"listener": body}).status

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        answers = list(pool.map(write, range(CLIENTS)))
    statuses = {kind: Counter(status for each, status in answers if each == kind) for kind, _ in answers}
    assert statuses["listener"] == {201: 10, 409: 10}
    assert statuses["member"] == {201: 20}
    assert set(statuses["deletion"]) <= {204, 404}
    assert statuses["deletion"][204] >= 10
    assert statuses["weight"] == {200: 20}
    assert statuses["timeout"] == {200: 20}
    world.wait_active(balanced.id)
    await_conformity(world)
    ports = {each["protocol_port"] for each in world.objects()["listeners"]}
    assert ports == {80, *range(8000, 8010)}
    left = {each["id"] for each in world.lbaas("GET", members).body["members"]}
    assert len(left) == 2 + 10 + 20
    assert left.isdisjoint(each["id"] for each in doomed[:10])


def test_a_deletion_in_the_middle_of_changes_is_final(world: World) -> None:
    made = world.create("loadbalancers", "loadbalancer", name="short", vip_subnet_id=world.subnet_id)
    listener = world.create("listeners", "listener", loadbalancer_id=made["id"], protocol="HTTP", protocol_port=80)
    assert world.lbaas("DELETE", f"loadbalancers/{made['id']}?cascade=true").status == 204
    reply = world.lbaas("PUT", f"listeners/{listener['id']}", {"listener": {"name": "late"}})
    assert reply.status in (404, 409), reply
    again = world.lbaas("DELETE", f"loadbalancers/{made['id']}?cascade=true")
    assert again.status in (204, 404), again
    world.wait(lambda: world.lbaas("GET", f"loadbalancers/{made['id']}").status == 404, "gone")
    world.assert_gone(made["id"])


def test_many_load_balancers_made_at_the_same_time(world: World) -> None:
    """Each has an address and a namespace of its own, and serves."""
    begun = time.monotonic()

    def make(number: int) -> dict[str, Any]:
        pool = {
            "name": f"pool{number}",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": [world.member("web1", BACKEND_PORT + number)],
        }
        listener = {"name": "web", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        return world.create(
            "loadbalancers", "loadbalancer", name=f"many{number}", vip_subnet_id=world.subnet_id, listeners=[listener]
        )

    with ThreadPoolExecutor(max_workers=MANY) as pool:
        made = list(pool.map(make, range(MANY)))
    world.measure(f"{MANY} load balancers accepted", time.monotonic() - begun)
    for balancer in made:
        world.wait_active(balancer["id"])
    world.measure(f"{MANY} load balancers ACTIVE", time.monotonic() - begun)
    assert len({balancer["vip_address"] for balancer in made}) == MANY
    assert len({balancer["vip_port_id"] for balancer in made}) == MANY
    for balancer in made:
        world.wait_answer(balancer["vip_address"])
        assert (NETNS / f"qlbaas-{balancer['id']}").exists()
    begun = time.monotonic()
    with ThreadPoolExecutor(max_workers=MANY) as pool:
        replies = list(
            pool.map(lambda item: world.lbaas("DELETE", f"loadbalancers/{item['id']}?cascade=true").status, made)
        )
    assert set(replies) == {204}
    world.wait(lambda: not world.lbaas("GET", "loadbalancers").body["loadbalancers"], "all gone")
    world.measure(f"{MANY} load balancers deleted", time.monotonic() - begun)
    for balancer in made:
        world.assert_gone(balancer["id"])
    assert not world.ask("GET", f"/v2.0/ports?network_id={world.network_id}").body["ports"]
