"""The API by itself: one client on one kept connection, one request after the other. No goal, for comparison."""

import time
from collections.abc import Callable

from bench.room import BACKENDS, Room
from bench.rows import Row, row
from bench.service import LBAAS, Service

REQUESTS = 200


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
    return rows


def _milliseconds(request: Callable[[int], object], number: int) -> float:
    begun = time.monotonic_ns()
    request(number)
    return (time.monotonic_ns() - begun) / 1e6
