"""The ``openstack`` command as shipped, with nothing but OS_AUTH_TYPE and OS_ENDPOINT.

Starting it costs more than a second of CPU, hence one long story in few processes instead of many tests; with
``--wait`` it sleeps three seconds where its first look comes too early, hence that only where waiting is the point.
"""

from typing import Any

from tests.e2e.world import BACKEND_PORT, World


def test_a_load_balancer_by_hand(world: World) -> None:
    network, subnet, balancer = world.commands(
        "network create --provider-network-type flat --provider-physical-network physnet2 --mtu 1400 hand-net -f json",
        "subnet create --network hand-net --subnet-range 10.88.0.0/24 --gateway 10.88.0.1"
        " --allocation-pool start=10.88.0.200,end=10.88.0.220 hand-sub -f json",
        "loadbalancer create --name smoke --vip-subnet-id hand-sub --tag by-hand --wait -f json",
    )
    assert network["mtu"] == 1400
    assert subnet["gateway_ip"] == "10.88.0.1"
    assert balancer["provisioning_status"] == "ACTIVE"
    assert balancer["vip_address"].startswith("10.88.0.2")
    try:
        _live(world, balancer)
    finally:
        world.clear()
        world.commands("subnet delete hand-sub", "network delete hand-net")


def _live(world: World, balancer: dict[str, Any]) -> None:
    member = f"member create --protocol-port {BACKEND_PORT} --subnet-id hand-sub -f json"
    listener, pool, first, second, monitor = world.commands(
        "loadbalancer listener create --name l1 --protocol HTTP --protocol-port 80"
        " --insert-headers X-Forwarded-For=true smoke -f json",
        "loadbalancer pool create --name p1 --protocol HTTP --lb-algorithm ROUND_ROBIN --listener l1 -f json",
        f"loadbalancer {member} --name web1 --address 10.88.0.11 p1",
        f"loadbalancer {member} --name web2 --address 10.88.0.12 p1 --wait",
        "loadbalancer healthmonitor create --name h1 --delay 1 --timeout 1 --max-retries 1 --type HTTP p1 -f json",
    )
    assert first["address"] == "10.88.0.11"
    assert second["provisioning_status"] == "ACTIVE"
    world.wait_answer(balancer["vip_address"])
    assert set(world.client.spread(balancer["vip_address"], requests=8)) == {"web1", "web2"}

    world.command("loadbalancer", "member", "set", "--weight", "0", "p1", "web2")
    world.wait(lambda: set(world.client.spread(balancer["vip_address"], requests=4)) == {"web1"}, "web2 drained")
    world.wait(lambda: _connections(world, balancer) >= 8, "statistics")
    members, statuses, stats, listed, shown = world.commands(
        "loadbalancer set --name smoke2 smoke",
        "loadbalancer member list p1 -f json",
        "loadbalancer status show smoke2",
        "loadbalancer stats show smoke2 -f json",
        "loadbalancer list --tags by-hand -f json",
        "loadbalancer pool show p1 -f json",
    )
    assert {item["name"]: item["weight"] for item in members} == {"web1": 1, "web2": 0}
    tree = statuses["loadbalancer"]
    assert (tree["id"], tree["listeners"][0]["id"]) == (balancer["id"], listener["id"])
    assert tree["listeners"][0]["pools"][0]["id"] == pool["id"]
    assert tree["listeners"][0]["pools"][0]["health_monitor"]["id"] == monitor["id"]
    assert stats["total_connections"] >= 8
    assert [item["name"] for item in listed] == ["smoke2"]
    assert shown["healthmonitor_id"] == monitor["id"]

    world.commands("loadbalancer healthmonitor delete h1", "loadbalancer member delete p1 web2")
    refused = world.command("loadbalancer", "delete", "smoke2", good=False)
    assert "cascade" in refused
    world.command("loadbalancer", "delete", "--cascade", "--wait", "smoke2")
    world.assert_gone(balancer["id"])


def _connections(world: World, balancer: dict[str, Any]) -> int:
    return int(world.lbaas("GET", f"loadbalancers/{balancer['id']}/stats").body["stats"]["total_connections"])
