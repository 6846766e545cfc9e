"""``python -m bench [--only NAME]``: runs the parts, prints the table, writes ``build/bench.json``.

Exit code 0 also where a goal is missed (``met`` says so); an error of the measurement itself ends with another one.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench import parts
from bench.parts import (
    api,
    certificates,
    commits,
    create,
    growth,
    listener,
    logins,
    member,
    policies,
    protocols,
    reloads,
    short,
    traffic,
    tree,
    unfriendly,
)
from bench.parts import memory as memory_part
from bench.room import Room, furnished
from bench.rows import Row, render_json, render_table
from bench.service import Service, running

OUTPUT = Path(__file__).parent.parent / "build" / "bench.json"


@dataclass(frozen=True, slots=True)
class Part:
    """``bare``: runs an agent of its own instead of talking to the service."""

    explained: str
    with_service: Callable[[Room, Service], list[Row]] | None = None
    bare: Callable[[Room], list[Row]] | None = None


PARTS = {
    "create": Part("desired state known to the first 200 through the VIP", bare=create.measure),
    "seed": Part("the same against the seed's own commands, round by round (includes create)", bare=create.compare),
    "tree": Part("POST of a whole load balancer to the first 200", tree.measure),
    "listener": Part("POST of a listener to its first 200", listener.measure),
    "member": Part("a member added, a weight changed, to the moment it is in force", member.measure),
    "reloads": Part("fifty reloads under load, of six kinds", reloads.measure),
    "certificates": Part("a certificate exchanged, to its first handshake", certificates.measure),
    "traffic": Part("requests through members of the file and of run time, against a bare HAProxy", traffic.measure),
    "protocols": Part("TCP, TLS, HTTP/2 and bulk, against a HAProxy by hand", protocols.measure),
    "policies": Part("requests through L7 policies, against a HAProxy that has them by hand", policies.measure),
    "short": Part("short connections to one member for a minute, as many as the machine makes", short.measure),
    "memory": Part("memory of one of a hundred idle load balancers", memory_part.measure),
    "unfriendly": Part("what slow clients, a huge request and many connections cost the others", unfriendly.measure),
    "growth": Part("one small change, a look and rest with many members, listeners, load balancers", growth.measure),
    "commits": Part("changes a second, of one and of eight threads", bare=commits.measure),
    "logins": Part("what wrong passwords cost those who know theirs", bare=logins.measure),
    "api": Part("latency and rate of single API requests", api.measure),
}
"""In the order of a whole run."""


def main() -> int:
    arguments = _arguments()
    if os.geteuid() != 0:
        print("bench: needs root, for namespaces and bridges", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _interrupt)
    names = choose_parts(arguments.only)
    begun, load = time.monotonic(), os.getloadavg()[0]
    rows: list[Row] = []
    try:
        with furnished() as room, ExitStack() as stack:
            service: Service | None = None
            for name in names:
                part = PARTS[name]
                _say(f"{name}: {part.explained}")
                if part.bare is not None:
                    measured = part.bare(room)
                else:
                    assert part.with_service is not None
                    service = service or stack.enter_context(running(room))
                    measured = part.with_service(room, service)
                rows += measured
                if len(names) > 1:
                    print(render_table(measured), flush=True)
    except KeyboardInterrupt:
        _say("stopped; everything that was made is removed")
        return 130
    _say(f"{time.monotonic() - begun:.0f} s, load average {load:.1f} before and {os.getloadavg()[0]:.1f} after")
    print(render_table(rows), flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(render_json(rows))
    return 0


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {name:<10} {part.explained}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="bench", description=f"{parts.__doc__}\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="NAME", help="one part instead of all; the name of a row names its part")
    arguments = parser.parse_args()
    if not choose_parts(arguments.only):
        parser.error(f"there is no part {arguments.only}; parts are {', '.join(PARTS)}")
    return arguments


def choose_parts(only: str | None) -> list[str]:
    """All of them in their order (``seed`` measures ``create`` as well), or the one; empty where it does not exist."""
    if only is None:
        return [name for name in PARTS if name != "create"]
    part = only.partition("-")[0]
    return [part] if part in PARTS else []


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"--- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
