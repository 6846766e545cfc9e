"""Requests and bytes by each protocol through a load balancer, against a HAProxy with the least of hand-written lines
in the very same namespace, with the same back end; round by round.

New TLS connections are made by ``openssl s_time``, one after the other, each with one request; HTTP/2 is that of
``h2load``. Bulk is one long answer, by HTTP and by TCP, against a HAProxy that splices always: one with
``splice-auto`` gains nothing in rounds of a second or less.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tests.certificates import make_bundle

from bench import bulk
from bench.bare import bare
from bench.room import BACKEND_PORT, BACKENDS, Room
from bench.rows import Goal, Row, ratios, row
from bench.service import LBAAS, Service
from bench.turns import ROUNDS, SECONDS, in_turn
from bench.wrk import loading

_CONNECTION_ROUNDS = 12
"""Of a whole second each: ``s_time`` knows no shorter ones."""
_GOAL = Goal(p50=0.97, more_is_better=True)
_TCP, _TLS, _BULK, _BULK_TCP = 8101, 8102, 8103, 8104
_BARE = 100
"""What the bare HAProxy's ports are higher by."""
_BULK_PORT = 8090
_MEMBER = BACKENDS[0]
_S_TIME = re.compile(r"^(\d+) connections in \d+ real seconds", re.MULTILINE)
_H2LOAD = re.compile(r"finished in [^,]+, ([0-9.]+) req/s")
_H2LOAD_GOOD = re.compile(r" 0 failed, 0 errored, 0 timeout\n")

Rate = Callable[[Room, str, int], float]
"""Through that address and port: how many a second."""


def measure(room: Room, service: Service) -> list[Row]:
    rows = []
    source = room.lab.spawn(
        "bulk",
        [sys.executable, "-S", bulk.__file__, "serve", _MEMBER, str(_BULK_PORT)],
        machine=room.backends[0],
    )
    bundle = make_bundle("bench.example.com")
    try:
        with service.balancer("protocols", [_MEMBER]) as balancer:
            vip = balancer["vip_address"]
            _listen(service, balancer, bundle)
            certificate = room.lab.directory / "protocols.pem"
            certificate.write_bytes(bundle)
            with bare(room, balancer["id"], "protocols", _sections(vip, certificate)):
                for name, unit, rounds, port, rate in (
                    ("tcp", "requests/s", ROUNDS, _TCP, _by_wrk("http")),
                    ("tls", "requests/s", ROUNDS, _TLS, _by_wrk("https")),
                    ("tls-resumed", "connections/s", _CONNECTION_ROUNDS, _TLS, _by_s_time("-reuse")),
                    ("tls-new", "connections/s", _CONNECTION_ROUNDS, _TLS, _by_s_time("-new")),
                    ("http2", "requests/s", ROUNDS, _TLS, _by_h2load),
                    ("bulk", "GB/s", ROUNDS, _BULK, _by_fetch),
                    ("bulk-tcp", "GB/s", ROUNDS, _BULK_TCP, _by_fetch),
                ):
                    both = (partial(rate, room, vip, each) for each in (port + _BARE, port))
                    rows += _compare(f"protocols-{name}", unit, rounds, both)
                    service.await_active([balancer["id"]])  # and the connection to the API is kept
    finally:
        source.stop()
    return rows


def _compare(name: str, unit: str, rounds: int, theirs_and_ours: Iterable[Callable[[], float]]) -> list[Row]:
    theirs, ours = in_turn(rounds, *theirs_and_ours)
    return [
        row(name, "times a HAProxy by hand", ratios(ours, theirs), _GOAL),
        row(f"{name}-rate", unit, ours, more_is_better=True),
    ]


def _by_wrk(scheme: str) -> Rate:
    """Requests over kept connections. Raises where one failed."""

    def rate(room: Room, vip: str, port: int) -> float:
        with loading(room, f"{scheme}://{vip}:{port}/", seconds=60, close=False) as run:
            begun = time.monotonic()
            time.sleep(SECONDS)
            count = run.stop()
            if count.failed:
                raise RuntimeError(f"{count.failed} requests failed")
            return count.requests / (time.monotonic() - begun)

    return rate


def _by_s_time(how: str) -> Rate:
    """New connections, each with one request. It counts whole seconds of its own, so the time is taken here."""

    def rate(room: Room, vip: str, port: int) -> float:
        begun = time.monotonic()
        output = _run(room, "openssl", "s_time", "-connect", f"{vip}:{port}", how, "-www", "/", "-time", "1")
        seconds = time.monotonic() - begun
        found = _S_TIME.search(output)
        if found is None:
            raise RuntimeError(f"no connections in {output!r}")
        return int(found[1]) / seconds

    return rate


def _by_h2load(room: Room, vip: str, port: int) -> float:
    output = _run(room, "h2load", "-c8", "-m8", f"-D{int(1000 * SECONDS)}ms", f"https://{vip}:{port}/")
    found = _H2LOAD.search(output)
    if found is None or "Application protocol: h2" not in output or not _H2LOAD_GOOD.search(output):
        raise RuntimeError(f"h2load says {output}")
    return float(found[1])


def _by_fetch(room: Room, vip: str, port: int) -> float:
    """Gigabytes a second."""
    found = json.loads(_run(room, sys.executable, "-S", bulk.__file__, "fetch", vip, str(port), str(SECONDS)))
    return float(found["bytes"] / found["seconds"] / 1e9)


def _run(room: Room, *words: str) -> str:
    command = ["ip", "netns", "exec", room.client_namespace, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def _listen(service: Service, balancer: dict[str, Any], bundle: bytes) -> None:
    """Those listeners beside the one that is there."""
    secret = {"payload": bundle.decode(), "payload_content_type": "text/plain"}
    reference = service.api.send("POST", "/v1/secrets", secret)["secret_ref"]
    pools = {
        name: _pool(service, balancer["id"], protocol, port)
        for name, protocol, port in (
            ("tcp", "TCP", BACKEND_PORT),
            ("bulk", "HTTP", _BULK_PORT),
            ("bulk-tcp", "TCP", _BULK_PORT),
        )
    }
    for listener in (
        {"protocol": "TCP", "protocol_port": _TCP, "default_pool_id": pools["tcp"]},
        {
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": _TLS,
            "default_pool_id": balancer["pool_id"],
            "default_tls_container_ref": reference,
        },
        {"protocol": "HTTP", "protocol_port": _BULK, "default_pool_id": pools["bulk"]},
        {"protocol": "TCP", "protocol_port": _BULK_TCP, "default_pool_id": pools["bulk-tcp"]},
    ):
        body = {"loadbalancer_id": balancer["id"], **listener}
        service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})
        service.await_active([balancer["id"]])


def _pool(service: Service, load_balancer_id: str, protocol: str, port: int) -> str:
    body = {
        "loadbalancer_id": load_balancer_id,
        "protocol": protocol,
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": _MEMBER, "protocol_port": port}],
    }
    made: str = service.api.send("POST", f"{LBAAS}/pools", {"pool": body})["pool"]["id"]
    service.await_active([load_balancer_id])
    return made


def _sections(vip: str, certificate: Path) -> str:
    return f"""\
        listen tcp
            mode tcp
            bind {vip}:{_TCP + _BARE}
            server one {_MEMBER}:{BACKEND_PORT}
        listen tls
            bind {vip}:{_TLS + _BARE} ssl crt {certificate} alpn h2,http/1.1
            server one {_MEMBER}:{BACKEND_PORT}
        listen bulk
            bind {vip}:{_BULK + _BARE}
            option splice-request
            option splice-response
            server one {_MEMBER}:{_BULK_PORT}
        listen bulk-tcp
            mode tcp
            bind {vip}:{_BULK_TCP + _BARE}
            option splice-request
            option splice-response
            server one {_MEMBER}:{_BULK_PORT}
        """
