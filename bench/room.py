"""The room of a run: a lab with a client, two back ends that answer at once, and whatever a part adds.

Called by ``__main__``; handed to the parts. Measures nothing.
"""

import os
import textwrap
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.lab import NETNS, Lab, Machine, Process

PREFIX_LENGTH = 20
CIDR = f"10.77.0.0/{PREFIX_LENGTH}"
GATEWAY = "10.77.0.1"
"""The client's address: who reaches a VIP in a private cloud usually comes through the router."""
BACKENDS = ("10.77.1.1", "10.77.1.2")
BACKEND_PORT = 80
CIDR6 = "2001:db8:77::/64"
GATEWAY6 = "2001:db8:77::1"
ALLOCATION_POOL = ("10.77.4.1", "10.77.15.254")
MTU = 1500
"""What the service hands out; addresses below that are the bench's own to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    lab: Lab
    client: Machine
    backends: tuple[Machine, ...]

    @property
    def client_namespace(self) -> str:
        """As ``ip netns exec`` calls it."""
        return self.client.namespace.name

    def load_balancer_id(self) -> str:
        """A new one, of which nothing will remain after the run. Its first 11 characters tell it from the others."""
        identifier = str(uuid.uuid4())
        self.lab.adopt(identifier)
        return identifier


@contextmanager
def furnished() -> Iterator[Room]:
    """Everything that was made in it is gone afterwards."""
    with Lab() as lab:
        client = lab.machine("client", f"{GATEWAY}/{PREFIX_LENGTH}", f"{GATEWAY6}/64")
        _widen_port_range(client)
        backends = []
        for number, address in enumerate(BACKENDS, start=1):
            name = f"backend{number}"
            machine = lab.machine(name, f"{address}/{PREFIX_LENGTH}")
            backends.append(machine)
            config = lab.directory / f"{name}.cfg"
            config.write_text(_backend_config(name, address))
            backend = lab.spawn(name, ["haproxy", "-db", "-f", str(config)], machine=machine)
            await_listening(backend, 1)
        yield Room(lab=lab, client=client, backends=tuple(backends))


def vips(first: int) -> Iterator[str]:
    """Addresses outside of the service's allocation pool; ``first`` is the third byte, 2 or 3, a range per part."""
    for last in range(1, 255):
        yield f"10.77.{first}.{last}"
    raise RuntimeError("more rounds than addresses")


def mac_addresses(first: int) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"fa:16:3e:{first:02x}:{number >> 8:02x}:{number & 255:02x}"


def _backend_config(name: str, address: str) -> str:
    """HAProxy itself is the back end: it answers faster than anything that stands behind it in earnest."""
    return textwrap.dedent(
        f"""\
        global
            nbthread 1
            maxconn 4000
            httpclient.ssl.verify none
        defaults
            mode http
            timeout client 60s
            timeout connect 5s
            timeout server 60s
        frontend web
            bind {address}:{BACKEND_PORT}
            http-request return status 200 content-type text/plain string "{name}"
        """
    )


def _widen_port_range(machine: Machine) -> None:
    """A client that opens ten thousand connections a second must not run out of ports before the measurement ends."""
    from evenload.host import netns  # here: the only thing of the product that the room itself needs

    with netns.visit(machine.namespace):
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65535\n")


def await_listening(process: Process, sockets: int, timeout: float = 5.0) -> None:
    """Until that many IPv4 sockets of the process itself listen: a namespace may have those of others, too."""
    deadline = time.monotonic() + timeout
    while _listening(process.pid) < sockets:
        if process.exit_code() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.name} does not listen: {process.tail()}")
        time.sleep(0.01)


def _listening(pid: int) -> int:
    """The process's view of /proc/net is that of its namespace; state 0A is LISTEN."""
    try:
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        own = {os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    except FileNotFoundError:  # it ends, or has just closed one
        return 0
    fields = [line.split() for line in lines]
    return sum(each[3] == "0A" and f"socket:[{each[9]}]" in own for each in fields)


def state_directories_left(room: Room) -> list[str]:
    balancers = room.lab.state / "load_balancers"
    return sorted(os.listdir(balancers)) if balancers.is_dir() else []


def namespace_path(load_balancer_id: str) -> Path:
    return NETNS / f"qlbaas-{load_balancer_id}"
