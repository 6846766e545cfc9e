"""A member added, and a weight changed, to the moment the running HAProxy works by it; no process may be replaced.

In force means: the server stands in ``show servers state`` of the running process with the wanted weight, able to take
requests. For an added member a request then has to reach it, or the run ends with an error.
"""

import time
from itertools import pairwise
from pathlib import Path

from bench.observer import Observer
from bench.room import BACKEND_PORT, BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service

ROUNDS = 40
_GOAL = Goal(p50=15)
_NO_RELOAD = Goal(p50=0, p95=0)
_OLD, _NEW = BACKENDS


def measure(room: Room, service: Service) -> list[Row]:
    adding, weighing = [], []
    with (
        service.balancer("member", [_OLD]) as balancer,
        Observer() as runtime,
        Observer(room.client_namespace) as client,
    ):
        members = f"{LBAAS}/pools/{balancer['pool_id']}/members"
        socket = service.state_directory(balancer["id"]) / "haproxy.sock"
        workers = [_worker(socket)]
        for round_number in range(ROUNDS + 1):
            identifier, milliseconds = _add(service, runtime, members, socket)
            adding.append(milliseconds)
            client.watch_http(balancer["vip_address"], 80, body=f"backend{BACKENDS.index(_NEW) + 1}")
            client.seen()
            service.await_active([balancer["id"]])
            weighing.append(_weigh(service, runtime, f"{members}/{identifier}", socket, 2 + round_number))
            service.await_active([balancer["id"]])
            service.api.send("DELETE", f"{members}/{identifier}")
            service.await_active([balancer["id"]])
            workers.append(_worker(socket))
    replaced = sum(before != after for before, after in pairwise(workers))
    return [
        row("member-add", "ms", adding[1:], _GOAL),  # the first round warms up
        row("member-weight", "ms", weighing[1:], _GOAL),
        row("member-reloads", "reloads", [float(replaced)], _NO_RELOAD),
    ]


def _add(service: Service, runtime: Observer, members: str, socket: Path) -> tuple[str, float]:
    """The new member's id, and the milliseconds. The id is not known before the answer; the address is."""
    body = {"address": _NEW, "protocol_port": BACKEND_PORT}
    runtime.watch_runtime(socket, "show servers state", _server(_NEW, weight=1))
    begun = time.monotonic_ns()
    member = service.api.send("POST", members, {"member": body})["member"]
    return member["id"], (runtime.seen() - begun) / 1e6


def _weigh(service: Service, runtime: Observer, member: str, socket: Path, weight: int) -> float:
    runtime.watch_runtime(socket, "show servers state", _server(_NEW, weight=weight))
    begun = time.monotonic_ns()
    service.api.send("PUT", member, {"member": {"weight": weight}})
    return (runtime.seen() - begun) / 1e6


def _server(address: str, *, weight: int) -> str:
    """A line of ``show servers state``: be_id be_name srv_id srv_name srv_addr srv_op_state (2: running)
    srv_admin_state (0: none) srv_uweight …"""
    return rf"^\d+ \S+ \d+ \S+ {address.replace('.', '[.]')} 2 0 {weight} "


def _worker(socket: Path) -> str:
    """The link names the socket of the current worker; a reload makes another one."""
    return str(socket.readlink())
