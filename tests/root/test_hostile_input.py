"""What clients send to get a request past HAProxy that it does not see as one, or to keep it from serving others.

The member here takes down every byte, so that "it does not reach members" is what is looked at. What HAProxy does by
itself (2.6.12) is tried as well: another version must not do less.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from tests.root.haproxy_stage import MEMBERS, Stage, desired, member
from tests.root.http2_frames import (
    CONTINUATION,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    Field,
    frame,
    headers,
    literal,
    read_frames,
)
from tests.root.test_l7_rules import BEGINS, EQUAL, Scene, rule, web
from tests.waiting import NET, eventually

from evenload.model.desired import Desired
from evenload.model.enums import PolicyAction, RuleType

pytestmark = pytest.mark.root

LAST = b"GET /the-last-one HTTP/1.1\r\nhost: a\r\n\r\n"


class Recorder:
    """A member that takes down what it gets and says 200 to everything that ends like a head."""

    def __init__(self, stage: Stage) -> None:
        self.received = bytearray()
        self._listening = stage.open(MEMBERS[0])
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind((MEMBERS[0], 8080))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        pending = b""
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                self.received += data
                *heads, pending = (pending + data).split(b"\r\n\r\n")
                for _ in heads:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@contextmanager
def recorded(wanted: Desired) -> Iterator[tuple[Stage, Recorder]]:
    with Stage() as stage:
        recorder = Recorder(stage)
        try:
            stage.start(wanted)
            yield stage, recorder
        finally:
            recorder.close()


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Stage, Recorder]]:
    with recorded(desired(member(1))) as both:
        yield both


@pytest.fixture
def stage(both: tuple[Stage, Recorder]) -> Stage:
    return both[0]


@pytest.fixture
def recorder(both: tuple[Stage, Recorder]) -> Recorder:
    """All that came before has arrived, as every test waits for that."""
    both[1].received.clear()
    return both[1]


def send(stage: Stage, data: bytes, port: int = 80) -> bytes:
    """HAProxy's answer, up to the end of the connection."""
    with stage.connect(port) as connection:
        with suppress(OSError):  # it may have hung up already
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        answer = bytearray()
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    return bytes(answer)


def arrives(stage: Stage, recorder: Recorder, expected: bytes) -> bool:
    """Whether the member has got that in the end, and a last request beside it."""
    assert b" 200 " in send(stage, LAST)
    return eventually(lambda: bytes(recorder.received).replace(LAST, b"", 1) == expected)


GET, POST = b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 5, 6\r\n\r\nhello" + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "an empty length": POST + b"Content-Length:\r\n\r\n" + SMUGGLED,
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length without an end": POST + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked, but not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked after a control": POST
    + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\nContent-Length: 5\r\n\r\n0\r\n\r\n' + SMUGGLED,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked in HTTP/0.9": b"POST / HTTP/0.9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked in HTTP/0.1": b"POST / HTTP/0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a bare CR": GET + b"X: a\rContent-Length: 4\r\n\r\n",
    "a zero byte in a value": GET + b"X: a\0b\r\n\r\n",
    "a zero byte as a value": GET + b"X: \0\r\n\r\n",
    "a zero byte in the host": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "a vertical tab in a value": GET + b"X: a\x0bb\r\n\r\n",
    "an escape in a value": GET + b"X: \x1b[2J\r\n\r\n",
    "DEL in a value": GET + b"X: a\x7fb\r\n\r\n",
    "a fold before any field": b"POST / HTTP/1.1\r\n Host: a\r\n\r\n",
    "no colon": GET + b"Xabc\r\n\r\n",
    "no name": GET + b": abc\r\n\r\n",
    "a chunk of 0x": CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n" + SMUGGLED,
    "two hosts": GET + b"Host: b\r\n\r\n",
    "another host in the URL": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a blank in the path": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "two hundred fields": GET + b"".join(b"X%d: a\r\n" % number for number in range(200)) + b"\r\n",
    "a field of 20 KiB": GET + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
}
"""Not one byte of it, nor of what follows, reaches a member."""


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused(stage: Stage, recorder: Recorder, request_bytes: bytes) -> None:
    assert send(stage, request_bytes).startswith(b"HTTP/1.1 400 ")
    assert arrives(stage, recorder, b"")


EMPTY = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
THREE = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
REWRITTEN = {
    "length and chunked": (CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, EMPTY),
    "length before chunked": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        EMPTY,
    ),
    "a folded encoding": (
        POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
        EMPTY,
    ),
    "a fold": (GET + b"X: a\r\n b\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nx: a   b\r\n\r\n"),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\nX: b\n\n", b"GET / HTTP/1.1\r\nhost: a\r\nx: b\r\n\r\n"),
    "a tab and other alphabets": (
        GET + b"X: a\tb \xc3\xa4\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: a\tb \xc3\xa4\xff\r\n\r\n",
    ),
    "a chunk's extension": (CHUNKED + b"\r\n3;a=b\r\nabc\r\n0\r\n\r\n", THREE),
    "equal lengths": (
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    ),
    "a request within a body": (
        GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    ),
}
"""It reaches a member in the one form that can be read in one way, and nothing after it does."""


@pytest.mark.parametrize(("request_bytes", "expected"), REWRITTEN.values(), ids=REWRITTEN.keys())
def test_it_arrives_in_a_form_that_everybody_reads_alike(
    stage: Stage, recorder: Recorder, request_bytes: bytes, expected: bytes
) -> None:
    answer = send(stage, request_bytes)
    assert answer.count(b"HTTP/1.1 200 ") == 1, answer
    assert arrives(stage, recorder, expected)


LINE_FEEDS = {
    "an extension that ends with LF": CHUNKED + b"\r\n3;a\nabc\r\n0\r\n\r\n",
    "chunks with LF": CHUNKED + b"\r\n3\nabc\n0\n\n",
}


@pytest.mark.parametrize("request_bytes", LINE_FEEDS.values(), ids=LINE_FEEDS.keys())
def test_line_feeds_in_chunks_are_rewritten_or_refused(stage: Stage, recorder: Recorder, request_bytes: bytes) -> None:
    """HAProxy 3.0 refuses them, perhaps when the head is on its way already."""
    answer = send(stage, request_bytes + SMUGGLED)
    assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
    assert b" 200 " in send(stage, LAST)
    received = bytes(recorder.received).replace(LAST, b"", 1)
    assert (THREE + SMUGGLED.replace(b"Host", b"host")).startswith(received)


ROUND_POLICIES = {
    "a host in the URL alone": b"GET http://a/ HTTP/1.1\r\n\r\n",
    "a host in the URL alone, in HTTP/1.0": b"GET http://a/ HTTP/1.0\r\n\r\n",
    "a URL without a path": b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": b"GET ftp://a HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS of an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an authority": b"GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "no slash": b"GET smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path in the host": b"GET / HTTP/1.1\r\nHost: a/x\r\n\r\n",
    "a user in the host": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "a query in the host": b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n",
    "a path in the host, by a version": b"GET / HTTP/2.0\r\nHost: a/x\r\n\r\n",
    "a list of hosts": b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "a list of hosts, the other last": b"GET / HTTP/1.1\r\nHost: b, a\r\n\r\n",
}


def test_no_target_and_no_host_leads_around_policies() -> None:
    """That refuse every path, and every host that a member could take the request's for."""
    scene = Scene()
    scene.policy(web(), PolicyAction.REJECT, rule(RuleType.PATH, BEGINS, "/"))
    scene.policy(web(), PolicyAction.REJECT, rule(RuleType.HOST_NAME, EQUAL, "a"))
    asterisks = [headers(1, [*but(":path", "*")[1:], (":method", method)]) for method in ("GET", "POST", "OPTIONS")]
    with recorded(scene.desired()) as (stage, recorder):
        answers = {name: send(stage, each)[9:12] for name, each in ROUND_POLICIES.items()}
        assert {name: code for name, code in answers.items() if code not in (b"400", b"403")} == {}
        for each in asterisks:
            answer = read_frames(send(stage, PREFACE + each))
            assert not any(kind == HEADERS and payload[:1] == b"\x88" for kind, _, payload in answer)
        assert not recorder.received


UPGRADE = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"


def test_no_tunnel_leads_around_policies() -> None:
    """A member that says 200 to CONNECT, or 101 to HTTP/2, would get whatever follows as it is."""
    scene = Scene()
    scene.policy(web(), PolicyAction.REJECT, rule(RuleType.PATH, BEGINS, "/smuggled"))
    with recorded(scene.desired()) as (stage, recorder):
        for target in (b"a:80", b"/"):
            answer = send(stage, b"CONNECT " + target + b" HTTP/1.1\r\nHost: a:80\r\n\r\n" + SMUGGLED)
            assert b" 200 " not in answer
        rest = b"connection: Upgrade, HTTP2-Settings\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n"
        for protocol in (b"h2c", b"H2C", b"h2", b"h2c/2.0", b"h2c;a"):
            assert send(stage, UPGRADE.replace(b"h2c", protocol)).count(b"HTTP/1.1 200 ") == 1
            assert arrives(stage, recorder, b"GET / HTTP/1.1\r\nhost: a\r\n" + rest)
            recorder.received.clear()


REQUEST: list[Field] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
BODY: list[Field] = [(":method", "POST"), *REQUEST[1:]]


def but(name: str, value: str) -> list[Field]:
    return [(each, value if each == name else former) for each, former in REQUEST]


def with_body(body: bytes, *fields: Field) -> bytes:
    return headers(1, [*BODY, *fields], end=False) + frame(DATA, END_STREAM, 1, body)


REFUSED_BY_2 = {
    "a line break in a value": headers(1, [*REQUEST, ("x", "a\r\ny: z")]),
    "LF in a value": headers(1, [*REQUEST, ("x", "a\ny: z")]),
    "a zero byte in a value": headers(1, [*REQUEST, ("x", "a\0b")]),
    "an escape in a value": headers(1, [*REQUEST, ("x", "\x1b[2J")]),
    "a line break in a name": headers(1, [*REQUEST, ("x: a\r\ny", "z")]),
    "a colon in a name": headers(1, [*REQUEST, ("x:y", "z")]),
    "an upper-case name": headers(1, [*REQUEST, ("Transfer-Encoding", "chunked")]),
    "a blank in a name": headers(1, [*REQUEST, ("x y", "z")]),
    "a line break in the path": headers(1, but(":path", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /smuggled")),
    "a blank in the path": headers(1, but(":path", "/a b")),
    "a fragment in the path": headers(1, but(":path", "/a#b")),
    "no path": headers(1, but(":path", "")),
    "a line break in the method": headers(1, but(":method", "GET / HTTP/1.1\r\nHost: b\r\n\r\nGET")),
    "a path in the method": headers(1, but(":method", "GET /smuggled")),
    "a line break in the authority": headers(1, but(":authority", "a\r\nx: y")),
    "a path in the authority": headers(1, but(":authority", "a/smuggled")),
    "a query in the authority": headers(1, but(":authority", "a?smuggled")),
    "a user in the authority": headers(1, but(":authority", "u@a")),
    "a line break in the scheme": headers(1, but(":scheme", "http\r\nx: y")),
    "a URL in the scheme": headers(1, but(":scheme", "http://b/smuggled?")),
    "chunked": with_body(b"0\r\n\r\n" + SMUGGLED, ("transfer-encoding", "chunked")),
    "a connection": headers(1, [*REQUEST, ("connection", "upgrade")]),
    "an upgrade": headers(1, [*REQUEST, ("upgrade", "h2c")]),
    "two lengths": with_body(b"abc", ("content-length", "3"), ("content-length", "5")),
    "a length with a sign": with_body(b"abc", ("content-length", "+3")),
    "an empty length": with_body(b"abc", ("content-length", "")),
    "more than the length": with_body(b"abc" + SMUGGLED, ("content-length", "3")),
    "two paths": headers(1, [*REQUEST, (":path", "/smuggled")]),
    "a late pseudo field": headers(1, [*REQUEST[:3], ("x", "y"), *REQUEST[3:]]),
    "an unknown pseudo field": headers(1, [*REQUEST, (":x", "y")]),
    "fields without an end": headers(1, REQUEST, whole=False)
    + b"".join(frame(CONTINUATION, 0, 1, literal(f"x{number}", "y" * 1000)) for number in range(40)),
}


@pytest.mark.parametrize("frames", REFUSED_BY_2.values(), ids=REFUSED_BY_2.keys())
def test_it_is_refused_in_http_2(stage: Stage, recorder: Recorder, frames: bytes) -> None:
    answer = list(read_frames(send(stage, PREFACE + frames)))
    told = [(kind, payload) for kind, stream, payload in answer if kind in (RST_STREAM, GOAWAY, HEADERS)]
    assert told, answer
    assert not any(kind == HEADERS and payload[:1] == b"\x88" for kind, payload in told), "200"
    assert arrives(stage, recorder, b"")


def test_resets_without_an_end_stop_nobody() -> None:
    """CVE-2023-44487: streams that are opened and reset at once cost a member little, and others are served."""
    count = 3000
    flood = b"".join(headers(1 + 2 * n, REQUEST) + frame(RST_STREAM, 0, 1 + 2 * n, bytes(4)) for n in range(count))
    with recorded(desired(member(1))) as (stage, recorder), stage.connect() as connection:
        sending = threading.Thread(target=connection.sendall, args=(PREFACE + flood,), daemon=True)
        sending.start()
        for _ in range(3):
            assert b" 200 " in send(stage, GET + b"\r\n")
        sending.join(NET)
        assert not sending.is_alive()
        # The streams are taken in order: an answer of the same connection says that all before have been.
        connection.sendall(headers(1 + 2 * count, REQUEST))
        data = bytearray()
        while not any(stream == 1 + 2 * count for _, stream, _ in read_frames(bytes(data))):
            data += connection.recv(65536)
        assert bytes(recorder.received).count(b"GET / ") < count // 10


def test_others_are_served_beside_slow_clients_and_these_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    half = (GET + b"X: ", PREFACE + headers(1, REQUEST, whole=False))
    with recorded(desired(member(1))) as (stage, _), ExitStack() as stack:
        for number in range(300):
            stack.enter_context(stage.connect()).sendall(half[number % 2])
        assert b" 200 " in send(stage, GET + b"\r\n")

        render = Stage.render

        def hasty(self: Stage, desired: Desired) -> str:
            return render(self, desired).replace("timeout http-request 50000", "timeout http-request 50")

        monkeypatch.setattr(Stage, "render", hasty)
        stage.reload(desired(member(1)))
        with stage.connect() as connection, suppress(ConnectionError):
            connection.sendall(half[0])
            while connection.recv(65536):
                pass
