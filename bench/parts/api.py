"""The API by itself: one client on one kept connection, one request after the other, for comparison; members changed
all at once on the real data plane; and what requests cost the server (api_cost.py)."""

import time
from collections.abc import Callable
from typing import Any

from bench.parts import api_cost
from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service

REQUESTS = 200
_BATCHES = {50: (20, Goal(p50=30)), 1000: (5, Goal(p50=500))}
"""Members at once: how often, and the goal in milliseconds until ACTIVE."""


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("api", BACKENDS) as balancer:
        members = f"{LBAAS}/pools/{balancer['pool_id']}/members"
        path = f"{members}/{service.api.send('GET', members)['members'][0]['id']}"

        def rename(number: int) -> None:
            service.api.send("PUT", path, {"member": {"name": f"name{number}"}})

        def weigh(number: int) -> None:
            service.api.send("PUT", path, {"member": {"weight": 1 + number % 100}})

        kinds: dict[str, Callable[[int], object]] = {
            "api-get-member": lambda _: service.api.send("GET", path),
            "api-list-members": lambda _: service.api.send("GET", members),
            "api-put-member-name": rename,
            "api-put-member-weight": weigh,
        }
        rows = []
        for name, request in kinds.items():
            samples = [_milliseconds(request, number) for number in range(REQUESTS)]
            rows += [row(name, "ms", samples), row(f"{name}-rate", "1/s", [1000 * REQUESTS / sum(samples)])]
        service.await_active([balancer["id"]])
        for members_at_once, (rounds, goal) in _BATCHES.items():
            rows.append(_batches(service, balancer, members, members_at_once, rounds, goal))
    return [*rows, *api_cost.measure(room)]


def _batches(service: Service, balancer: Any, path: str, number: int, rounds: int, goal: Goal) -> Row:
    """PUT of all members, of which each gets another weight, until the load balancer is ACTIVE again."""
    places = [{"address": BACKENDS[place % 2], "protocol_port": 1000 + place} for place in range(number)]
    samples = []
    for weight in range(1, rounds + 2):
        members = [{**place, "weight": weight} for place in places]

        def change(_: int, members: Any = members) -> None:
            service.api.send("PUT", path, {"members": members})
            service.await_active([balancer["id"]])

        samples.append(_milliseconds(change, weight))
    return row(f"api-batch-{number}", "ms", samples[1:], goal)  # the first one makes them


def _milliseconds(request: Callable[[int], object], number: int) -> float:
    begun = time.monotonic_ns()
    request(number)
    return (time.monotonic_ns() - begun) / 1e6
