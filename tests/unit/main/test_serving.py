"""The HTTP server: keep-alive, and a stop that lets requests end."""

import http.client
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from evenload.main.serving import HttpServer

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def hello(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def test_one_connection_serves_many_requests() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.connect()
        socket = connection.sock
        for _ in range(20):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            assert connection.sock is socket
        connection.close()
    finally:
        server.stop()


def test_stop_lets_a_request_in_progress_end() -> None:
    entered, proceed = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        entered.set()
        proceed.wait(10)
        return hello(environ, start_response)

    server = HttpServer(slow, host="127.0.0.1", port=0, threads=2)
    server.start()
    answers: list[bytes] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/")
        answers.append(connection.getresponse().read())
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    assert entered.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    proceed.set()
    asking.join(10)
    stopping.join(20)
    assert answers == [b"hello"]


def test_connections_that_say_nothing_hold_up_nobody() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.start()
    silent = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10) for _ in range(8)]
    try:
        for connection in silent:
            connection.connect()
        asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        asking.request("GET", "/")
        assert asking.getresponse().read() == b"hello"
        asking.close()
        silent[0].request("GET", "/")  # the first word may come late
        assert silent[0].getresponse().read() == b"hello"
    finally:
        for connection in silent:
            connection.close()
        server.stop()


def test_more_connections_than_threads_are_kept_alive() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.start()
    kept = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10) for _ in range(20)]
    try:
        for _ in range(2):
            for connection in kept:
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"hello"
                assert connection.sock is not None, "closed by the server"
    finally:
        for connection in kept:
            connection.close()
        server.stop()


def test_a_client_that_comes_between_bind_and_start_is_answered() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.bind()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/")
        server.start()
        assert connection.getresponse().read() == b"hello"
    finally:
        connection.close()
        server.stop()


def test_a_server_that_was_bound_and_never_started_frees_its_address() -> None:
    server = HttpServer(hello, host="127.0.0.1", port=0, threads=2)
    server.bind()
    threads = threading.active_count()
    port = server.port
    server.stop()
    assert threading.active_count() == threads - 2
    again = HttpServer(hello, host="127.0.0.1", port=port, threads=2)
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
