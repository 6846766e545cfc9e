"""The demo's lab with what root tests need more: HTTP back ends as threads, requests, a look from outside, settings.

``Lab`` of ``demo.lab`` owns the bridge, the machines (namespaces) and what is left behind; this adds no ownership but
that of the back ends and of load balancers whose id was given out here.
"""

import json
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import (
    AF_INET,
    AF_INET6,
    AF_PACKET,
    IPPROTO_TCP,
    SO_REUSEADDR,
    SOCK_RAW,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_INFO,
    socket,
)
from typing import Any
from urllib.parse import urlsplit

from demo import lab as demo_lab
from demo.lab import Machine, run_ip
from demo.traffic import Answer, Client
from tests.waiting import NET, eventually

from evenload.host import netns
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.network import Segment

PHYSICAL_NETWORK = "physnet1"
_ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
_CAPTURE = 32 << 20
_TOTAL_RETRANSMISSIONS = 100
"""Where tcp_info has tcpi_total_retrans."""
LOST = 0.5
"""Seconds after which a packet counts as lost, where a test wants that it is."""


class HttpBackend:
    """Answers every GET and HEAD with ``text`` and status ``status``, which a test may change, for all paths or in
    ``answers`` for one; counts in ``hits``."""

    def __init__(self, machine: Machine, port: int, text: str) -> None:
        self.machine = machine
        self.address = machine.addresses[0].split("/")[0]
        self.port = port
        self.text = text
        self.status = 200
        self.answers: dict[str, int] = {}
        self.hits = 0
        self.asked: Counter[str] = Counter()
        """Requests by path."""
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        family = AF_INET6 if ":" in self.address else AF_INET
        with netns.visit(self.machine.namespace):  # the socket belongs there; its threads need not
            listening = socket(family, SOCK_STREAM)
        listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listening.bind((self.address, self.port))
        listening.listen(128)
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                backend.hits += 1
                backend.asked[self.path] += 1
                body = backend.text.encode()
                self.send_response(backend.answers.get(self.path, backend.status))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A peer that hangs up is no error here."""

        server = Server((self.address, self.port), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.daemon_threads = True
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class Lab(demo_lab.Lab):
    def __init__(self) -> None:
        super().__init__()
        self._backends: list[HttpBackend] = []

    def __enter__(self) -> "Lab":
        super().__enter__()
        return self

    def http_backend(self, machine: Machine, port: int, text: str) -> HttpBackend:
        backend = HttpBackend(machine, port, text)
        self._backends.append(backend)
        return backend

    def request(self, machine: Machine, url: str, timeout: float = NET) -> Answer:
        """Raises OSError or HTTPException where no whole answer comes."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        return Client(machine).get(parts.hostname, parts.port or 80, parts.path or "/", timeout=timeout)

    def load_balancer_id(self) -> str:
        """A new one, whose namespace goes with the lab."""
        identifier = str(uuid.uuid4())
        self.adopt(identifier)
        return identifier

    def settings(self, **changed: Any) -> HostSettings:
        chosen: dict[str, Any] = {
            "state_dir": self.directory / "balancers",
            "bridge_mappings": {PHYSICAL_NETWORK: self.bridge},
            "haproxy": HaproxySettings(chroot=self.directory / "empty"),
        }
        return HostSettings(**(chosen | changed))

    def remove(self) -> None:
        for backend in self._backends:
            backend.stop()
        super().remove()


def make_port(*addresses: str, gateway: str | None = None, vlan: int | None = None, mtu: int = 1500) -> DesiredPort:
    """A VIP port with a new id and MAC on the lab's physical network."""
    identifier = str(uuid.uuid4())
    kind = NetworkType.FLAT if vlan is None else NetworkType.VLAN
    return DesiredPort(
        id=identifier,
        mac_address="fa:16:3e:" + ":".join(identifier[at : at + 2] for at in (0, 2, 4)),
        mtu=mtu,
        segment=Segment(type=kind, physical_network=PHYSICAL_NETWORK, vlan=vlan),
        ips=tuple(
            DesiredIp(address=address, prefix_length=int(length), gateway_ip=gateway)
            for address, length in (each.split("/") for each in addresses)
        ),
    )


def run(*command: str, namespace: str | None = None) -> str:
    """The output of a command, through ``ip netns exec`` where a namespace is named, as an operator would see it."""
    words = ["ip", "netns", "exec", namespace, *command] if namespace else [*command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}"
    return done.stdout


def read_json(*command: str, namespace: str | None = None) -> Any:
    """What ``ip -json …`` and the like say."""
    return json.loads(run(*command, namespace=namespace) or "[]")


def reaches(namespace: Path, address: str, *, source: str | None = None, timeout: float = NET) -> bool:
    """Whether a TCP packet to a closed port of the address is refused from there, rather than lost for so long."""
    with netns.visit(namespace):
        probe = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    with probe:
        probe.settimeout(timeout)
        if source is not None:
            probe.bind((source, 0))
        try:
            probe.connect((address, 9))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    raise AssertionError(f"something listens at port 9 of {address}")


def count_retransmissions(namespace: Path, address: str) -> int:
    """How often the kernel had to repeat the first packet to the address until that refused it."""
    with netns.visit(namespace):
        probe = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    with probe:
        probe.settimeout(NET)
        try:
            probe.connect((address, 9))
        except ConnectionRefusedError:
            information = probe.getsockopt(IPPROTO_TCP, TCP_INFO, _TOTAL_RETRANSMISSIONS + 4)
            return int.from_bytes(information[_TOTAL_RETRANSMISSIONS:], sys.byteorder)
    raise AssertionError(f"something listens at port 9 of {address}")


def fetch(namespace: Path, address: str, port: int, timeout: float = NET) -> str:
    """The body of a whole answer to GET /, asked for in that namespace."""
    machine = Machine(name="", namespace=namespace, device="", addresses=())
    return Client(machine).get(address, port, timeout=timeout).body.decode()


class Sniffer:
    """The frames that pass a device, from the moment the sniffer was opened."""

    def __init__(self, device: str) -> None:
        self._socket = socket(AF_PACKET, SOCK_RAW, 0)
        self._socket.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, _CAPTURE)
        self._socket.bind((device, _ETH_P_ALL))
        self._socket.setblocking(False)
        self.frames: list[bytes] = []

    def saw(self, wanted: Callable[[bytes], bool]) -> bool:
        """Waits for such a frame."""
        return eventually(lambda: self.has_seen(wanted))

    def has_seen(self, wanted: Callable[[bytes], bool]) -> bool:
        """Whether such a frame has passed by now."""
        while True:
            try:
                self.frames.append(self._socket.recv(65536))
            except BlockingIOError:
                return any(wanted(frame) for frame in self.frames)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def sniffing(device: str, machine: Machine | None = None) -> Iterator[Sniffer]:
    """On a device of this host, or of a machine."""
    if machine is None:
        sniffer = Sniffer(device)
    else:
        with netns.visit(machine.namespace):
            sniffer = Sniffer(device)
    try:
        yield sniffer
    finally:
        sniffer.close()


__all__ = [
    "LOST",
    "PHYSICAL_NETWORK",
    "Answer",
    "HttpBackend",
    "Lab",
    "Machine",
    "count_retransmissions",
    "fetch",
    "make_port",
    "reaches",
    "read_json",
    "run",
    "run_ip",
    "sniffing",
]
