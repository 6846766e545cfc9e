"""Fifty changes that need a reload, under load over kept connections and again under new connections of each family.

Every change is a PUT of a listener's timeout; that a new process took over is seen by its socket's number. A failed
request is one that wrk could not connect, write or read for, that took over 2 s, or that was not answered 2xx or 3xx.
"""

import time
from pathlib import Path
from typing import Any

from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service
from bench.wrk import Count, loading

CHANGES = 50
_PAUSE = 0.2
"""Seconds between the end of one reload and the next change."""
_MOST_SECONDS = 60
_GOAL = Goal(p50=0, p95=0)


def measure(room: Room, service: Service) -> list[Row]:
    counts: dict[str, Count] = {}
    durations: list[float] = []
    with service.balancer("reloads", BACKENDS, both=True) as balancer:
        four, six = f"http://{balancer['vip_address']}/", f"http://[{balancer['vip_address6']}]/"
        runs = (("keep-alive", four, False), ("new-connections", four, True), ("new-connections-ipv6", six, True))
        for number, (name, url, close) in enumerate(runs):
            timeout = 60_000 + number * CHANGES
            counts[f"reloads-{name}"], took = _under_load(room, service, balancer, url, timeout, close=close)
            durations += took
    rows = [row(name, "failed requests", [float(count.failed)], _GOAL) for name, count in counts.items()]
    rows += [row(f"{name}-requests", "requests", [float(count.requests)]) for name, count in counts.items()]
    return [*rows, row("reloads-duration", "ms", durations)]


def _under_load(
    room: Room, service: Service, balancer: dict[str, Any], url: str, timeout: int, *, close: bool
) -> tuple[Count, list[float]]:
    """The count, and the milliseconds from each PUT to the new worker. wrk runs on until it is told to stop.

    ``timeout``: what the listener's is at first; each change makes it one more."""
    socket = service.state_directory(balancer["id"]) / "haproxy.sock"
    durations = []
    with loading(room, url, seconds=_MOST_SECONDS, close=close) as run:
        time.sleep(0.5)
        for number in range(CHANGES):
            durations.append(_change(service, balancer["listener_id"], socket, timeout + number))
            service.await_active([balancer["id"]])
            time.sleep(_PAUSE)
        if run.over:
            raise RuntimeError("the load ended before the last change")
        return run.stop(), durations


def _change(service: Service, listener_id: str, socket: Path, timeout: int) -> float:
    """Raises where no new worker came: then there would be nothing to measure."""
    before = socket.readlink()
    begun = time.monotonic_ns()
    service.api.send("PUT", f"{LBAAS}/listeners/{listener_id}", {"listener": {"timeout_client_data": timeout}})
    deadline = begun + 10_000_000_000
    while socket.readlink() == before:
        if time.monotonic_ns() > deadline:
            raise RuntimeError("a changed timeout brought no new worker")
        time.sleep(0.0005)
    return (time.monotonic_ns() - begun) / 1e6
