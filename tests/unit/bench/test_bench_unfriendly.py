import os
import socket
import subprocess
import sys
import time

from bench.parts.unfriendly import _SLOW_CLIENTS as SLOW_CLIENTS
from bench.parts.unfriendly import LISTENERS, MEMBERS, cpu_seconds, huge
from tests.waiting import NET


def test_the_huge_request_is_as_huge_as_it_says() -> None:
    listeners = huge("subnet")["listeners"]
    members = [member for listener in listeners for member in listener["default_pool"]["members"]]
    assert (len(listeners), len(members)) == (LISTENERS, MEMBERS) == (1000, 3000)
    assert len({listener["protocol_port"] for listener in listeners}) == LISTENERS
    assert len({member["protocol_port"] for member in members}) == MEMBERS


def test_cpu_time_is_that_of_the_process() -> None:
    before, own = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() < own + 0.1:
        pass
    assert cpu_seconds(os.getpid()) >= before + 0.05


def test_slow_clients_are_of_four_kinds_and_ready_when_all_have_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [sys.executable, "-S", str(SLOW_CLIENTS), str(server.getsockname()[1]), "4", "/long"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            connections = [server.accept()[0] for _ in range(4)]
            half_head, half_body, reader = (connection.recv(1000) for connection in connections[:3])
            connections[2].sendall(b"an answer")
            assert process.stdout.readline() == "ready\n"
            process.stdin.close()
            assert process.wait(NET) == 0
    for connection in connections:
        connection.close()
    assert half_head.startswith(b"GET ")
    assert b"\r\n\r\n" not in half_head
    assert half_body.startswith(b"POST ")
    assert b"Content-Length: 1000" in half_body
    assert reader.startswith(b"GET /long ")
    assert reader.endswith(b"\r\n\r\n")
