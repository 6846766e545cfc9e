"""One namespace with a HAProxy and its back ends in it, all on the loopback: what the tests of HAProxy itself need.

Sockets are opened inside the namespace and used from threads outside. The stage owns everything it makes.
"""

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType

from tests.root.hanging import hang
from tests.waiting import NET

from evenload.host import netns
from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.model.balancer import HealthMonitor, Listener, LoadBalancer, Member, Pool, Vip
from evenload.model.desired import Desired, DesiredPort
from evenload.model.enums import Algorithm, ListenerProtocol, NetworkType, PoolProtocol
from evenload.model.network import Segment
from evenload.model.slot import slots_in
from evenload.render.haproxy import render_files, render_haproxy
from evenload.render.options import RenderOptions
from evenload.render.state_file import Row, parse_server_states

VIP = "10.77.0.5"
VIP6 = "2001:db8:77::5"
MEMBERS = [f"10.77.1.{number}" for number in range(1, 7)]
MEMBER6 = "2001:db8:77:1::1"


def _opened() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate


@dataclass(slots=True)
class Backend:
    """``headers`` of the last request, names in lower case. While ``gate`` is clear, requests wait for their answers.

    ``closing``: no connection is kept alive.
    """

    address: str
    port: int
    name: str
    status: int = 200
    gate: threading.Event = field(default_factory=_opened)
    cookie: str | None = None
    closing: bool = False
    hits: int = 0
    requests: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    server: ThreadingHTTPServer | None = None

    def stop(self) -> None:
        self.gate.set()
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class Stage:
    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.directory = Path(tempfile.mkdtemp(prefix="evl-", dir="/tmp"))
        self.settings = HostSettings(
            state_dir=self.directory / "lb", haproxy=HaproxySettings(chroot=self.directory / "empty")
        )
        self.namespace = self.settings.netns_dir / f"qlbaas-{self.id}"
        self.files = StateFiles(self.settings.state_dir)
        self.haproxy = Haproxy(self.settings, self.files)
        self.options = RenderOptions(state_dir=str(self.settings.state_dir), chroot=str(self.settings.haproxy.chroot))
        self.worker = 0
        self.pid = 0
        self.text = ""
        self.backends: list[Backend] = []

    def __enter__(self) -> "Stage":
        try:
            self.make_namespace()
            self.files.ensure(self.id)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def make_namespace(self) -> None:
        netns.ensure(self.namespace)
        name = self.namespace.name
        lines = ["link set lo up", *(f"addr add {address}/32 dev lo" for address in [VIP, *MEMBERS])]
        lines += [f"addr add {address}/128 dev lo nodad" for address in (VIP6, MEMBER6)]
        batch = "\n".join(lines)
        subprocess.run(["ip", "-n", name, "-batch", "-"], input=batch, text=True, check=True)

    def remove(self) -> None:
        for backend in self.backends:
            backend.stop()
        try:
            self.haproxy.stop_haproxy(self.id)
        finally:
            self.haproxy.close()
            number = netns.inode(self.namespace)
            left = netns.end_processes(number) if number is not None else []
            netns.remove(self.namespace)
            shutil.rmtree(self.directory, ignore_errors=True)
        assert not left, left

    # HAProxy

    def render(self, desired: Desired) -> str:
        """The text; its files and slots are made, but for those with secrets."""
        own = replace(desired, load_balancer=replace(desired.load_balancer, id=self.id))
        text = render_haproxy(own, self.options, self.worker)
        files = {file.name: file for file in render_files(own, self.options)}
        for slot in slots_in(text).values():
            if slot.fingerprint in files:
                self.files.write_named(self.id, files[slot.fingerprint])
                self.files.link(self.id, slot.name, slot.fingerprint)
        return text

    def start(self, desired: Desired) -> int:
        self.worker += 1
        self.text = self.render(desired)
        self.pid = self.haproxy.start_haproxy(self.id, self.text, self.worker)
        return self.pid

    def reload(self, desired: Desired, states: str | None = None) -> int:
        self.worker += 1
        self.text = self.render(desired)
        self.pid = self.haproxy.reload_haproxy(self.id, self.text, self.worker, states)
        return self.pid

    def ask(self, command: str) -> str:
        [answer] = self.haproxy.runtime(self.id, [command])
        return answer

    def hang(self) -> socket.socket:
        """Lets the process that serves do nothing for very long; the conversation is to be closed."""
        return hang(self.files.path(self.id, "haproxy.sock"))

    def servers(self) -> dict[str, Row]:
        """By server, of ``show servers state``."""
        return {row["srv_name"]: row for row in parse_server_states(self.ask("show servers state"))}

    def status(self, server: str) -> str:
        [state] = self.haproxy.read_statistics(self.id).values()
        return next(row.status for row in state if row.server == server)

    # The other side

    def backend(
        self, number: int, *, port: int = 8080, tls: ssl.SSLContext | None = None, address: str | None = None
    ) -> Backend:
        backend = Backend(address or MEMBERS[number - 1], port, f"backend {number}")
        self.serve(backend, tls)
        self.backends.append(backend)
        return backend

    def serve(self, backend: Backend, tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                backend.requests.append(self.requestline)
                backend.headers = {name.lower(): value for name, value in self.headers.items()}
                backend.hits += 1
                assert backend.gate.wait(NET)
                body = backend.name.encode()
                self.send_response(backend.status)
                self.send_header("Content-Length", str(len(body)))
                if backend.cookie is not None:
                    self.send_header("Set-Cookie", backend.cookie)
                if backend.closing:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                """A peer that hangs up is no error here."""

        listening = self.open(backend.address)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((backend.address, backend.port))
        listening.listen(256)
        if tls is not None:
            listening = tls.wrap_socket(listening, server_side=True)
        server = Server((backend.address, backend.port), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        backend.server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def open(self, address: str) -> socket.socket:
        with netns.visit(self.namespace):
            return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)

    def connect(self, port: int = 80, address: str = VIP) -> socket.socket:
        connection = self.open(address)
        connection.settimeout(NET)
        connection.connect((address, port))
        return connection

    def client(self, port: int = 80, address: str = VIP) -> HTTPConnection:
        """Keeps its connection alive; to be closed by the caller."""
        client = HTTPConnection(address, port)
        client.sock = self.connect(port, address)
        return client

    def get(self, path: str = "/", port: int = 80, address: str = VIP, **headers: str) -> str:
        """The body of an answer to a request on a new connection."""
        return self.fetch(path, port, address, **headers)[1]

    def fetch(self, path: str = "/", port: int = 80, address: str = VIP, **headers: str) -> tuple[int, str, str | None]:
        """Status, body and Set-Cookie."""
        client = self.client(port, address)
        try:
            client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = client.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("Set-Cookie")
        finally:
            client.close()


def desired(
    *members: Member,
    listeners: Sequence[Listener] = (),
    monitor: HealthMonitor | None = None,
    pool: Mapping[str, object] = MappingProxyType({}),
) -> Desired:
    """A HTTP listener ``web`` on port 80 with a pool ``app``, unless other listeners are given."""
    web = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80, default_pool_id="app")
    plain = Pool(id="app", load_balancer_id="lb", protocol=PoolProtocol.HTTP, algorithm=Algorithm.ROUND_ROBIN)
    segment = Segment(type=NetworkType.FLAT, physical_network="physnet1")
    return Desired(
        generation=1,
        project_id="project",
        load_balancer=LoadBalancer(
            id="lb", network_id="net", port_id="port", vips=(Vip(address=VIP, subnet_id="subnet"),)
        ),
        port=DesiredPort(id="port", mac_address="fa:16:3e:00:00:01", mtu=1500, segment=segment, ips=()),
        listeners=tuple(listeners) or (web,),
        pools=(replace(plain, **pool),),  # type: ignore[arg-type]
        members=members,
        monitors=() if monitor is None else (monitor,),
    )


def member(number: int, **fields: object) -> Member:
    plain = Member(id=f"m{number}", pool_id="app", address=MEMBERS[number - 1], port=8080)
    return replace(plain, **fields)  # type: ignore[arg-type]
