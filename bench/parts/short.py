"""Short connections through a load balancer to one member, as many as the machine makes, for a minute: are any lost?

A listener of TCP, so that each connection of a client is one to the member, from a port of the load balancer's that
nobody else has; and the client closes first, which keeps that port in TIME_WAIT. What the load balancer's namespace
does not free in time is missing after seconds. The same without a load balancer in between says what the machine can
do.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import Service
from evenload.host import netns

SECONDS, _DIRECT_SECONDS = 60, 10
_CLIENTS = 8
_SCRIPT = Path(__file__).parent.parent / "short_connections.py"


def measure(room: Room, service: Service) -> list[Row]:
    with netns.visit(room.client.namespace):
        # The client's own ports are not what is measured.
        Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("1\n")
    direct, _ = _run(room, BACKENDS[0], _DIRECT_SECONDS)
    with service.balancer("short", [BACKENDS[0]], protocol="TCP") as balancer:
        answered, lost = _run(room, balancer["vip_address"], SECONDS)
    return [
        row("short-lost", "connections", [float(lost)], Goal(p50=0)),
        row("short-rate", "connections/s", answered, more_is_better=True),
        row("short-made", "connections", [sum(answered)]),
        row("short-direct-rate", "connections/s", direct, more_is_better=True),
    ]


def _run(room: Room, address: str, seconds: int) -> tuple[list[float], int]:
    """How many connections were answered in each second, and how many were lost."""
    words = [sys.executable, str(_SCRIPT), address, str(seconds), str(_CLIENTS)]
    inside = ["ip", "netns", "exec", room.client_namespace, *words]
    output = subprocess.run(inside, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    found = json.loads(output)
    if found["lost"]:
        print(f"lost: {', '.join(found['reasons'])}", file=sys.stderr)
    return [float(each) for each in found["answered"]], found["lost"]
