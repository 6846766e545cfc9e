"""POST of a listener, on a load balancer that has a pool with members, to the first 200 on its port."""

import time
from typing import Any

from bench.observer import Observer
from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service

ROUNDS = 40
_GOAL = Goal(p50=50)
_FIRST_PORT = 10_000


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("listener", BACKENDS) as balancer, Observer(room.client_namespace) as observer:
        samples = [_one(service, observer, balancer, port) for port in range(_FIRST_PORT, _FIRST_PORT + ROUNDS + 1)]
    return [row("listener", "ms", samples[1:], _GOAL)]  # the first one warms up


def _one(service: Service, observer: Observer, balancer: dict[str, Any], port: int) -> float:
    body = {
        "loadbalancer_id": balancer["id"],
        "protocol": "HTTP",
        "protocol_port": port,
        "default_pool_id": balancer["pool_id"],
    }
    observer.watch_http(balancer["vip_address"], port)
    begun = time.monotonic_ns()
    listener = service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})["listener"]
    milliseconds = (observer.seen() - begun) / 1e6
    service.await_active([balancer["id"]])
    service.api.send("DELETE", f"{LBAAS}/listeners/{listener['id']}")
    service.await_active([balancer["id"]])
    return milliseconds
