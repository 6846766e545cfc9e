"""What one client costs the others: a thousand slow ones, one huge load balancer from its POST to its end, many
connections at once.

Ratios are made within one round; all of it is bounded in number and time.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, percentile, ratios, row
from bench.service import LBAAS, Api, ApiError, Service
from bench.wrk import on_loopback

T = TypeVar("T")

SLOW_CLIENTS = 1000
LISTENERS, MEMBERS = 1000, 3000
_LONG = 400
_REQUESTS = 300
_ROUNDS = 3
_SECONDS = 2
_MANY = 8
_TICK = os.sysconf("SC_CLK_TCK")
_SLOW_CLIENTS = Path(__file__).parent.parent / "slow_clients.py"

_NAME = {"listener": {"name": "beside"}}

_AT_MOST_TWICE = Goal(p50=2.0)
_WAIT = Goal(p50=100.0)
_AS_MANY = Goal(p50=1.0, more_is_better=True)
_AS_CHEAP = Goal(p50=1.2)


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("unfriendly", BACKENDS) as balancer:
        one = f"{LBAAS}/loadbalancers/{balancer['id']}"
        with _long_list(service, balancer["id"]) as long:
            rows = _beside_slow_clients(service, one, long)
        rows += _beside_a_huge_request(room, service, f"{LBAAS}/listeners/{balancer['listener_id']}")
        rows += _over_many_connections(service, {"get-one": one, "status": f"{one}/status"})
    return rows


# ------------------------------------------------------------------------------------------------------- slow clients


@contextmanager
def _long_list(service: Service, load_balancer_id: str) -> Iterator[str]:
    """The path of a list that is longer than what sockets hold: the members of a pool that no listener uses."""
    draft = {"loadbalancer_id": load_balancer_id, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
    pool = f"{LBAAS}/pools/{service.api.send('POST', f'{LBAAS}/pools', {'pool': draft})['pool']['id']}"
    path = f"{pool}/members"
    members = [{"address": BACKENDS[0], "protocol_port": 1 + number} for number in range(_LONG)]
    service.api.send("PUT", path, {"members": members})
    service.await_active([load_balancer_id])
    yield path
    service.api.send("DELETE", pool)
    service.await_active([load_balancer_id])


def _beside_slow_clients(service: Service, path: str, long: str) -> list[Row]:
    idle, beside = [], []
    for _ in range(_ROUNDS):
        idle.append(_p99(service, path))
        with _slow_clients(service.port, long):
            beside.append(_p99(service, path))
    return [
        row("unfriendly-slow-clients", "times", ratios(beside, idle), _AT_MOST_TWICE),
        row("unfriendly-slow-clients-p99", "ms", beside),
        row("unfriendly-idle-p99", "ms", idle),
    ]


def _p99(service: Service, path: str) -> float:
    return percentile([_milliseconds(lambda: service.api.send("GET", path)) for _ in range(_REQUESTS)], 99)


@contextmanager
def _slow_clients(port: int, path: str) -> Iterator[None]:
    words = [sys.executable, "-S", str(_SLOW_CLIENTS), str(port), str(SLOW_CLIENTS), path]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the slow clients could not all connect")
            yield
        finally:
            process.kill()


# ------------------------------------------------------------------------------------------------------ a huge request


def _beside_a_huge_request(room: Room, service: Service, listener: str) -> list[Row]:
    reads, took = [], []
    writes: dict[str, list[float]] = {}
    for _ in range(2):
        (milliseconds, content), read, write = _beside(service, listener, lambda: _post_huge(service))
        identifier = json.loads(content)["loadbalancer"]["id"]
        room.lab.adopt(identifier)
        reads.append(read)
        took.append(milliseconds)
        writes.setdefault("unfriendly-huge-write-waits", []).append(write)
        life = _Life(service.port, identifier)
        for name, act in (("report", life.await_active), ("update", life.update), ("delete", life.delete)):
            _, _, write = _beside(service, listener, act)
            writes.setdefault(f"unfriendly-huge-{name}-waits", []).append(write)
        life.close()
    return [
        row("unfriendly-huge-read-waits", "ms", reads, _WAIT),
        *(row(name, "ms", values, _WAIT) for name, values in writes.items()),
        row("unfriendly-huge-itself", "ms", took),
    ]


def _beside(service: Service, listener: str, act: Callable[[], T]) -> tuple[T, float, float]:
    """What ``act`` returns, and the longest that a read and a write of a listener elsewhere took meanwhile."""
    read = write = 0.0
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(act)
        while not result.done():
            read = max(read, _milliseconds(lambda: service.api.send("GET", listener)))
            write = max(write, _milliseconds(lambda: service.api.send("PUT", listener, _NAME)))
    return result.result(), read, write


def _post_huge(service: Service) -> tuple[float, bytes]:
    """The answer's milliseconds and content; it is not read as JSON here, which would hold up the other client."""
    body = json.dumps({"loadbalancer": huge(service.subnet_id)}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    try:
        begun = time.monotonic_ns()
        connection.request("POST", f"{LBAAS}/loadbalancers", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 201:
            raise ApiError(f"{answer.status} {content[:200].decode(errors='replace')}")
        return (time.monotonic_ns() - begun) / 1e6, content
    finally:
        connection.close()


class _Life:
    """What comes after the creation of a huge load balancer, over a connection of its own."""

    def __init__(self, port: int, identifier: str) -> None:
        self._api = Api(port)
        self._identifier = identifier

    def close(self) -> None:
        self._api.close()

    def await_active(self) -> None:
        self._await("provisioning_status=ACTIVE", 1)

    def update(self) -> None:
        path = f"{LBAAS}/loadbalancers/{self._identifier}"
        self._api.send("PUT", path, {"loadbalancer": {"name": "huge", "admin_state_up": True}})
        self.await_active()

    def delete(self) -> None:
        self._api.send("DELETE", f"{LBAAS}/loadbalancers/{self._identifier}?cascade=true")
        self._await("fields=id", 0)

    def _await(self, filters: str, wanted: int) -> None:
        path = f"{LBAAS}/loadbalancers?id={self._identifier}&{filters}"
        end = time.monotonic() + 120
        while len(self._api.send("GET", path)["loadbalancers"]) != wanted:
            if time.monotonic() > end:
                raise ApiError(f"{path}: not {wanted}")
            time.sleep(0.05)


def huge(subnet_id: str) -> dict[str, Any]:
    """A thousand TCP listeners, each with a pool of three members."""
    each = MEMBERS // LISTENERS
    return {
        "vip_subnet_id": subnet_id,
        "listeners": [
            {
                "protocol": "TCP",
                "protocol_port": 1000 + number,
                "default_pool": {
                    "protocol": "TCP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "members": [
                        {"address": BACKENDS[0], "protocol_port": 1 + number * each + place} for place in range(each)
                    ],
                },
            }
            for number in range(LISTENERS)
        ],
    }


# --------------------------------------------------------------------------------------------------- many connections


def _over_many_connections(service: Service, paths: dict[str, str]) -> list[Row]:
    rows = []
    for name, path in paths.items():
        one, many = [], []
        for _ in range(_ROUNDS):
            one.append(_load(service, path, 1))
            many.append(_load(service, path, _MANY))
        rates = ratios([rate for rate, _ in many], [rate for rate, _ in one])
        costs = ratios([cost for _, cost in many], [cost for _, cost in one])
        rows += [
            row(f"unfriendly-{name}-rate", f"{_MANY} to 1", rates, _AS_MANY),
            row(f"unfriendly-{name}-cpu", f"{_MANY} to 1", costs, _AS_CHEAP),
            row(f"unfriendly-{name}-rate-of-one", "1/s", [rate for rate, _ in one], more_is_better=True),
            row(f"unfriendly-{name}-cpu-of-one", "ms", [cost for _, cost in one]),
        ]
    return rows


def _load(service: Service, path: str, connections: int) -> tuple[float, float]:
    """Requests a second, and the server's milliseconds of CPU for each."""
    before = cpu_seconds(service.server_pid)
    count = on_loopback(f"http://127.0.0.1:{service.port}{path}", connections=connections, seconds=_SECONDS)
    if count.failed or not count.requests:
        raise RuntimeError(f"{count.failed} of {count.requests} requests failed")
    spent = cpu_seconds(service.server_pid) - before
    return count.requests / _SECONDS, 1000 * spent / count.requests


def cpu_seconds(pid: int) -> float:
    """Of the process and, where it has workers, of these."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_cpu_ticks(each) for each in (str(pid), *children)) / _TICK


def _cpu_ticks(pid: str) -> int:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def _milliseconds(request: Callable[[], object]) -> float:
    begun = time.monotonic_ns()
    request()
    return (time.monotonic_ns() - begun) / 1e6
