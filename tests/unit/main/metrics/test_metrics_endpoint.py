"""The address of /metrics: what it answers, and to how many at once."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.waiting import NET, ThreadsSince

from evenload.main.metrics.endpoint import Endpoint


def one() -> Iterator[str]:
    yield "one 1.0\n"


@pytest.fixture
def served() -> Iterator[Endpoint]:
    made = Endpoint(("127.0.0.1", 0), one)
    made.start()
    yield made
    made.stop()


def ask(served: Endpoint, path: str, method: str = "GET") -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=NET)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def test_numbers_are_at_metrics_and_nothing_is_elsewhere(served: Endpoint) -> None:
    status, kind, content = ask(served, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert content.startswith(b"one 1.0\n")
    assert b"\nprocess_resident_memory_bytes " in content
    assert ask(served, "/metrics?name[]=one")[0] == 200
    for path in ("/", "/x", "/metrics/", "/metrics/x", "/METRICS"):
        assert ask(served, path)[0] == 404
    assert ask(served, "/metrics", "HEAD") == (200, kind, b"")
    for method in ("POST", "PUT", "DELETE"):
        assert ask(served, "/metrics", method)[0] == 405


def test_clients_that_say_nothing_hold_no_thread_and_keep_nobody_waiting(served: Endpoint) -> None:
    ask(served, "/metrics")
    started = ThreadsSince()
    with ExitStack() as stack:
        for number in range(100):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=NET))
            if number % 2:
                idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        assert ask(served, "/metrics")[0] == 200
        assert len(started.named()) <= 1


def test_an_address_that_somebody_else_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = Endpoint(("127.0.0.1", taken.getsockname()[1]), one)
        words = (
            r"^cannot listen on 127.0.0.1:\d+: Address already in use; see \[server\] metrics_host and metrics_port$"
        )
        with pytest.raises(OSError, match=words):
            endpoint.start()
        endpoint.stop()
