"""The HTTP server with real sockets: keep-alive, slow and malicious clients, a stop that lets requests end."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tests.waiting import NET, ThreadsSince

from evenload.api.context import ROUTE
from evenload.main.http import connection as limits
from evenload.main.http import server as http_server
from evenload.main.http.bridge import BodyLimits
from evenload.main.http.server import HttpServer
from evenload.tally import Tally

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def hello(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def echo(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """What the application sees of the request."""
    body = environ["wsgi.input"].read()
    words = (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ["CONTENT_LENGTH"])
    content = " ".join(words).encode("latin-1") + b" " + body
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


@contextmanager
def serving(application: Any = hello, threads: int = 2) -> Iterator[HttpServer]:
    server = HttpServer(application, host="127.0.0.1", port=0, threads=threads)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connect(server: HttpServer) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=NET)
    connection.connect()
    return connection


def ask(server: HttpServer, path: str = "/") -> bytes:
    connection = connect(server)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def send_raw(server: HttpServer, raw: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=NET) as client:
        client.sendall(raw)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


def receive_until(client: socket.socket, ending: bytes) -> bytes:
    """What has come when that ends it: a stream hands it over in pieces of any size."""
    answer = b""
    while not answer.endswith(ending):
        part = client.recv(65536)
        assert part, answer
        answer += part
    return answer


def test_requests_are_counted_by_route_and_not_by_what_callers_make_up() -> None:
    def routed(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/lb/"):
            environ[ROUTE] = "/lb/{id}"
        waiting.append(numbers()["http_requests_in_progress",] - numbers()["http_requests_waiting",])
        return hello(environ, start_response)

    def numbers() -> dict[tuple[str, ...], float]:
        return {(each.name, *each.labels): each.values[0] for each in tally.read()}

    tally, waiting = Tally(), list[float]()
    server = HttpServer(routed, host="127.0.0.1", port=0, threads=2, counting=tally)
    server.start()
    try:
        for path in ("/lb/1", "/lb/2", "/elsewhere"):
            ask(server, path)
        send_raw(server, b"PROPFIND /lb/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    finally:
        server.stop()
    found = numbers()
    requests = {key[1:]: value for key, value in found.items() if key[0] == "http_requests_total"}
    assert requests == {
        ("/lb/{id}", "GET", "200"): 2.0,
        ("none", "GET", "200"): 1.0,
        ("/lb/{id}", "other", "200"): 1.0,
    }
    assert waiting == [1.0] * 4
    assert (found["http_requests_in_progress",], found["http_requests_waiting",]) == (0.0, 0.0)
    timed = {each.labels: sum(each.values[:-1]) for each in tally.read() if "duration" in each.name}
    assert timed == {("/lb/{id}", "GET"): 2.0, ("none", "GET"): 1.0, ("/lb/{id}", "other"): 1.0}


def test_one_connection_serves_many_requests() -> None:
    with serving() as server:
        connection = connect(server)
        own = connection.sock
        for _ in range(20):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            assert connection.sock is own
        connection.close()


def test_stop_lets_a_request_in_progress_end() -> None:
    entered, proceed = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        entered.set()
        proceed.wait(NET)
        return hello(environ, start_response)

    with serving(slow) as server:
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(ask(server)))
        asking.start()
        assert entered.wait(NET)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        proceed.set()
        asking.join(NET)
        stopping.join(NET)
    assert answers == [b"hello"]


def test_a_stop_that_waits_no_longer_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """To the request that a thread still works on, and to the one whose body is still on its way."""
    monkeypatch.setattr("evenload.main.http.server._GRACE_SECONDS", 0.01)
    entered, proceed = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        entered.set()
        proceed.wait(NET)
        return hello(environ, start_response)

    with serving(slow) as server:
        waiting, sending = connect(server), connect(server)
        sending.putrequest("POST", "/")
        sending.putheader("Content-Length", "10")
        sending.endheaders(b"half")
        waiting.request("GET", "/")
        assert entered.wait(NET)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert [each.getresponse().status for each in (waiting, sending)] == [503, 503]
        stopping.join(NET)
        proceed.set()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_client_that_was_accepted_before_a_stop_is_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_REQUEST_SECONDS", NET)
    stopped = threading.Event()
    shutdown = limits.LimitedConnection.shutdown

    def noted(connection: limits.LimitedConnection) -> None:
        shutdown(connection)
        stopped.set()

    monkeypatch.setattr(limits.LimitedConnection, "shutdown", noted)
    with serving() as server:
        connection = connect(server)
        assert ask(server) == b"hello"  # so the connection before it was accepted
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert stopped.wait(NET)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.read(), answer.headers["connection"]) == (b"hello", "close")
        stopping.join(NET)
        connection.close()


def test_a_client_that_comes_between_bind_and_start_is_answered() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.bind()
    connection = connect(server)
    try:
        connection.request("GET", "/")
        server.start()
        assert connection.getresponse().read() == b"hello"
    finally:
        connection.close()
        server.stop()


def test_a_server_that_was_bound_and_never_started_frees_its_address() -> None:
    here = "127.18.4.7"  # where nobody else opens anything: the port is not another's in between
    server = HttpServer(hello, host=here, port=0, threads=2)
    threads = ThreadsSince()
    server.bind()
    port = server.port
    server.stop()
    assert threads.named() == []
    again = HttpServer(hello, host=here, port=port, threads=2)
    again.bind()
    again.stop()


def test_the_url_of_an_ipv6_address_is_one() -> None:
    server = HttpServer(hello, host="::1", port=0, threads=1)
    server.bind()
    try:
        assert server.url == f"http://[::1]:{server.port}"
    finally:
        server.stop()


def test_a_taken_address_is_said_with_the_setting_to_change() -> None:
    first = HttpServer(hello, host="127.0.0.1", port=0, threads=1)
    first.bind()
    try:
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{first.port}: Address already in use; see \[api\] bind_host"):
            HttpServer(hello, host="127.0.0.1", port=first.port, threads=1).bind()
    finally:
        first.stop()


# ------------------------------------------------------------------------------------------------------ slow clients


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET / HTT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Sl",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
    ids=["silent", "half a line", "half a head", "half a body", "half a chunk"],
)
def test_clients_that_send_a_part_of_a_request_hold_no_thread(beginning: bytes) -> None:
    """Many more of them than the server has threads."""
    with serving(threads=2) as server, ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=NET))
            client.sendall(beginning)
        for _ in range(20):
            assert ask(server) == b"hello"


def test_a_request_may_come_in_pieces() -> None:
    with serving(echo) as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as client:
        for piece in (b"POST /a", b"?b=c HTTP/1.1\r\nHo", b"st: x\r\nContent-Le", b"ngth: 4\r\n\r\nbo"):
            client.sendall(piece)
            assert ask(server) == b"GET /  0 "  # the server has had time to see the piece
        client.sendall(b"dy")
        assert receive_until(client, b"POST /a b=c 4 body").startswith(b"HTTP/1.1 200 ")


def test_clients_that_do_not_read_their_answers_hold_no_thread() -> None:
    large = b"x" * (4 * 1024 * 1024)

    def big(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/big":
            return hello(environ, start_response)
        start_response("200 OK", [("Content-Length", str(len(large)))])
        return [large]

    with serving(big, threads=2) as server, ExitStack() as stack:
        readers = []
        for _ in range(10):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=NET))
            client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1) == b"H"
            readers.append(client)
        for _ in range(20):
            assert ask(server) == b"hello"
        got = 1
        while got < len(large):  # and whoever reads later gets it all
            got += len(readers[0].recv(65536))


def test_a_client_that_is_too_slow_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.2)
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass  # it was let go without a word


def test_a_client_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STALLED_SECONDS", 0.2)
    large = b"x" * (32 * 1024 * 1024)

    def big(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(len(large)))])
        return [large]

    with serving(big) as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        ended = threading.Event()
        while not ended.wait(0.3):  # what the kernel buffers is read without pause, the rest never comes
            try:
                client.send(b"G")
            except OSError:
                ended.set()


# ------------------------------------------------------------------------------------------------- malicious clients


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length : 5",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"X-A: b\n\n",
        b"X-A: b\r\n c: folded",
        b"X-A: b\x00c",
    ],
)
def test_a_request_that_could_be_taken_for_two_is_refused(head: bytes) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(echo) as server:
        answer = send_raw(server, raw)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"second" not in answer


def test_a_head_that_is_too_long_is_refused() -> None:
    with serving() as server:
        answer = send_raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (70 * 1024))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    def said(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        content = environ.get("HTTP_X_FORWARDED_PROTO", "nothing").encode()
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return [content]

    with serving(said) as server:
        answer = send_raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_Proto: https\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"nothing")


# ------------------------------------------------------------------------------------------------------------ bodies


def test_chunks_arrive_as_one_body() -> None:
    with serving(echo) as server:
        connection = connect(server)
        connection.request("POST", "/%C3%A9?q=%20", body=iter([b"ab", b"cd"]), encode_chunked=True)
        assert connection.getresponse().read() == "POST /\u00c3\u00a9 q=%20 4 abcd".encode("latin-1")
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"GET /  0 "
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_of_a_body_that_is_too_long_the_length_alone_reaches_the_application(chunked: bool) -> None:
    length = http_server.MAX_BODY_BYTES + 1
    body = b"x" * length
    with serving(echo) as server:
        connection = connect(server)
        try:
            content: Any = iter([body]) if chunked else body
            connection.request("POST", "/", body=content, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer may come before all is sent
        answer = connection.getresponse()
        assert answer.headers["connection"] == "close"
        words = answer.read().split()
        assert words[0] == b"POST"
        assert int(words[2]) >= length
        connection.close()
        assert ask(server) == b"GET /  0 "


def test_bodies_that_amount_to_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BodyLimits", lambda one, all: BodyLimits(one=one, all=1000))
    half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n" + b"x" * 599
    with serving(echo) as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as first:
        first.sendall(half)
        while True:  # until the first body is counted
            answer = send_raw(server, half.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"x")
            if answer.startswith(b"HTTP/1.1 503 "):
                break
        assert ask(server) == b"GET /  0 "
        first.sendall(b"x")
        assert receive_until(first, b"x" * 600).startswith(b"HTTP/1.1 200 ")
        answer = send_raw(server, half.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"x")
        assert answer.startswith(b"HTTP/1.1 200 "), "what was answered is not counted any more"


def test_a_long_body_that_does_not_arrive_gives_way_to_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BodyLimits", lambda one, all: BodyLimits(one=one, all=1000))
    with serving(echo) as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as long:
        long.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 960\r\n\r\n" + b"x" * 950)
        short = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60\r\n\r\n" + b"y" * 60
        long.setblocking(False)
        answer = b""
        while not answer:  # until the long body is counted
            assert send_raw(server, short).startswith(b"HTTP/1.1 200 ")
            try:
                answer = long.recv(65536)
            except BlockingIOError:
                pass
        assert answer.startswith(b"HTTP/1.1 503 ")
        long.settimeout(NET)
        while long.recv(65536):
            pass  # and it is let go
        assert send_raw(server, short).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    with serving(echo) as server, socket.create_connection(("127.0.0.1", server.port), timeout=NET) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert receive_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert receive_until(client, b"POST /  4 body").startswith(b"HTTP/1.1 200 ")


def test_an_answer_to_head_has_no_body() -> None:
    with serving() as server:
        connection = connect(server)
        for _ in range(2):
            connection.request("HEAD", "/")
            answer = connection.getresponse()
            assert (answer.read(), answer.headers["content-length"]) == (b"", "5")
        connection.close()


def test_a_fault_of_the_application_is_one_answer_of_many() -> None:
    def broken(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("a fault")
        return hello(environ, start_response)

    with serving(broken) as server:
        for _ in range(5):
            assert ask(server, "/broken") == b"Internal server error\n"
        assert ask(server) == b"hello"


def test_no_more_connections_are_kept_than_there_may_be() -> None:
    """Whoever says nothing takes no descriptor from the rest of the process."""
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2, most_connections=5)
    server.start()
    try:
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=NET)) for _ in range(9)
            ]
            for refused in clients[5:]:
                answer = receive_until(refused, b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert refused.recv(1) == b""
            for kept in clients[:5]:
                kept.setblocking(False)
                with pytest.raises(BlockingIOError):
                    kept.recv(1)
        while (answer := send_raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[9:12] != b"200":
            assert answer[9:12] == b"503"  # the others' end has not been noticed yet
    finally:
        server.stop()
