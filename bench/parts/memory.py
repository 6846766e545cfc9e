"""What an idle load balancer costs in memory, all in, at a hundred of them.

A hundred come and go several times. Each time the machine's MemAvailable falls and rises by what they take; what other
processes of the machine gain or lose meanwhile goes into single samples, hence the median. The same is counted up: the
HAProxy processes' proportional share, the service's growth, the kernel's tables. The larger of the two has to meet the
goal. For information: how long a hundred take to come and to go.
"""

import time
from dataclasses import dataclass
from itertools import pairwise

from demo.traces import read_haproxy_pids

from bench import memory
from bench.room import BACKENDS, Room, namespace_path
from bench.rows import Goal, Row, row
from bench.service import Service

COUNT = 100
TIMES = 3
_SETTLE = 1.0
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
        return cls(
            available=memory.available(), kernel=memory.kernel(), service=sum(map(memory.resident, service.processes))
        )


def measure(room: Room, service: Service) -> list[Row]:
    with service.balancer("warm", BACKENDS):
        pass  # what the service allocates for its first one is not the price of one
    readings, shares, built, removed = [Reading.take(service)], [], [], []
    for _ in range(TIMES):
        begun = time.monotonic()
        identifiers = [service.begin(f"memory{number}", BACKENDS)["id"] for number in range(COUNT)]
        service.await_active(identifiers)
        built.append(time.monotonic() - begun)
        readings.append(Reading.take(service))
        shares += [sum(map(memory.proportional, _processes(identifier))) / _MIB for identifier in identifiers]
        begun = time.monotonic()
        for identifier in identifiers:
            service.ask_away(identifier)
        service.await_gone(identifiers)
        removed.append(time.monotonic() - begun)
        _must_be_gone(identifiers)
        readings.append(Reading.take(service))
    growth = (readings[1].service - readings[0].service) / COUNT / _MIB
    kernel = (readings[1].kernel - readings[0].kernel) / COUNT / _MIB
    machine = row("memory-of-the-machine", "MiB", machine_shares(readings))
    counted = sum(shares) / len(shares) + growth + kernel
    return [
        row("memory", "MiB", [max(machine.p50, counted)], _GOAL),
        machine,
        row("memory-counted", "MiB", [counted]),
        row("memory-haproxy-pss", "MiB", shares),
        row("memory-service-growth", "MiB", [growth]),
        row("memory-kernel", "MiB", [kernel]),
        row("memory-create-100", "s", built),
        row("memory-delete-100", "s", removed),
    ]


def machine_shares(readings: list[Reading]) -> list[float]:
    """MiB for each, by what the machine lost when they came and got back when they went; without them comes first."""
    signs = (1 - 2 * (number % 2) for number in range(len(readings)))
    return [
        sign * (one.available - other.available) / COUNT / _MIB
        for sign, (one, other) in zip(signs, pairwise(readings), strict=False)
    ]


def _must_be_gone(identifiers: list[str]) -> None:
    left = [identifier for identifier in identifiers if namespace_path(identifier).exists()]
    if left:
        raise RuntimeError(f"{len(left)} namespaces are left after their load balancers have gone")


def _processes(identifier: str) -> list[int]:
    """Those that serve: the few spares beside them end within a minute."""
    found = list(read_haproxy_pids(identifier))
    if len(found) != 1:
        raise RuntimeError(f"{identifier} has {len(found)} processes instead of one")
    return found
