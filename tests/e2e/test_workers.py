"""Several processes that answer requests, on SQLite: nothing gets lost between them, and one that dies comes back."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.lab import Lab
from demo.traces import read_haproxy_pids
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import Reply, World

from evenload.host.haproxy_process import start_time

WORKERS = 3


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        world = build_world(lab, {"api": {"workers": WORKERS}, "agent": {"resync_interval": 2}}, webs=("web1", "web2"))
        make_networks(world)
        yield world


@pytest.fixture(autouse=True)
def emptied(world: World) -> Iterator[None]:
    yield
    world.clear()


def workers(world: World) -> list[int]:
    server = world.service.roles().get("server")
    if server is None:  # between two lives
        return []
    try:
        return [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


def await_workers(world: World, former: set[int]) -> None:
    world.wait(lambda: len(workers(world)) == WORKERS and not former & set(workers(world)), "other workers")


def test_each_is_as_unprivileged_as_one_alone(world: World) -> None:
    found = workers(world)
    assert len(found) == WORKERS
    for pid in [world.service.roles()["server"], *found]:
        status = Path(f"/proc/{pid}/status").read_text()
        assert "CapBnd:\t0000000000000000" in status
        assert "CapPrm:\t0000000000000000" in status
        assert "Uid:\t0" not in status


def test_changes_through_all_of_them_are_applied_whole(world: World) -> None:
    made = world.balancer("web1")
    failed: list[Reply] = []

    def change(first: int) -> None:
        for number in range(first, first + 10):
            body = {"member": {"address": f"10.88.0.{number}", "protocol_port": 8080}}
            reply = world.lbaas("POST", f"pools/{made.pool_id}/members", body)
            if reply.status != 201:
                failed.append(reply)

    threads = [threading.Thread(target=change, args=(first,)) for first in (20, 40, 60, 80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    world.wait_active(made.id)
    members = world.lbaas("GET", f"pools/{made.pool_id}/members").body["members"]
    assert len(members) == 41
    text = world.config_of(made.id)
    assert [each["address"] for each in members if f" {each['address']}:" not in text] == []


@pytest.mark.parametrize("which", ["one", "all", "their parent"])
def test_workers_that_are_killed_come_back_and_lose_nothing(world: World, which: str) -> None:
    made = world.balancer("web1", "web2")
    world.wait_answer(made.vip)
    pids = read_haproxy_pids(made.id)
    found = workers(world)
    victims = {"one": found[:1], "all": found, "their parent": [world.service.roles()["server"]]}[which]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    path = f"pools/{made.pool_id}/members/{made.members['web1']}"

    def changed() -> bool:
        try:
            return world.lbaas("PUT", path, {"member": {"weight": 55}}).status == 200
        except OSError:  # the connection of a worker that was just killed
            return False

    world.wait(changed, "a change")
    await_workers(world, set(victims) if which != "their parent" else set(found))
    world.wait_active(made.id)
    world.wait(lambda: " weight 55 " in world.config_of(made.id), "the change in force")
    assert read_haproxy_pids(made.id) == pids


def test_all_end_when_the_service_is_stopped(world: World) -> None:
    found = [*workers(world), *world.service.roles().values()]
    assert world.service.stop() == 0
    assert [pid for pid in found if start_time(pid)] == []
    world.service.start()
