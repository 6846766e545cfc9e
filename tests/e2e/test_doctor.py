"""``evenload doctor`` on a real host: silent where nothing is wrong, and right about what was broken on purpose."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from demo.lab import Lab
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import World
from tests.pages.reading import SHELL, read_blocks, split_commands
from tests.waiting import NET

PAGE = "docs/look.md"
EVENLOAD = str(Path(sys.executable).with_name("evenload"))
OF_THE_MACHINE = {"clock", "packet filter", "kernel limits", "disk", "haproxy"}
"""What the machine that runs the tests may be warned of."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        world = build_world(lab, {"agent": {"resync_interval": 30}}, webs=("web1", "web2"))
        make_networks(world)
        yield world


def examine(world: World, *ours: str, status: int) -> dict[str, list[dict[str, Any]]]:
    """What is wrong, by what it is about. ``ours``: load balancers; what is left of others is another service's."""
    words = [EVENLOAD, "doctor", "--format", "json", "--config-file", str(world.service.config)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=NET)
    assert done.returncode == status, done
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        foreign = each["about"] == "leftovers" and not any(identifier in each["text"] for identifier in ours)
        if each["level"] != "ok" and each["about"] not in OF_THE_MACHINE and not foreign:
            found.setdefault(each["about"], []).append(each)
    return found


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def stopped(world: World) -> Iterator[None]:
    world.service.stop()
    try:
        yield
    finally:
        world.service.start()


def test_a_host_on_which_all_is_well(world: World) -> None:
    shop = world.balancer("web1", monitor=True, name="shop")
    try:
        world.wait_status(f"pools/{shop.pool_id}/members/{shop.members['web1']}", "ONLINE")
        assert examine(world, shop.id, "shop", status=0) == {}
    finally:
        world.delete(shop.id)


def test_what_was_broken_is_found_while_the_service_runs(world: World) -> None:
    bridge = world.lab.bridge
    shop = world.balancer("web1", "web2", monitor=True, name="shop")
    stranger = str(uuid.uuid4())
    try:
        for web in ("web1", "web2"):
            world.stop_backend(web)
            world.wait_status(f"pools/{shop.pool_id}/members/{shop.members[web]}", "ERROR")
        ip("netns", "add", f"qlbaas-{stranger}")
        ip("link", "set", bridge, "type", "bridge", "stp_state", "1")
        found = examine(world, stranger, status=1)
        assert found.keys() == {"load balancer", "leftovers", f"bridge {bridge}"}
        [balancer] = found["load balancer"]
        assert balancer["level"] == "fault"
        assert re.search(r"shop: 2 of 2 members are down; member web1 .* is down: .*refused", balancer["text"])
        assert stranger in found["leftovers"][0]["text"]
        assert "STP" in found[f"bridge {bridge}"][0]["text"]
    finally:
        ip("netns", "delete", f"qlbaas-{stranger}")
        ip("link", "set", bridge, "type", "bridge", "stp_state", "0")
        for web in ("web1", "web2"):
            world.start_backend(web)
        world.delete(shop.id)


def test_what_was_broken_is_found_while_the_service_is_down(world: World) -> None:
    state, bridge = world.lab.state, world.lab.bridge
    shop = world.balancer("web1", name="shop")
    with stopped(world):
        (state / "secrets.key").chmod(0o644)
        (state / "server").chmod(0o755)
        ip("link", "set", bridge, "down")
        database = state / "server" / "evenload.sqlite"
        try:
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", world.service.port))
                other.listen()
                found = examine(world, status=1)
            assert found.keys() == {"server", "agent", "keys of secrets", "directories", f"bridge {bridge}", "ports"}
            for about in ("keys of secrets", "directories", f"bridge {bridge}"):
                [each] = found[about]
                subprocess.run(["sh", "-ec", each["remedy"].partition("; or")[0]], check=True)  # what it says helps
            assert examine(world, status=1).keys() == {"server", "agent"}
            database.rename(database.with_suffix(".away"))
            assert "no database yet" in examine(world, status=1)["database"][0]["text"]
            assert not database.exists()
        finally:
            database.with_suffix(".away").rename(database)
    world.delete(shop.id)


def test_a_role_that_hangs(world: World) -> None:
    pid = world.service.roles()["agent"]
    os.kill(pid, signal.SIGSTOP)
    try:
        [found] = examine(world, status=1)["agent"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "gives no answer" in found["text"]


def test_the_commands_of_the_page(world: World) -> None:
    """Each as it stands there, in the service's own settings; those that watch are ended after a moment."""
    shop = world.balancer("web1", name="shop")
    try:
        world.wait_answer(shop.vip)
        blocks = [block for block in read_blocks(PAGE) if block.language == SHELL]
        commands = [command for block in blocks for command in split_commands(block.text)]
        assert len(commands) > 5
        for command in commands:
            words = command.replace("b52aacdc-135f-4f09-a028-9d04726fe6c8", shop.id).split()
            if words[0] == "evenload":
                words = [EVENLOAD, *words[1:], "--config-file", str(world.service.config)]
            watches = "--watch" in words
            running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert running.stdout is not None
            first = running.stdout.readline()
            if watches:
                running.send_signal(signal.SIGTERM)  # Ctrl-C is ignored where the tests run in the background
            rest, errors = running.communicate(timeout=NET)
            assert (running.returncode, errors) == (0, ""), (command, first, rest)
            assert first or rest, command
    finally:
        world.delete(shop.id)
