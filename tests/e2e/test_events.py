"""What happens to real load balancers is told: by ``evenload events``, by the API with its reason, and in the log."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.lab import Lab
from demo.traces import read_haproxy_pids
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import Balanced, World
from tests.waiting import NET

COMMAND = str(Path(sys.executable).with_name("evenload"))
PAGE = Path(__file__).parents[2] / "docs/events.md"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        world = build_world(lab, {"agent": {"resync_interval": 2}}, webs=("web1", "web2"))
        make_networks(world)
        yield world


@pytest.fixture(scope="module")
def shop(world: World) -> Balanced:
    shop = world.balancer("web1", "web2", monitor=True, name="shop")
    for member in shop.members.values():
        world.wait_status(f"pools/{shop.pool_id}/members/{member}", "ONLINE")
    return shop


def events(world: World, *words: str) -> list[dict[str, Any]]:
    command = [COMMAND, "events", *words, "--format", "json", "--config-file", str(world.service.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NET, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def texts(world: World, *words: str) -> list[str]:
    return [event["text"] for event in events(world, *words)]


def wait_for(world: World, pattern: str, *words: str) -> str:
    def look() -> str | None:
        return next((text for text in texts(world, *words) if re.fullmatch(pattern, text)), None)

    return world.wait(look, pattern)


def test_a_name_of_nothing_is_no_silence(world: World, shop: Balanced) -> None:
    command = [COMMAND, "events", "shpo", "--config-file", str(world.service.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NET, check=True)
    assert (done.stdout, done.stderr) == ("", "evenload events: nothing that has happened fits\n")


def test_a_creation_and_a_reload_are_told_with_their_causes(world: World, shop: Balanced) -> None:
    told = texts(world, "shop")
    for text in (
        "load balancer shop: HAProxy started: a new load balancer on this host",
        "load balancer shop: PENDING_CREATE -> ACTIVE",
        "load balancer shop: OFFLINE -> ONLINE",
        "member web1 of load balancer shop: OFFLINE -> ONLINE",
    ):
        assert text in told
    world.create("listeners", "listener", name="other", loadbalancer_id=shop.id, protocol="HTTP", protocol_port=81)
    world.wait_active(shop.id)
    wait_for(world, "load balancer shop: HAProxy reloaded: 1 listener added", "--kind", "process")
    wait_for(world, "listener other of load balancer shop: PENDING_CREATE -> ACTIVE")
    [began] = events(world, "--kind", "agent")
    assert (began["state"], began["load_balancer"]["id"]) == ("began", None)


def test_a_member_that_goes_down_and_up_says_why(world: World, shop: Balanced) -> None:
    path = f"pools/{shop.pool_id}/members/{shop.members['web2']}"
    since = world.show(*path.rsplit("/", 1))["operating_status_since"]
    world.stop_backend("web2")
    world.wait_status(path, "ERROR")
    shown = world.show(*path.rsplit("/", 1))
    assert re.fullmatch(r"no connection: .*\(L4CON\)", shown["operating_status_reason"])
    assert shown["operating_status_since"] > since
    tree = world.lbaas("GET", f"loadbalancers/{shop.id}/status").body["statuses"]["loadbalancer"]
    pool = next(pool for each in tree["listeners"] for pool in each["pools"])
    assert pool["operating_status_reason"] == "1 of 2 members is down"
    [down] = [each for each in pool["members"] if each["operating_status"] == "ERROR"]
    assert down["operating_status_reason"] == shown["operating_status_reason"]
    printed = json.loads(world.command("loadbalancer", "status", "show", "shop"))
    assert "(L4CON)" in json.dumps(printed)
    text = f"member web2 of load balancer shop: ONLINE -> ERROR: {shown['operating_status_reason']}"
    wait_for(world, re.escape(text), "shop")
    log = world.service.log.read_text()
    assert re.search(rf"warning '?\"?{re.escape(text)}.*load_balancer={shop.id} member={down['id']}", log)
    world.start_backend("web2")
    world.wait_status(path, "ONLINE")
    wait_for(world, "member web2 of load balancer shop: ERROR -> ONLINE", "--since", "10m")


def test_a_haproxy_that_dies_is_told_as_is_its_successor(world: World, shop: Balanced) -> None:
    for pid in read_haproxy_pids(shop.id):
        os.kill(pid, signal.SIGKILL)
    wait_for(world, "load balancer shop: HAProxy died: its process is gone, and nobody here ended it", "shop")
    wait_for(world, "load balancer shop: HAProxy replaced: the one before has died", "shop")


def test_changes_by_each_api_are_audited(world: World, shop: Balanced) -> None:
    reply = world.lbaas("PUT", f"loadbalancers/{shop.id}", {"loadbalancer": {"description": "more"}})
    world.wait_active(shop.id)
    world.ask("PUT", f"/v2.0/networks/{world.network_id}", {"network": {"description": "more"}})
    world.ask("DELETE", "/v2.0/lb/vips/none")
    secret = {"name": "key", "payload": "hidden-payload", "payload_content_type": "text/plain"}
    world.ask("POST", "/v1/secrets", secret)
    lines = [line for line in world.service.log.read_text().splitlines() if " audit request=" in line]
    changed = next(line for line in lines if reply.headers["x-openstack-request-id"] in line)
    for part in ("info audit", "method=PUT", "api=octavia", "object=loadbalancer", "status=200", f"id={shop.id}"):
        assert part in changed
    assert "name=shop" in changed
    assert "attributes=description" in changed
    last = lines[-3:]
    assert [re.search(r" (\w+) audit .* api=(\S+) ", line).groups() for line in last] == [  # type: ignore[union-attr]
        ("info", "network"),
        ("warning", "lbaas-v1"),
        ("info", "key-manager"),
    ]
    assert "hidden-payload" not in world.service.log.read_text()


def test_the_commands_of_the_page_can_be_typed(world: World, shop: Balanced) -> None:
    del shop
    commands = re.findall(r"^    evenload (events.*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) > 5
    for line in commands:
        command = [COMMAND, *line.split(), "--config-file", str(world.service.config)]
        if "--follow" in command:
            follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert follower.stdout is not None
            with follower.stdout:
                assert " agent " in follower.stdout.readline()
                follower.send_signal(signal.SIGINT)
                assert follower.wait(NET) == 0
            continue
        done = subprocess.run(command, capture_output=True, text=True, timeout=NET, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line
        assert done.stdout, line


def test_events_can_be_read_when_nothing_runs(world: World, shop: Balanced) -> None:
    del shop
    world.service.stop()
    try:
        assert "load balancer shop: HAProxy replaced: the one before has died" in texts(world, "shop")
    finally:
        world.service.start()
