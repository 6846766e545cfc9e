"""Health monitors against real servers, TLS included."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.root.haproxy_stage import MEMBERS, VIP, Stage, desired, member
from tests.waiting import NET, eventually

from evenload.host import netns
from evenload.model.balancer import HealthMonitor, HttpCheck
from evenload.model.enums import MonitorType, PoolProtocol

pytestmark = pytest.mark.root

TCP = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=1, timeout=1, rise=1, fall=1)
HTTP = replace(TCP, type=MonitorType.HTTP, http=HttpCheck())


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=www.example.org"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", str(path), "-out", f"{path}.crt"], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def server_context(certificate: Path, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum
    context.load_cert_chain(certificate)
    return context


def settles(stage: Stage, server: str, check_status: str) -> bool:
    """Whether the last check of the server comes to end so."""

    def found() -> bool:
        lines = stage.ask("show stat -1 4 -1").splitlines()
        names = lines[0].removeprefix("# ").split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:]]
        return next(row["check_status"] for row in rows if row["svname"] == server) == check_status

    return eventually(found)


def test_tcp(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired(member(1), member(2), monitor=TCP))
    assert settles(stage, "m1", "L4OK")
    assert settles(stage, "m2", "L4CON")
    assert stage.status("m2") == "DOWN"


def test_http_asks_what_the_monitor_says(stage: Stage) -> None:
    backend = stage.backend(1)
    backend.status = 204
    path = "/$HOME/%[env(HOME)]/\"#'\\';{}?a=b&c"
    check = HttpCheck(url_path=path, expected_codes="200-204", version="1.1", domain_name="www.example.org")
    stage.start(desired(member(1), monitor=replace(HTTP, http=check)))
    assert settles(stage, "m1", "L7OK")
    assert backend.requests[0] == f"GET {path} HTTP/1.1"
    assert backend.headers["host"] == "www.example.org"
    backend.status = 500
    assert settles(stage, "m1", "L7STS")
    assert stage.status("m1") == "DOWN"


@pytest.mark.parametrize(
    ("version", "request_line", "host"), [(None, "GET / HTTP/1.0", None), ("1.1", "GET / HTTP/1.1", VIP)]
)
def test_http_without_a_domain_name(stage: Stage, version: str | None, request_line: str, host: str | None) -> None:
    backend = stage.backend(1)
    stage.start(desired(member(1), monitor=replace(HTTP, http=HttpCheck(version=version))))
    assert settles(stage, "m1", "L7OK")
    assert backend.requests[0] == request_line
    assert backend.headers.get("host") == host


@pytest.mark.parametrize(
    ("codes", "status", "result"),
    [("200", 200, "L7OK"), ("200,204", 204, "L7OK"), ("200,204", 201, "L7STS"), ("200-299", 299, "L7OK")],
)
def test_expected_codes(stage: Stage, codes: str, status: int, result: str) -> None:
    stage.backend(1).status = status
    stage.start(desired(member(1), monitor=replace(HTTP, http=HttpCheck(expected_codes=codes))))
    assert settles(stage, "m1", result)


def test_a_check_goes_where_the_member_says(stage: Stage) -> None:
    stage.backend(1)
    watched = stage.backend(2, port=9000)
    stage.start(desired(member(1, monitor_address=watched.address, monitor_port=9000), monitor=HTTP))
    assert settles(stage, "m1", "L7OK")
    assert watched.hits > 0
    watched.stop()
    assert settles(stage, "m1", "L4CON")
    assert stage.backends[0].hits == 0


@pytest.mark.parametrize("type_", [MonitorType.TCP, MonitorType.HTTP, MonitorType.TLS_HELLO])
@pytest.mark.parametrize(
    ("protocol", "greeting"), [(PoolProtocol.PROXY, b"PROXY TCP4 "), (PoolProtocol.PROXYV2, b"\r\n\r\n\0\r\nQUIT\n")]
)
@pytest.mark.parametrize("place", [{"monitor_port": 9000}, {"monitor_address": MEMBERS[1]}, {}])
def test_a_check_speaks_the_proxy_protocol_of_its_pool_wherever_it_goes(
    stage: Stage, type_: MonitorType, protocol: PoolProtocol, greeting: bytes, place: dict[str, object]
) -> None:
    one = member(1, **place)
    at = (str(one.monitor_address or one.address), one.monitor_port or one.port)
    with stage.open(at[0]) as listening:
        listening.bind(at)
        listening.listen()
        listening.settimeout(NET)
        http = HttpCheck() if type_ is MonitorType.HTTP else None
        monitor = replace(TCP, type=type_, http=http)
        stage.start(desired(one, monitor=monitor, pool={"protocol": protocol}))
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(NET)
            assert connection.recv(len(greeting), socket.MSG_WAITALL) == greeting


@pytest.mark.parametrize(("version", "delay"), [(ssl.TLSVersion.TLSv1_2, 2), (ssl.TLSVersion.TLSv1_3, 1)])
def test_tls_hello_is_content_with_any_answer_in_tls(
    stage: Stage, certificate: Path, version: ssl.TLSVersion, delay: int
) -> None:
    """Also of a server that wants a certificate of its clients, or a name."""
    strict = server_context(certificate, version)
    strict.verify_mode = ssl.CERT_REQUIRED
    strict.load_verify_locations(f"{certificate}.crt")
    picky = server_context(certificate, version)
    picky.sni_callback = lambda _socket, name, _context: None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    for number, context in enumerate([server_context(certificate, version), strict, picky, None], start=1):
        stage.backend(number, tls=context)  # the fourth speaks no TLS
    monitor = replace(TCP, type=MonitorType.TLS_HELLO, delay=delay)
    members = [member(number) for number in range(1, 6)]
    stage.start(desired(*members, monitor=monitor, pool={"protocol": PoolProtocol.HTTPS}))
    for number in (1, 2, 3):
        assert settles(stage, f"m{number}", "L6OK")
    assert settles(stage, "m4", "L6RSP")
    assert settles(stage, "m5", "L4CON")


@dataclass(slots=True)
class Slow:
    """A server on TLS that begins the handshake, and then answers, when it is let."""

    stage: Stage
    context: ssl.SSLContext
    shaken: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    came: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Slow":
        self.listening = self.stage.open(MEMBERS[0])
        self.listening.bind((MEMBERS[0], 8080))
        self.listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shaken.set()
        self.answered.set()
        self.listening.close()

    listening: socket.socket = field(init=False)

    def _serve(self) -> None:
        connection, _ = self.listening.accept()
        self.came.set()
        assert self.shaken.wait(NET)
        with suppress(OSError), self.context.wrap_socket(connection, server_side=True) as talking:
            talking.recv(1000)
            assert self.answered.wait(NET)
            talking.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(("handshake", "answer"), [(1.2, 0), (0, 1.2), (0.6, 0.6)])
def test_a_check_is_late_as_a_whole(stage: Stage, certificate: Path, handshake: float, answer: float) -> None:
    """Connecting, the handshake and the answer together have the monitor's timeout, whatever the delay is."""
    with Slow(stage, server_context(certificate)) as slow:
        stage.start(desired(member(1), monitor=replace(HTTP, type=MonitorType.HTTPS, delay=20, timeout=1)))
        assert slow.came.wait(NET)
        time.sleep(handshake)
        slow.shaken.set()
        time.sleep(answer)
        slow.answered.set()
        assert eventually(lambda: stage.status("m1") == "DOWN")
    [row] = [each for each in stage.haproxy.read_servers(stage.id) if each.server == "m1"]
    assert str(row.reason).startswith(("the answer came after the monitor's timeout (L7", "no answer in time (L7TOUT"))


def test_a_check_has_its_time_where_a_listener_connects_faster(stage: Stage, certificate: Path) -> None:
    impatient = replace(desired().listeners[0], timeout_member_connect=200)
    monitor = replace(HTTP, type=MonitorType.HTTPS, delay=120, timeout=60)
    with Slow(stage, server_context(certificate)) as slow:
        slow.answered.set()
        stage.start(desired(member(1), listeners=[impatient], monitor=monitor))
        assert slow.came.wait(NET)
        time.sleep(0.5)
        slow.shaken.set()
        assert settles(stage, "m1", "L7OK")


@dataclass(slots=True)
class Full:
    """A server whose queue is full: who connects waits until it is let in, at the second or a later attempt."""

    stage: Stage
    listening: socket.socket = field(init=False)
    queued: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> "Full":
        self.listening = self.stage.open(MEMBERS[0])
        self.listening.bind((MEMBERS[0], 8080))
        self.listening.listen(0)
        self.queued.append(self.stage.connect(8080, MEMBERS[0]))
        self.held = self.listening.fileno()
        return self

    held: int = field(init=False, default=-1)

    def __exit__(self, *_: object) -> None:
        for each in [self.listening, *self.queued]:
            each.close()

    def waits(self) -> bool:
        """Whether a check waits to be let in."""
        with netns.visit(self.stage.namespace):
            lines = Path(f"/proc/self/task/{threading.get_native_id()}/net/tcp").read_text().splitlines()
        return any(line.split()[3] == "02" for line in lines[1:])

    def let_in(self) -> None:
        self.queued.append(self.listening.accept()[0])


def test_a_check_may_connect_for_longer_than_the_delay(stage: Stage) -> None:
    """The kernel tries to connect again after a second, which is the whole delay, and after three."""
    with Full(stage) as full:
        stage.start(desired(member(1), monitor=replace(TCP, delay=1, timeout=20)))
        assert eventually(full.waits)
        time.sleep(1.2)
        assert stage.status("m1").startswith("UP")
        full.let_in()
        assert settles(stage, "m1", "L4OK")


def test_a_check_that_connects_too_late_fails(stage: Stage) -> None:
    """Though the listener's connections may take five seconds, and the delay is a minute."""
    with Full(stage) as full:
        stage.start(desired(member(1), monitor=replace(TCP, delay=60, timeout=1)))
        assert eventually(full.waits)
        time.sleep(1.2)
        full.let_in()
        assert eventually(lambda: stage.status("m1") == "DOWN")
    [row] = [each for each in stage.haproxy.read_servers(stage.id) if each.server == "m1"]
    assert str(row.reason).startswith("the answer came after the monitor's timeout (L7")


def test_what_hangs_fails_at_the_timeout_and_is_asked_again_after_the_delay(stage: Stage) -> None:
    backend = stage.backend(1)
    backend.gate.clear()
    stage.start(desired(member(1), monitor=replace(HTTP, delay=1, timeout=2)))
    began = time.monotonic()
    assert settles(stage, "m1", "L7TOUT")
    assert time.monotonic() - began >= 1.9
    assert eventually(lambda: backend.hits >= 2)


@pytest.mark.parametrize("timeout", [10, 60])
def test_an_answer_in_time_is_one(stage: Stage, timeout: int) -> None:
    stage.backend(1)
    stage.start(desired(member(1), monitor=replace(HTTP, delay=60, timeout=timeout)))
    assert settles(stage, "m1", "L7OK")


def test_https_asks_through_tls_and_names_the_host(stage: Stage, certificate: Path) -> None:
    named: list[str | None] = []
    context = server_context(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    backend = stage.backend(1, tls=context)
    check = HttpCheck(version="1.1", domain_name="www.example.org", url_path="/health")
    stage.start(desired(member(1), monitor=replace(HTTP, type=MonitorType.HTTPS, http=check)))
    assert settles(stage, "m1", "L7OK")
    assert backend.requests[0] == "GET /health HTTP/1.1"
    assert named[0] == "www.example.org"


def test_without_a_monitor_or_with_one_switched_off_nothing_is_asked(stage: Stage) -> None:
    stage.start(desired(member(1), monitor=replace(TCP, admin_state_up=False)))
    assert stage.status("m1") == "no check"


def test_a_member_does_not_answer_as_soon_as_the_monitor_allows(stage: Stage) -> None:
    stage.backend(1).gate.clear()
    stage.start(desired(member(1), monitor=replace(HTTP, delay=2, timeout=1)))
    assert settles(stage, "m1", "L7TOUT")
