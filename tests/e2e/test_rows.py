"""What one who takes much leaves to the others: a held database, slow clients, a huge request, processes that die
together."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from demo.traces import read_haproxy_pids
from demo.traffic import FAILURES
from tests.e2e.killing import ROLES, await_role, kill_role
from tests.e2e.world import Balanced, Reply, World
from tests.waiting import NET, Repeating, eventually

LBAAS = "/v2.0/lbaas"
WRITERS = 10
HALF, SILENT, READERS, OTHERS = 200, 50, 20, 50
LISTENERS, MEMBERS_EACH = 1000, 3
COUNTED = ("bytes_in", "bytes_out", "total_connections", "request_errors")
_LONG_LIST = 400
_SMALL_WINDOW = 4096


def get(world: World, path: str) -> Reply:
    """Also of what answers with plain text, of which only the status is of interest here."""
    connection = http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=NET)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return Reply(status=response.status, headers={}, body=None)
    finally:
        connection.close()


def in_threads(acts: list[Callable[[], Reply]]) -> tuple[list[threading.Thread], list[Reply]]:
    """All begun at once; the replies come into the list as they arrive."""
    replies: list[Reply] = []
    threads = [threading.Thread(target=lambda act=act: replies.append(act()), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    return threads, replies


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(NET)
        assert not thread.is_alive(), f"no answer within {NET:.0f} s"


def nothing_pending(world: World) -> bool:
    found = [item for items in world.objects().values() for item in items if isinstance(item, dict)]
    return not any(str(item.get("provisioning_status", "")).startswith("PENDING") for item in found)


# --------------------------------------------------------------------------------------------------- a held database

_HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
database.execute("ROLLBACK")
database.close()
"""


@contextmanager
def held(world: World) -> Iterator[Callable[[], None]]:
    """Another process has the database's write lock; gives what lets go of it."""
    file = str(world.lab.state / "server" / "evenload.sqlite")
    words = [sys.executable, "-I", "-S", "-c", _HOLD, file]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"

        def release() -> None:
            process.communicate(timeout=NET)
            assert process.returncode == 0

        try:
            yield release
        finally:
            if process.poll() is None:
                process.kill()


def test_a_database_that_is_held_keeps_nobody_from_reading(world: World) -> None:
    made = world.balancer("web1")

    def write(number: int) -> Callable[[], Reply]:
        if number % 2:
            changed = {"listener": {"name": f"changed {number}"}}
            return lambda: world.lbaas("PUT", f"listeners/{made.listener_id}", changed)
        draft = {"loadbalancer": {"name": f"meanwhile {number}", "vip_subnet_id": world.subnet_id}}
        return lambda: world.lbaas("POST", "loadbalancers", draft)

    paths = [
        "/healthcheck",
        f"{LBAAS}/loadbalancers",
        f"{LBAAS}/loadbalancers/{made.id}/status",
        f"{LBAAS}/listeners/{made.listener_id}",
        "/v2.0/ports",
    ]

    def read() -> str | None:
        replies = {path: get(world, path).status for path in paths}
        return None if set(replies.values()) == {200} else str(replies)

    with held(world) as release, Repeating(read, threads=2) as reads:
        threads, refused = in_threads([write(number) for number in range(WRITERS)])
        reads.await_more(10)
        join(threads)
        assert [reply.status for reply in refused] == [503] * WRITERS, refused
        assert all(reply.fault for reply in refused)
        reads.await_more(5)
        # And those that are waiting when it is let go.
        threads, replies = in_threads([write(number) for number in range(WRITERS)])
        reads.await_more(1)
        release()
        join(threads)
        assert {reply.status for reply in replies} <= {200, 201, 503}, replies
        assert len(replies) == WRITERS
    assert not reads.bad, reads.bad[:3]

    for number in range(WRITERS):
        assert write(number)().status in (200, 201)
    world.wait(lambda: nothing_pending(world), "nothing PENDING any more")
    balancers = world.lbaas("GET", "loadbalancers").body["loadbalancers"]
    assert {balancer["provisioning_status"] for balancer in balancers} == {"ACTIVE"}
    # What was refused left nothing behind: as many were made as were answered so, and each port has its owner.
    created = sum(reply.status == 201 for reply in replies) + WRITERS // 2
    assert len(balancers) == 1 + created
    ports = {port["id"] for port in world.ask("GET", "/v2.0/ports").body["ports"]}
    assert ports == {balancer["vip_port_id"] for balancer in balancers}
    world.wait_answer(made.vip)


# ------------------------------------------------------------------------------------------------------- slow clients


@pytest.fixture
def long_list(world: World) -> tuple[Balanced, str]:
    """A load balancer and the path of a list that is longer than what sockets hold: members that nobody uses."""
    made = world.balancer("web1")
    pool = world.create("pools", "pool", loadbalancer_id=made.id, protocol="TCP", lb_algorithm="ROUND_ROBIN")
    members = [world.member("web1", 1 + number) for number in range(_LONG_LIST)]
    reply = world.lbaas("PUT", f"pools/{pool['id']}/members", {"members": members})
    assert reply.status in (200, 202), reply
    world.wait_active(made.id)
    return made, f"{LBAAS}/pools/{pool['id']}/members"


def connect(world: World, sent: bytes, stack: ExitStack) -> socket.socket:
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
    connection.settimeout(NET)
    connection.connect(("127.0.0.1", world.service.port))
    if sent:
        connection.sendall(sent)
    return connection


def answer_on(connection: socket.socket) -> tuple[int, Any]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    content = response.read()
    return response.status, json.loads(content)


def test_slow_clients_keep_nobody_from_being_answered(world: World, long_list: tuple[Balanced, str]) -> None:
    made, path = long_list
    listener = f"{LBAAS}/listeners/{made.listener_id}"
    half_head = f"GET {listener} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ".encode()
    body = json.dumps({"listener": {"name": "slow"}}).encode()
    put = f"PUT {listener} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    half_body = f"{put}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5]
    whole = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with ExitStack() as stack:
        heads = [connect(world, half_head, stack) for _ in range(HALF // 2)]
        bodies = [connect(world, half_body, stack) for _ in range(HALF // 2)]
        silent = [connect(world, b"", stack) for _ in range(SILENT)]
        readers = [connect(world, whole, stack) for _ in range(READERS)]
        for reader in readers:  # its answer has begun, and stands in the way of its end
            assert select.select([reader], [], [], NET)[0]

        def other(number: int) -> Callable[[], Reply]:
            if number % 5:
                return lambda: get(world, (listener, f"{LBAAS}/loadbalancers", "/healthcheck")[number % 3])
            return lambda: world.ask("PUT", listener, {"listener": {"name": f"beside {number}"}})

        threads, replies = in_threads([other(number) for number in range(OTHERS)])
        join(threads)
        assert [reply.status for reply in replies] == [200] * OTHERS

        # The slow are served as well, once they are through.
        for head in heads[:10]:
            head.sendall(b"a\r\n\r\n")
        for slow in bodies[:10]:
            slow.sendall(body[5:])
        for connection in silent[:10]:
            connection.sendall(half_head + b"a\r\n\r\n")
        for connection in (*heads[:10], *bodies[:10], *silent[:10]):
            status, content = answer_on(connection)
            assert (status, content["listener"]["id"]) == (200, made.listener_id)
        for reader in readers:
            status, content = answer_on(reader)
            assert (status, len(content["members"])) == (200, _LONG_LIST)
    world.wait_active(made.id)


# -------------------------------------------------------------------------------------------------- a huge request


def huge(world: World) -> dict[str, Any]:
    def listener(number: int) -> dict[str, Any]:
        members = [world.member("web1", 1 + number * MEMBERS_EACH + place) for place in range(MEMBERS_EACH)]
        pool = {"protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "members": members}
        return {"protocol": "TCP", "protocol_port": 1000 + number, "default_pool": pool}

    listeners = [listener(number) for number in range(LISTENERS)]
    return {"name": "huge", "project_id": "huge", "vip_subnet_id": world.subnet_id, "listeners": listeners}


def post_slowly(world: World, attributes: dict[str, Any]) -> tuple[int, bytes]:
    """A POST that may take longer than others."""
    connection = http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=5 * NET)
    try:
        content = json.dumps({"loadbalancer": attributes}).encode()
        connection.request("POST", f"{LBAAS}/loadbalancers", content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_huge_request_keeps_nobody_from_being_answered(world: World) -> None:
    small = world.balancer("web1", name="small")

    def read() -> str | None:
        reply = world.lbaas("GET", f"listeners/{small.listener_id}")
        return None if reply.status == 200 else str(reply)

    def write() -> str | None:
        """Another's load balancer comes and goes."""
        draft = {"name": "other", "project_id": "other", "vip_subnet_id": world.subnet_id}
        made = world.lbaas("POST", "loadbalancers", {"loadbalancer": draft})
        if made.status != 201:
            return str(made)
        gone = world.lbaas("DELETE", f"loadbalancers/{made.body['loadbalancer']['id']}?cascade=true")
        return None if gone.status == 204 else str(gone)

    with Repeating(read) as reads, Repeating(write) as writes:
        reads.await_more(1)
        writes.await_more(1)
        before = reads.good, writes.good
        status, content = post_slowly(world, huge(world))
        meanwhile = reads.good - before[0], writes.good - before[1]
        assert status == 201, content[:500]
        reads.await_more(5)
        writes.await_more(2)
    assert (reads.bad, writes.bad) == ([], [])
    # One of each may have ended that began before.
    assert meanwhile[0] > 1, meanwhile
    assert meanwhile[1] > 1, meanwhile

    made = json.loads(content)["loadbalancer"]
    assert len(made["listeners"]) == LISTENERS
    path = f"loadbalancers/{made['id']}"

    def settled() -> str | None:
        reply = world.lbaas("GET", f"{path}?fields=provisioning_status").body["loadbalancer"]["provisioning_status"]
        return str(reply) if reply in ("ACTIVE", "ERROR") else None

    assert eventually(settled), "neither ACTIVE nor ERROR"
    assert settled() == "ACTIVE"
    text = world.config_of(made["id"])
    assert text.count("\nfrontend ") == LISTENERS
    assert text.count("\n    server ") == LISTENERS * MEMBERS_EACH
    world.delete(made["id"])
    world.assert_gone(made["id"])
    world.wait_answer(small.vip)


# ------------------------------------------------------------------------------------------ a role and HAProxy at once


@pytest.mark.parametrize("role", ROLES)
def test_totals_never_fall_when_a_role_and_haproxy_are_killed_together(fragile_world: World, role: str) -> None:
    world = fragile_world
    made = world.balancer("web1", "web2")
    world.wait_answer(made.vip)
    read: list[tuple[int, ...]] = []

    def look() -> str | None:
        try:
            reply = world.lbaas("GET", f"listeners/{made.listener_id}/stats")
        except FAILURES:
            return None  # it ended while the server was killed
        if reply.status != 200:
            return str(reply)
        totals = tuple(int(reply.body["stats"][name]) for name in COUNTED)
        former = read[-1] if read else totals
        read.append(totals)
        fallen = any(now < before for now, before in zip(totals, former, strict=True))
        return f"{former} → {totals}" if fallen else None

    def connections() -> int:
        return read[-1][COUNTED.index("total_connections")]

    def ask(times: int) -> None:
        for _ in range(times):
            world.wait(lambda: world.reaches(made.vip), "an answer through the VIP")

    with Repeating(look) as looks:
        ask(10)
        world.wait(lambda: read and connections() >= 10, "the first ten counted")
        for _ in range(2):
            pids = read_haproxy_pids(made.id)
            assert pids
            former = kill_role(world, role)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            await_role(world, role, former)
            world.wait(lambda killed=pids: read_haproxy_pids(made.id) - killed, "another HAProxy")  # type: ignore[misc]
            world.wait_answer(made.vip)
            before = connections()
            ask(10)
            world.wait(lambda least=before + 10: connections() >= least, "counted on")  # type: ignore[misc]
            looks.await_more(5)
    assert not looks.bad, looks.bad[:5]
    world.wait_active(made.id)
