"""Fifty changes that need a reload, under one kind of load after the other: kept connections, new ones of each family,
the same two in TLS, and HTTP/2 beside WebSockets that last.

Every change is a PUT of a listener's timeout; that a new process took over is seen by its socket's number. A failed
request is one that could not be connected, written or read for, that took over 2 s (wrk) or 5 s, or that was not
answered 2xx or 3xx; of HTTP/2 one that the other side may have begun (``bench/http2.py``).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.certificates import make_bundle

from bench import http2, websocket
from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service
from bench.wrk import loading

CHANGES = 50
_PAUSE = 0.2
"""Seconds between the end of one reload and the next change."""
_MOST_SECONDS = 60
_GOAL = Goal(p50=0, p95=0)
_TLS, _WEBSOCKETS, _ECHO = 443, 8091, 8092
_SESSIONS = 8
"""WebSockets from the start; another one comes after every fifth change."""


def measure(room: Room, service: Service) -> list[Row]:
    rows: list[Row] = []
    durations: list[float] = []
    with (
        _echo(room),
        service.balancer("reloads", BACKENDS, both=True) as balancer,
    ):
        _listen(service, balancer)
        changes = Changes(service, balancer)
        four, six = balancer["vip_address"], f"[{balancer['vip_address6']}]"
        for name, url, close in (
            ("keep-alive", f"http://{four}/", False),
            ("new-connections", f"http://{four}/", True),
            ("new-connections-ipv6", f"http://{six}/", True),
            ("tls-keep-alive", f"https://{four}/", False),
            ("tls-new-connections", f"https://{four}/", True),
        ):
            with loading(room, url, seconds=_MOST_SECONDS, close=close) as run:
                durations += changes.make(lambda _number: None)
                if run.over:
                    raise RuntimeError("the load ended before the last change")
                count = run.stop()
            rows += _counted(name, count.failed, count.requests, "requests")
        rows += _under_sessions(room, changes, four, durations)
    return [*rows, row("reloads-duration", "ms", durations)]


def _counted(name: str, failed: int, whole: int, what: str, lost: str = "failed") -> list[Row]:
    if not whole:
        raise RuntimeError(f"no {what} under {name}")
    return [
        row(f"reloads-{name}", f"{lost} {what}", [float(failed)], _GOAL),
        row(f"reloads-{name}-{what}", what, [float(whole)]),
    ]


def _under_sessions(room: Room, changes: "Changes", vip: str, durations: list[float]) -> list[Row]:
    with (
        _client(room, http2.__file__, vip, str(_TLS)) as requests,
        _client(room, websocket.__file__, "hold", vip, str(_WEBSOCKETS)) as sessions,
    ):

        def another(number: int) -> None:
            assert sessions.stdin is not None
            if number % 5 == 0:
                sessions.stdin.write("\n")
                sessions.stdin.flush()

        for _ in range(_SESSIONS):
            another(0)
        durations += changes.make(another)
        told, held = (_end(each) for each in (requests, sessions))
    if told["connections"] <= http2.THREADS:
        raise RuntimeError("no HTTP/2 connection was ended by a reload")
    for each in (told, held):
        if each["reasons"]:
            print(f"failed: {each['reasons']}", flush=True)
    return [
        *_counted("http2", told["failed"], told["requests"], "requests"),
        *_counted("websocket", held["cut"], held["sessions"], "sessions", "cut"),
    ]


class Changes:
    """The changes, which know what the listener's timeout was last: each makes it one more."""

    def __init__(self, service: Service, balancer: dict[str, Any]) -> None:
        self._service = service
        self._balancer = balancer
        self._socket = service.state_directory(balancer["id"]) / "haproxy.sock"
        self._timeout = 60_000

    def make(self, between: Callable[[int], None]) -> list[float]:
        """The milliseconds from each PUT to the new worker. ``between`` is called after each of them."""
        durations = []
        time.sleep(0.5)
        for number in range(CHANGES):
            durations.append(self._one())
            self._service.await_active([self._balancer["id"]])
            between(number)
            time.sleep(_PAUSE)
        return durations

    def _one(self) -> float:
        """Raises where no new worker came: then there would be nothing to measure."""
        self._timeout += 1
        before = self._socket.readlink()
        begun = time.monotonic_ns()
        body = {"listener": {"timeout_client_data": self._timeout}}
        self._service.api.send("PUT", f"{LBAAS}/listeners/{self._balancer['listener_id']}", body)
        deadline = begun + 10_000_000_000
        while self._socket.readlink() == before:
            if time.monotonic_ns() > deadline:
                raise RuntimeError("a changed timeout brought no new worker")
            time.sleep(0.0005)
        return (time.monotonic_ns() - begun) / 1e6


def _listen(service: Service, balancer: dict[str, Any]) -> None:
    """One listener in TLS and one to the WebSockets' other end, beside that which is there."""
    secret = {"payload": make_bundle("bench.example.com").decode(), "payload_content_type": "text/plain"}
    reference = service.api.send("POST", "/v1/secrets", secret)["secret_ref"]
    pool = {
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": BACKENDS[0], "protocol_port": _ECHO}],
    }
    for listener in (
        {
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": _TLS,
            "default_pool_id": balancer["pool_id"],
            "default_tls_container_ref": reference,
        },
        {"protocol": "HTTP", "protocol_port": _WEBSOCKETS, "default_pool": pool},
    ):
        body = {"loadbalancer_id": balancer["id"], **listener}
        service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})
        service.await_active([balancer["id"]])


@contextmanager
def _echo(room: Room) -> Iterator[None]:
    words = [sys.executable, "-S", websocket.__file__, "serve", BACKENDS[0], str(_ECHO)]
    process = room.lab.spawn("echo", words, machine=room.backends[0])
    try:
        yield
    finally:
        process.stop()


@contextmanager
def _client(room: Room, script: str | Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = ["ip", "netns", "exec", room.client_namespace, sys.executable, "-S", str(script), *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate(timeout=30)
    found: dict[str, Any] = json.loads(output)
    return found
