"""What a hundred idle load balancers cost in memory, all in.

Taken twice, and the larger counts. From the machine: MemAvailable with them against the mean of before and afterwards,
so that what other processes gain or lose meanwhile mostly cancels out. And counted: the HAProxy processes'
proportional share, the service's growth, and the kernel's tables. For information: how long a hundred take to come and
to go.
"""

import time
from dataclasses import dataclass

from bench import memory
from bench.room import BACKENDS, Room, namespace_path
from bench.rows import Goal, Row, row
from bench.service import Service

COUNT = 100
_SETTLE = 2.0
_GOAL = Goal(p50=3.5)
_MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """In KiB."""

    available: float
    kernel: float
    service: float

    @classmethod
    def take(cls, service: Service) -> "Reading":
        time.sleep(_SETTLE)
        return cls(available=memory.available(), kernel=memory.kernel(), service=memory.resident(service.pid))


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("warm", BACKENDS):
        pass  # what the service allocates for its first one is not the price of one
    before = Reading.take(service)
    begun = time.monotonic()
    identifiers = [service.begin(f"memory{number}", BACKENDS)["id"] for number in range(COUNT)]
    service.await_active(identifiers)
    built = time.monotonic() - begun
    full = Reading.take(service)
    shares = [sum(map(memory.proportional, _processes(identifier))) / _MIB for identifier in identifiers]
    begun = time.monotonic()
    for identifier in identifiers:
        service.ask_away(identifier)
    service.await_gone(identifiers)
    removed = time.monotonic() - begun
    _must_be_gone(identifiers)
    afterwards = Reading.take(service)
    machine = choose_machine_share(before, full, afterwards)
    growth = (full.service - before.service) / COUNT / _MIB
    kernel = (full.kernel - before.kernel) / COUNT / _MIB
    counted = sum(shares) / COUNT + growth + kernel
    return [
        row("memory", "MiB", [max(machine, counted)], _GOAL),
        row("memory-of-the-machine", "MiB", [machine]),
        row("memory-counted", "MiB", [counted]),
        row("memory-haproxy-pss", "MiB", shares),
        row("memory-service-growth", "MiB", [growth]),
        row("memory-kernel", "MiB", [kernel]),
        row("memory-create-100", "s", [built]),
        row("memory-delete-100", "s", [removed]),
    ]


def choose_machine_share(before: Reading, full: Reading, afterwards: Reading) -> float:
    """MiB for each, by what the machine had left."""
    return ((before.available + afterwards.available) / 2 - full.available) / COUNT / _MIB


def _must_be_gone(identifiers: list[str]) -> None:
    left = [identifier for identifier in identifiers if namespace_path(identifier).exists()]
    if left:
        raise RuntimeError(f"{len(left)} namespaces are left after their load balancers have gone")


def _processes(identifier: str) -> list[int]:
    found = memory.processes_in(namespace_path(identifier))
    if len(found) != 1:
        raise RuntimeError(f"{identifier} has {len(found)} processes instead of one")
    return found
