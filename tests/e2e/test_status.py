"""``evenload status`` beside a real service: what it says of members, processes and roles that are in trouble, on a
terminal and for programs."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.lab import Lab
from demo.traces import read_haproxy_pids
from demo.traffic import Load
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import World
from tests.waiting import NET

EVENLOAD = str(Path(sys.executable).with_name("evenload"))
CTRL_C = signal.SIGTERM if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else signal.SIGINT
"""Where the tests run in the background, what they start ignores it."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        world = build_world(lab, {"agent": {"resync_interval": 2}}, webs=("web1", "web2"))
        make_networks(world)
        yield world


def command(world: World, *words: str) -> list[str]:
    return [EVENLOAD, "status", *words, "--config-file", str(world.service.config)]


def run(world: World, *words: str, status: int) -> str:
    done = subprocess.run(command(world, *words), capture_output=True, text=True, check=False, timeout=NET)
    assert done.returncode == status, done
    return done.stdout if status < 2 else done.stderr


def look(world: World, *words: str, status: int = 1) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(world, *words, "--format", "json", status=status))
    assert document["format"] == 1
    return document


def test_all_is_well(world: World) -> None:
    assert "There is no load balancer." in run(world, status=0)
    shop = world.balancer("web1", "web2", monitor=True, name="shop")
    try:
        for member in shop.members.values():
            world.wait_status(f"pools/{shop.pool_id}/members/{member}", "ONLINE")
        text = run(world, status=0)
        assert re.search(rf"^ +shop +default +{shop.vip} +ACTIVE +ONLINE +2/2 ", text, re.MULTILINE)
        document = look(world, shop.vip, status=0)
        service, balancer = document["service"], document["load_balancer"]
        roles = world.service.roles()
        assert {name: service[name]["pid"] for name in ("server", "agent")} == roles
        assert service["agent"]["connected"] is True
        assert balancer["process"]["pid"] in read_haproxy_pids(shop.id)
        assert re.match(r"\d+\.\d+", balancer["process"]["haproxy"])
        assert balancer["namespace"] == f"qlbaas-{shop.id}"
        assert balancer["network"] == "net"
        checks = [member["checks"][0] for member in balancer["pools"][0]["members"]]
        assert [(check["up"], check["type"]) for check in checks] == [(True, "HTTP")] * 2
    finally:
        world.delete(shop.id)


def test_traffic_has_rates(world: World) -> None:
    shop = world.balancer("web1", name="shop")
    try:
        world.wait_answer(shop.vip)

        def seen() -> bool:
            balancer = look(world, "shop", status=0)["load_balancer"]
            [listener], [member] = balancer["listeners"], balancer["pools"][0]["members"]
            rates = [part["connections_per_second"] or 0 for part in (balancer, listener, member)]
            return min(*rates, listener["bytes_out_per_second"] or 0) > 0

        with Load(world.client, shop.vip):
            world.wait(seen, "rates")
    finally:
        world.delete(shop.id)


def test_what_is_wrong_comes_first_and_says_why(world: World) -> None:
    well, shop = world.balancer("web1", name="a"), world.balancer("web1", "web2", monitor=True, name="shop")
    try:
        world.stop_backend("web2")
        world.wait_status(f"pools/{shop.pool_id}/members/{shop.members['web2']}", "ERROR")
        document = look(world)
        assert [each["name"] for each in document["load_balancers"]] == ["shop", "a"]
        [reason] = document["load_balancers"][0]["reasons"]
        assert reason.startswith("member web2 (10.88.0.12:8080) is down: ")
        assert "refused" in reason
        text = run(world, "shop", status=1)
        assert re.search(r"! +web2 +10\.88\.0\.12:8080 .*ERROR .*refused", text)
        last = text.partition("Last events:")[2]
        assert re.search(r"member web2 of load balancer shop: \w+ -> ERROR: .*refused", last)
        world.start_backend("web2")
        world.wait_status(f"pools/{shop.pool_id}/members/{shop.members['web2']}", "ONLINE")
        look(world, status=0)
    finally:
        world.delete(shop.id)
        world.delete(well.id)


def test_a_change_that_the_host_refuses_is_shown_with_the_reason(world: World) -> None:
    shop = world.balancer("web1", name="shop")
    try:
        bridge = world.lab.bridge
        subprocess.run(["ip", "link", "set", bridge, "down"], check=True)
        made = world.create("loadbalancers", "loadbalancer", name="new", vip_subnet_id=world.subnet_id)
        try:
            world.wait(
                lambda: world.show("loadbalancers", made["id"])["provisioning_status"] == "ERROR", "the host refuses"
            )
            line = look(world)["load_balancers"][0]
            assert (line["name"], line["reasons"][0]) == (
                "new",
                f"the last change failed: the bridge {bridge} is down; set it up: ip link set {bridge} up",
            )
        finally:
            subprocess.run(["ip", "link", "set", bridge, "up"], check=True)
            world.delete(made["id"])
    finally:
        world.delete(shop.id)


def test_a_name_may_mean_several_or_nothing(world: World) -> None:
    twins = [world.balancer("web1", name="twin") for _ in range(2)]
    try:
        said = run(world, "twin", status=2)
        assert "2 load balancers are called 'twin'" in said
        assert all(twin.id in said and twin.vip in said for twin in twins)
        assert look(world, twins[1].id, status=0)["load_balancer"]["id"] == twins[1].id
        assert look(world, twins[1].listener_id, status=0)["load_balancer"]["id"] == twins[1].id
    finally:
        for twin in twins:
            world.delete(twin.id)
    assert "there is no load balancer 'twin'" in run(world, "twin", status=2)
    assert "usage: evenload status" in run(world, "one", "two", status=2)
    assert "usage: evenload status" in run(world, "--format", "xml", status=2)


def test_a_role_that_hangs_or_is_down_is_named_and_the_rest_is_shown(world: World) -> None:
    shop = world.balancer("web1", name="shop")
    try:
        for role, other in (("server", "agent"), ("agent", "server")):
            pid = world.service.roles()[role]
            os.kill(pid, signal.SIGSTOP)
            try:
                service = look(world)["service"]
            finally:
                os.kill(pid, signal.SIGCONT)
            assert (service[role]["state"], service[role]["pid"]) == ("silent", pid)
            assert service[other]["state"] == "answers"
            assert any(sentence.startswith(f"the {role} gives no answer") for sentence in service["wrong"])
        world.service.stop()
        document = look(world, "shop")
        assert [document["service"][role]["state"] for role in ("server", "agent")] == ["down", "down"]
        shown = document["load_balancer"]
        assert (shown["operating_status"], shown["connections"]) == ("ONLINE", None)
        assert "load balancer shop" in shown["events"][-1]["text"]
        [pid] = read_haproxy_pids(shop.id)
        assert shown["process"]["pid"] == pid
        os.kill(pid, signal.SIGKILL)
        world.wait(lambda: not read_haproxy_pids(shop.id), "HAProxy dead")
        assert look(world, "shop")["load_balancer"]["process"] is None
        assert "no HAProxy runs" in run(world, "shop", status=1)
        agent = subprocess.Popen([EVENLOAD, "agent", "--config-file", str(world.service.config)])
        try:
            world.wait(lambda: look(world)["load_balancers"][0]["answers"], "the agent alone has brought it back")
            service = look(world)["service"]
            assert (service["server"]["state"], service["agent"]["state"]) == ("down", "answers")
            assert service["agent"]["connected"] is False
        finally:
            agent.terminate()
            agent.wait(NET)
        database = world.lab.state / "server" / "evenload.sqlite"
        database.rename(database.with_suffix(".away"))
        try:
            said = run(world, status=2)
            assert "neither the database (there is no database yet" in said
            assert not database.exists()
        finally:
            database.with_suffix(".away").rename(database)
    finally:
        if not world.service.running:
            world.service.start()
        world.delete(shop.id)


def test_watching_redraws_in_place_until_it_is_interrupted(world: World) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90", "LINES": "24"}
    watching = subprocess.Popen(
        command(world, "--watch", "0.1"),
        stdout=slave,
        stderr=slave,
        stdin=slave,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    try:
        deadline = time.monotonic() + NET
        while seen.count(b"\x1b[H") < 3:
            assert time.monotonic() < deadline, seen
            if select.select([master], [], [], 0.5)[0]:
                seen += os.read(master, 65536)
    finally:
        watching.send_signal(CTRL_C)
        code = watching.wait(NET)
        os.close(master)
    assert code == 0
    assert b"There is no load balancer." in seen
    assert seen.startswith(b"\x1b[?25l")


def test_watching_into_a_pipe_writes_a_document_a_line(world: World) -> None:
    with subprocess.Popen(
        command(world, "--watch", "0.5", "--format", "json"), stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
        watching.send_signal(signal.SIGTERM)
    assert first["at"] < second["at"]
