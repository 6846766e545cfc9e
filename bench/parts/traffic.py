"""Requests through a load balancer, against a bare HAProxy in the very same namespace with the same back end.

Once with a member that stood in the file when the process started, once with one that was added at run time: HAProxy
may treat the two differently, a user's traffic must not. Round by round, so that what else the machine does weighs on
both.
"""

import time
from functools import partial

from bench.bare import bare
from bench.room import BACKEND_PORT, BACKENDS, Room
from bench.rows import Goal, Row, ratios, row
from bench.service import LBAAS, Service
from bench.turns import ROUNDS, SECONDS, in_turn
from bench.wrk import loading

_GOAL = Goal(p50=0.97, more_is_better=True)
_BARE_PORT = 8081
_MEMBER, _OTHER = BACKENDS


def measure(room: Room, service: Service) -> list[Row]:
    rows = []
    with (
        service.balancer("traffic", [_MEMBER]) as balancer,
        bare(room, balancer["id"], "bare", _sections(balancer["vip_address"])),
    ):
        rows += _compare(room, "traffic-file-member", balancer["vip_address"])
        _exchange(service, f"{LBAAS}/pools/{balancer['pool_id']}/members", balancer["id"])
        rows += _compare(room, "traffic-run-time-member", balancer["vip_address"])
    return rows


def _compare(room: Room, name: str, vip: str) -> list[Row]:
    urls = (f"http://{vip}:{_BARE_PORT}/", f"http://{vip}/")
    bare, ours = in_turn(ROUNDS, *(partial(_rate, room, url) for url in urls))
    return [
        row(name, "times the bare HAProxy", ratios(ours, bare), _GOAL),
        row(f"{name}-rate", "requests/s", ours, more_is_better=True),
    ]


def _rate(room: Room, url: str) -> float:
    """Requests per second over kept connections. Raises where one failed."""
    with loading(room, url, seconds=60, close=False) as run:
        begun = time.monotonic()
        time.sleep(SECONDS)
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


def _sections(vip: str) -> str:
    return f"""\
        listen web
            bind {vip}:{_BARE_PORT}
            server one {_MEMBER}:{BACKEND_PORT}
        """
