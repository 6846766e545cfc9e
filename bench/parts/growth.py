"""What a small change, a look and rest cost as things grow: members of a pool, listeners of a load balancer, load
balancers of a host.

A change is the weight of one member, which has nothing to do with all the others. Looks are what the agent spends while
nothing happens, checks of all members included. The members are checked where a back end listens, so that all are up.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from demo.service import read_roles

from bench.parts.unfriendly import cpu_seconds
from bench.room import BACKEND_PORT, BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, ApiError, Service

MEMBERS = (10, 100, 1000, 5000)
_LOOKED_AT = (1000, 5000)
LISTENERS = (1, 10, 100, 1000)
BALANCERS = (10, 100, 500)
EDGE = 50
"""The first and the last load balancers that are compared."""
_ROUNDS = 8
_SETTLE = 7.0
"""Seconds after which a look finds what it found before: all members are checked once, and the agent is at rest."""
_REST = 32.0
"""Seconds; a resync is among them, which looks at all there is."""
_LONG = 300.0
_POLL = 0.004
"""Seconds between two questions."""
_SELDOM = 0.01
"""The same where much is made or removed: an answer takes a third of that, and the rest is for what is measured."""

_ANSWERED = Goal(p50=20)
_ACTIVE = Goal(p50=40)
_LINEAR = Goal(p50=6)
"""Times, from a thousand to five thousand."""
_AT_REST = Goal(p50=4)
_CREATED = Goal(p50=40)
_DELETED = Goal(p50=5)


def measure(room: Room, service: Service) -> list[Row]:
    return [*_members(room, service), *_listeners(room, service), *_balancers(room, service)]


# ----------------------------------------------------------------------------------- members, and listeners, of one


def _members(room: Room, service: Service) -> list[Row]:
    rows, looks = [], {}
    for size in MEMBERS:
        with _balancer(room, service, listeners=1, members=size) as identifier:
            rows += _change(service, identifier, f"growth-members-{size}", goals=size == 1000)
            if size in _LOOKED_AT:
                looks[size] = _look(service)
                rows.append(row(f"growth-members-{size}-look", "ms/s", [looks[size]]))
    few, many = _LOOKED_AT
    linear = looks[many] / looks[few]
    return [*rows, row("growth-members-look", f"{many} to {few}", [linear], _LINEAR)]


def _listeners(room: Room, service: Service) -> list[Row]:
    rows = []
    for size in LISTENERS:
        with _balancer(room, service, listeners=size, members=2) as identifier:
            rows += _change(service, identifier, f"growth-listeners-{size}", goals=False)
    return rows


def _change(service: Service, identifier: str, name: str, *, goals: bool) -> list[Row]:
    """PUT of a weight, to the answer and until the load balancer is ACTIVE; and what both roles spend on it."""
    [pool] = service.api.send("GET", f"{LBAAS}/pools?loadbalancer_id={identifier}")["pools"]
    member = f"{LBAAS}/pools/{pool['id']}/members/{pool['members'][0]['id']}"
    answered, active = [], []
    spent = _spent(service)
    for number in range(_ROUNDS + 1):
        begun = time.monotonic()
        service.api.send("PUT", member, {"member": {"weight": 2 + number}})
        answered.append(1000 * (time.monotonic() - begun))
        _await_active(service, identifier)
        active.append(1000 * (time.monotonic() - begun))
    spent = [after - before for before, after in zip(spent, _spent(service), strict=True)]
    server, agent = (1000 * each / (_ROUNDS + 1) for each in spent)
    return [
        row(f"{name}-answered", "ms", answered[1:], _ANSWERED if goals else None),
        row(f"{name}-active", "ms", active[1:], _ACTIVE if goals else None),
        row(f"{name}-server", "ms of CPU", [server]),
        row(f"{name}-agent", "ms of CPU", [agent]),
    ]


def _look(service: Service) -> float:
    """Milliseconds of CPU that the agent spends in a second, once it is at rest."""
    time.sleep(_SETTLE)
    return 1000 * _share(service, _REST)[1]


@contextmanager
def _balancer(room: Room, service: Service, *, listeners: int, members: int) -> Iterator[str]:
    """One whose listeners share one pool; the id."""
    identifier = _begin(room, service, draft(service.subnet_id, listeners, members))
    _await_active(service, identifier)
    yield identifier
    service.ask_away(identifier)
    service.await_gone([identifier], timeout=_LONG)


# --------------------------------------------------------------------------------------------------- load balancers


def _balancers(room: Room, service: Service) -> list[Row]:
    made: list[str] = []
    took: list[float] = []
    rows = []
    for size in BALANCERS:
        while len(made) < size:
            begun = time.monotonic()
            made.append(_begin(room, service, draft(service.subnet_id, listeners=1, members=2)))
            _await_active(service, made[-1], _SELDOM)
            took.append(1000 * (time.monotonic() - begun))
        largest = size == BALANCERS[-1]
        time.sleep(_REST)  # the first resync after a change looks at all of what was changed
        server, agent = _share(service, _REST)
        service.api.close()  # the service has hung up after so long a silence
        name = f"growth-balancers-{size}"
        rows += [
            row(f"{name}-rest", "% of a core", [100 * (server + agent)], _AT_REST if largest else None),
            row(f"{name}-rest-server", "% of a core", [100 * server]),
            row(f"{name}-rest-agent", "% of a core", [100 * agent]),
        ]
    begun = time.monotonic()
    for identifier in made:
        service.ask_away(identifier)
    _await_none(service)
    deleted = time.monotonic() - begun
    first, last = took[1 : EDGE + 1], took[-EDGE:]
    name = f"growth-balancers-{BALANCERS[-1]}"
    return [
        *rows,
        row(f"{name}-created", "ms", last, _CREATED),
        row("growth-balancers-first-created", "ms", first),
        row(f"{name}-created-to-first", "times", [b / a for a, b in zip(sorted(first), sorted(last), strict=True)]),
        row(f"{name}-deleted", "s", [deleted], _DELETED),
    ]


# ------------------------------------------------------------------------------------------------------- both of them


def draft(subnet_id: str, listeners: int, members: int) -> dict[str, Any]:
    """A load balancer as the API takes it: every member is a port of its own, and is checked on the back end's."""
    pool = {
        "name": "shared",
        "protocol": "TCP",
        "lb_algorithm": "ROUND_ROBIN",
        "healthmonitor": {"type": "TCP", "delay": 5, "timeout": 2, "max_retries": 2},
        "members": [
            {"address": BACKENDS[number % 2], "protocol_port": 1 + number // 2, "monitor_port": BACKEND_PORT}
            for number in range(members)
        ],
    }
    return {
        "vip_subnet_id": subnet_id,
        "pools": [pool],
        "listeners": [
            {"protocol": "TCP", "protocol_port": 1000 + number, "default_pool": {"name": "shared"}}
            for number in range(listeners)
        ],
    }


def _begin(room: Room, service: Service, wanted: dict[str, Any]) -> str:
    identifier: str = service.api.send("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": wanted})["loadbalancer"]["id"]
    room.lab.adopt(identifier)
    return identifier


def _await_active(service: Service, identifier: str, pause: float = _POLL) -> None:
    """By the smallest answer that tells: what the service spends on being asked is not what is measured."""
    path = f"{LBAAS}/loadbalancers?id={identifier}&fields=provisioning_status"
    end = time.monotonic() + _LONG
    while (status := service.api.send("GET", path)["loadbalancers"][0]["provisioning_status"]) != "ACTIVE":
        if status == "ERROR" or time.monotonic() > end:
            raise ApiError(f"{identifier} is {status}")
        time.sleep(pause)


def _await_none(service: Service) -> None:
    """As ``_await_active``: one small answer, not one for each load balancer."""
    end = time.monotonic() + _LONG
    while service.api.send("GET", f"{LBAAS}/loadbalancers?fields=id&limit=1")["loadbalancers"]:
        if time.monotonic() > end:
            raise ApiError("they are not gone")
        time.sleep(5 * _SELDOM)


def _share(service: Service, seconds: float) -> tuple[float, float]:
    """Of a core, of server and agent, while nothing is asked of them."""
    before, begun = _spent(service), time.monotonic()
    time.sleep(seconds)
    after, passed = _spent(service), time.monotonic() - begun
    server, agent = ((late - early) / passed for early, late in zip(before, after, strict=True))
    return server, agent


def _spent(service: Service) -> Sequence[float]:
    """Seconds of CPU, of server and agent."""
    roles = read_roles(service.pid)
    return [cpu_seconds(roles["server"]), cpu_seconds(roles["agent"])]
