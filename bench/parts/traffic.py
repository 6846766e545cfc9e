"""Requests through a load balancer, against a bare HAProxy in the very same namespace with the same back end.

Once with a member that stood in the file when the process started, once with one that was added at run time: HAProxy
may treat the two differently, a user's traffic must not. Round by round, so that what else the machine does weighs on
both.
"""

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.room import BACKEND_PORT, BACKENDS, Room, namespace_path
from bench.rows import Goal, Row, ratios, row
from bench.service import LBAAS, Service
from bench.wrk import loading

ROUNDS = 15
_SECONDS = 1.0
_GOAL = Goal(p50=0.97, more_is_better=True)
_BARE_PORT = 8081
_MEMBER, _OTHER = BACKENDS


def measure(room: Room, service: Service) -> list[Row]:
    rows = []
    with service.balancer("traffic", [_MEMBER]) as balancer, _bare(room, balancer["id"], balancer["vip_address"]):
        rows += _compare(room, "traffic-file-member", balancer["vip_address"])
        _exchange(service, f"{LBAAS}/pools/{balancer['pool_id']}/members", balancer["id"])
        rows += _compare(room, "traffic-run-time-member", balancer["vip_address"])
    return rows


def _compare(room: Room, name: str, vip: str) -> list[Row]:
    _rate(room, f"http://{vip}/", 0.5)  # warms up
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(_rate(room, f"http://{vip}:{_BARE_PORT}/", _SECONDS))
        ours.append(_rate(room, f"http://{vip}/", _SECONDS))
    return [
        row(name, "times the bare HAProxy", ratios(ours, bare), _GOAL),
        row(f"{name}-rate", "requests/s", ours, more_is_better=True),
    ]


def _rate(room: Room, url: str, seconds: float) -> float:
    """Requests per second over kept connections. Raises where one failed."""
    with loading(room, url, seconds=60, close=False) as run:
        begun = time.monotonic()
        time.sleep(seconds)
        count = run.stop()
        if count.failed:
            raise RuntimeError(f"{count.failed} requests failed")
        return count.requests / (time.monotonic() - begun)


def _exchange(service: Service, members: str, identifier: str) -> None:
    """The same back end again, at run time; another one stands in between, so that it is a server of its own."""
    for add, remove in ((_OTHER, _MEMBER), (_MEMBER, _OTHER)):
        body = {"address": add, "protocol_port": BACKEND_PORT}
        service.api.send("POST", members, {"member": body})
        service.await_active([identifier])
        present = service.api.send("GET", members)["members"]
        [old] = [each["id"] for each in present if each["address"] == remove]
        service.api.send("DELETE", f"{members}/{old}")
        service.await_active([identifier])


@contextmanager
def _bare(room: Room, identifier: str, vip: str) -> Iterator[None]:
    config = room.lab.directory / "bare.cfg"
    config.write_text(
        textwrap.dedent(
            f"""\
            global
                nbthread 1
                maxconn 2000
                httpclient.ssl.verify none
            defaults
                mode http
                timeout client 50s
                timeout connect 5s
                timeout server 50s
            listen web
                bind {vip}:{_BARE_PORT}
                server one {_MEMBER}:{BACKEND_PORT}
            """
        )
    )
    inside = replace(room.client, name="bare", namespace=namespace_path(identifier))
    process = room.lab.spawn("bare", ["haproxy", "-db", "-f", str(config)], machine=inside)
    try:
        yield
    finally:
        process.stop()
