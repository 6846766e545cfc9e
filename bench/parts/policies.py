"""Requests through listeners with L7 policies, each for a host and the beginning of a path, as ingresses have them.

With 1, 10 and 100 of them against a HAProxy in the very same namespace that has the same ones as lines written by hand;
with 1,000 against one of our own listeners that has but one. Each request is for the last policy.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.bare import bare
from bench.room import BACKEND_PORT, BACKENDS, Room
from bench.rows import Goal, Row, ratios, row
from bench.service import LBAAS, Service
from bench.turns import ROUNDS, SECONDS, in_turn
from bench.wrk import CONNECTIONS, loading

_COUNTS = (1, 10, 100)
_MANY = 1_000
_RATE = Goal(p50=0.97, more_is_better=True)
_LATENCY = Goal(p50=2.0)
_OURS, _BARE = 8100, 8200
_MEMBER = BACKENDS[0]


def measure(room: Room, service: Service) -> list[Row]:
    rows = []
    with service.balancer("policies", [_MEMBER]) as balancer:
        vip = balancer["vip_address"]
        pool_id = _make_pool(service, balancer["id"])
        ports = {count: _OURS + place for place, count in enumerate((*_COUNTS, _MANY))}
        for count, port in ports.items():
            _make_listener(service, balancer, pool_id, count, port)
        with bare(room, balancer["id"], "policies", _sections(vip, _COUNTS)):
            for place, count in enumerate(_COUNTS):
                rows += _compare(room, vip, count, ports[count], _BARE + place)
                service.await_active([balancer["id"]])  # and the connection to the API is kept
            rows += _compare_latency(room, vip, ports)
    return rows


def _compare(room: Room, vip: str, count: int, port: int, bare_port: int) -> list[Row]:
    bare, ours = in_turn(ROUNDS, *(partial(_rate, room, vip, each, count, CONNECTIONS) for each in (bare_port, port)))
    return [
        row(f"policies-{count}", "times a HAProxy with them by hand", ratios(ours, bare), _RATE),
        row(f"policies-{count}-rate", "requests/s", ours, more_is_better=True),
    ]


def _compare_latency(room: Room, vip: str, ports: dict[int, int]) -> list[Row]:
    """One request after the other."""
    one, many = (
        [1e6 / rate for rate in rates]
        for rates in in_turn(ROUNDS, *(partial(_rate, room, vip, ports[each], each, 1) for each in (1, _MANY)))
    )
    return [
        row(f"policies-{_MANY}-latency", "times that of one policy", ratios(many, one), _LATENCY),
        row(f"policies-{_MANY}-request", "us", many),
    ]


def _rate(room: Room, vip: str, port: int, count: int, connections: int) -> float:
    """Requests per second over kept connections. Raises where one failed."""
    url = f"http://{vip}:{port}{_path(count - 1)}"
    with loading(room, url, seconds=60, close=False, connections=connections, host=_host(count - 1)) as run:
        begun = time.monotonic()
        time.sleep(SECONDS)
        found = run.stop()
        if found.failed:
            raise RuntimeError(f"{found.failed} requests failed")
        return found.requests / (time.monotonic() - begun)


def _host(number: int) -> str:
    return f"h{number}.example"


def _path(number: int) -> str:
    return f"/p{number}/"


def _make_pool(service: Service, identifier: str) -> str:
    """Where all policies lead, with the same member as the default pool."""
    members = [{"address": _MEMBER, "protocol_port": BACKEND_PORT}]
    body = {
        "name": "chosen",
        "loadbalancer_id": identifier,
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": members,
    }
    made: str = service.api.send("POST", f"{LBAAS}/pools", {"pool": body})["pool"]["id"]
    service.await_active([identifier])
    return made


def _make_listener(service: Service, balancer: dict[str, Any], pool_id: str, count: int, port: int) -> None:
    body = {
        "name": f"policies-{count}",
        "loadbalancer_id": balancer["id"],
        "protocol": "HTTP",
        "protocol_port": port,
        "default_pool_id": balancer["pool_id"],
        "l7policies": [_policy(number, pool_id) for number in range(count)],
    }
    service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})
    service.await_active([balancer["id"]])


def _policy(number: int, pool_id: str) -> dict[str, Any]:
    return {
        "action": "REDIRECT_TO_POOL",
        "redirect_pool_id": pool_id,
        "rules": [
            {"type": "HOST_NAME", "compare_type": "EQUAL_TO", "value": _host(number)},
            {"type": "PATH", "compare_type": "STARTS_WITH", "value": _path(number)},
        ],
    }


def _sections(vip: str, counts: Sequence[int]) -> str:
    lines = [
        "backend standing",
        f"    server one {_MEMBER}:{BACKEND_PORT}",
        "backend chosen",
        f"    server one {_MEMBER}:{BACKEND_PORT}",
    ]
    for place, count in enumerate(counts):
        lines += [f"frontend web{count}", f"    bind {vip}:{_BARE + place}"]
        for number in range(count):
            lines += [
                f"    acl host{number} hdr(host) -i {_host(number)}",
                f"    acl path{number} path_beg {_path(number)}",
                f"    use_backend chosen if host{number} path{number}",
            ]
        lines.append("    default_backend standing")
    return "\n".join([*lines, ""])
