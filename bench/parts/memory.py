"""What a hundred idle load balancers cost in memory, all in: the machine's MemAvailable before and after.

For information: the HAProxy processes' proportional share, the service's growth, and how long all hundred take to come
and to go.
"""

import time

from bench import memory
from bench.room import BACKENDS, Room, namespace_path
from bench.rows import Goal, Row, row
from bench.service import Service

COUNT = 100
_SETTLE = 2.0
_GOAL = Goal(p50=3.5)
_MIB = 1024


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("warm", BACKENDS):
        pass  # what the service allocates for its first one is not the price of one
    time.sleep(_SETTLE)
    available, resident = memory.available(), memory.resident(service.pid)
    begun = time.monotonic()
    identifiers = [service.begin(f"memory{number}", BACKENDS)["id"] for number in range(COUNT)]
    service.await_active(identifiers)
    built = time.monotonic() - begun
    time.sleep(_SETTLE)
    each = (available - memory.available()) / COUNT / _MIB
    growth = (memory.resident(service.pid) - resident) / COUNT / _MIB
    shares = [sum(map(memory.proportional, _processes(identifier))) / _MIB for identifier in identifiers]
    begun = time.monotonic()
    for identifier in identifiers:
        service.ask_away(identifier)
    service.await_gone(identifiers)
    removed = time.monotonic() - begun
    left = [identifier for identifier in identifiers if namespace_path(identifier).exists()]
    if left:
        raise RuntimeError(f"{len(left)} namespaces are left after their load balancers have gone")
    return [
        row("memory", "MiB", [each], _GOAL),
        row("memory-haproxy-pss", "MiB", shares),
        row("memory-service-growth", "MiB", [growth]),
        row("create-100-through-api", "s", [built]),
        row("delete-100-through-api", "s", [removed]),
    ]


def _processes(identifier: str) -> list[int]:
    found = memory.processes_in(namespace_path(identifier))
    if len(found) != 1:
        raise RuntimeError(f"{identifier} has {len(found)} processes instead of one")
    return found
