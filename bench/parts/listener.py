"""POST of a listener, on a load balancer that has a pool with members, to the first 200 on its port: in clear, and in
TLS by a certificate that is in the store."""

import time
from typing import Any

from tests.certificates import make_bundle

from bench.observer import Observer
from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service

ROUNDS = 40
_GOAL = Goal(p50=50)
_TLS_GOAL = Goal(p50=25)
_FIRST_PORT = 10_000


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("listener", BACKENDS) as balancer, Observer(room.client_namespace) as observer:
        samples = [_one(service, observer, balancer, port) for port in range(_FIRST_PORT, _FIRST_PORT + ROUNDS + 1)]
        terminated = {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": _store(service)}
        secure = [
            _one(service, observer, balancer, port, **terminated)
            for port in range(_FIRST_PORT, _FIRST_PORT + ROUNDS + 1)
        ]
    # The first one of each warms up.
    return [row("listener", "ms", samples[1:], _GOAL), row("listener-tls", "ms", secure[1:], _TLS_GOAL)]


def _store(service: Service) -> str:
    """The reference of a certificate of its own making, with its key."""
    body = {"payload": make_bundle("bench.example.com").decode(), "payload_content_type": "text/plain"}
    return str(service.api.send("POST", "/v1/secrets", body)["secret_ref"])


def _one(service: Service, observer: Observer, balancer: dict[str, Any], port: int, **more: str) -> float:
    body = {
        "loadbalancer_id": balancer["id"],
        "protocol": "HTTP",
        "protocol_port": port,
        "default_pool_id": balancer["pool_id"],
        **more,
    }
    watch = observer.watch_https if more else observer.watch_http
    watch(balancer["vip_address"], port)
    begun = time.monotonic_ns()
    listener = service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})["listener"]
    milliseconds = (observer.seen() - begun) / 1e6
    service.await_active([balancer["id"]])
    service.api.send("DELETE", f"{LBAAS}/listeners/{listener['id']}")
    service.await_active([balancer["id"]])
    return milliseconds
