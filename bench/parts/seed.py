"""One round of the seed's own commands: ``seed.sh`` from its start to the first 200 through the VIP."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.observer import Observer
from bench.room import BACKEND_PORT, BACKENDS, GATEWAY, MTU, PREFIX_LENGTH, Room, mac_addresses, vips

SETTLE = 0.05
_SCRIPT = Path(__file__).parent.parent / "seed.sh"


def rounds(room: Room, observer: Observer) -> Iterator[float]:
    """Milliseconds, one load balancer built and removed for each."""
    directory = room.lab.directory / "seed"
    directory.mkdir()
    for vip, mac in zip(vips(3), mac_addresses(3), strict=False):
        identifier = room.load_balancer_id()
        member = f"{BACKENDS[0]}:{BACKEND_PORT}"
        words = [identifier, room.lab.bridge, mac, str(MTU), vip, str(PREFIX_LENGTH), GATEWAY, member, str(directory)]
        observer.watch_http(vip, 80)
        begun = time.monotonic_ns()
        subprocess.run([str(_SCRIPT), "create", *words], check=True)
        milliseconds = (observer.seen() - begun) / 1e6
        subprocess.run([str(_SCRIPT), "delete", identifier, str(directory)], check=True)
        await_removed(f"tap{identifier[:11]}")
        yield milliseconds


def await_removed(device: str, timeout: float = 10.0) -> None:
    """The kernel takes a namespace apart after its name has gone, and lets others wait for it meanwhile: that must not
    weigh on the next round."""
    deadline = time.monotonic() + timeout
    while (Path("/sys/class/net") / device).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{device} is still there")
        time.sleep(0.005)
    time.sleep(SETTLE)
