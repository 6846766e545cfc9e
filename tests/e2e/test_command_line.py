"""The ``openstack`` command as shipped, with nothing but OS_AUTH_TYPE and OS_ENDPOINT.

Each call costs more than a second of CPU, and one with ``--wait`` sleeps three more where the first look comes too
early, hence one long story instead of many tests, and ``--wait`` only where its working is the point.
"""

import json

from tests.e2e.world import BACKEND_PORT, World


def test_a_load_balancer_by_hand(world: World) -> None:
    network = world.create_by_command(
        "network", "create", "--provider-network-type", "flat", "--provider-physical-network", "physnet2",
        "--mtu", "1400", "hand-net",
    )  # fmt: skip
    assert network["mtu"] == 1400
    subnet = world.create_by_command(
        "subnet", "create", "--network", "hand-net", "--subnet-range", "10.88.0.0/24", "--gateway", "10.88.0.1",
        "--allocation-pool", "start=10.88.0.200,end=10.88.0.220", "hand-sub",
    )  # fmt: skip
    assert subnet["gateway_ip"] == "10.88.0.1"
    try:
        _live(world)
    finally:
        world.clear()
        world.command("subnet", "delete", "hand-sub")
        world.command("network", "delete", "hand-net")


def _live(world: World) -> None:
    balancer = world.create_by_command(
        "loadbalancer", "create", "--name", "smoke", "--vip-subnet-id", "hand-sub", "--tag", "by-hand", "--wait"
    )
    assert balancer["provisioning_status"] == "ACTIVE"
    assert balancer["vip_address"].startswith("10.88.0.2")
    listener = world.create_by_command(
        "loadbalancer", "listener", "create", "--name", "l1", "--protocol", "HTTP", "--protocol-port", "80",
        "--insert-headers", "X-Forwarded-For=true", "smoke",
    )  # fmt: skip
    pool = world.create_by_command(
        "loadbalancer", "pool", "create", "--name", "p1", "--protocol", "HTTP", "--lb-algorithm", "ROUND_ROBIN",
        "--listener", "l1",
    )  # fmt: skip
    for web, wait in (("web1", ()), ("web2", ("--wait",))):
        member = world.create_by_command(
            "loadbalancer", "member", "create", "--name", web, "--address", world.member(web)["address"],
            "--protocol-port", str(BACKEND_PORT), "--subnet-id", "hand-sub", *wait, "p1",
        )  # fmt: skip
        assert member["provisioning_status"] == ("ACTIVE" if wait else "PENDING_CREATE")
    monitor = world.create_by_command(
        "loadbalancer", "healthmonitor", "create", "--name", "h1", "--delay", "1", "--timeout", "1",
        "--max-retries", "1", "--type", "HTTP", "p1",
    )  # fmt: skip
    world.wait_answer(balancer["vip_address"])
    assert set(world.client.spread(balancer["vip_address"], requests=8)) == {"web1", "web2"}

    world.command("loadbalancer", "member", "set", "--weight", "0", "p1", "web2")
    world.wait(lambda: set(world.client.spread(balancer["vip_address"], requests=4)) == {"web1"}, 5, "web2 drained")
    world.command("loadbalancer", "set", "--name", "smoke2", "smoke")
    members = json.loads(world.command("loadbalancer", "member", "list", "p1", "-f", "json"))
    assert {member["name"]: member["weight"] for member in members} == {"web1": 1, "web2": 0}
    statuses = json.loads(world.command("loadbalancer", "status", "show", "smoke2"))
    tree = statuses["loadbalancer"]
    assert (tree["id"], tree["listeners"][0]["id"]) == (balancer["id"], listener["id"])
    assert tree["listeners"][0]["pools"][0]["id"] == pool["id"]
    assert tree["listeners"][0]["pools"][0]["health_monitor"]["id"] == monitor["id"]
    stats = json.loads(world.command("loadbalancer", "stats", "show", "smoke2", "-f", "json"))
    assert stats["total_connections"] >= 8
    world.command("loadbalancer", "healthmonitor", "delete", "h1")
    world.command("loadbalancer", "member", "delete", "p1", "web2")
    refused = world.command("loadbalancer", "delete", "smoke2", good=False)
    assert "cascade" in refused
    world.command("loadbalancer", "delete", "--cascade", "--wait", "smoke2")
    world.assert_gone(balancer["id"])
    assert json.loads(world.command("loadbalancer", "list", "-f", "json")) == []
