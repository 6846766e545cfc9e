"""One POST of a whole load balancer (VIP, listener, pool, two members) to the first 200 through its VIP."""

import time
from itertools import islice

from bench.observer import Observer
from bench.room import BACKENDS, Room, vips
from bench.rows import Goal, Row, row
from bench.service import Service

ROUNDS = 40
_GOAL = Goal(p50=25)
_FIRST = 100
"""VIPs before that belong to ``seed``."""


def measure(room: Room, service: Service) -> list[Row]:
    answered: list[float] = []
    with Observer(room.client_namespace) as observer:
        samples = [
            _one(service, observer, address, answered) for address in islice(vips(3), _FIRST, _FIRST + ROUNDS + 1)
        ]
    return [row("tree", "ms", samples[1:], _GOAL), row("tree-answered", "ms", answered[1:])]  # the first one warms up


def _one(service: Service, observer: Observer, address: str, answered: list[float]) -> float:
    observer.watch_http(address, 80)
    begun = time.monotonic_ns()
    made = service.begin("tree", BACKENDS, vip_address=address)
    answered.append((time.monotonic_ns() - begun) / 1e6)
    milliseconds = (observer.seen() - begun) / 1e6
    service.await_active([made["id"]])
    service.ask_away(made["id"])
    service.await_gone([made["id"]])
    return milliseconds
