"""The client's eye, a process of its own inside a namespace: reports when something first was the case.

Started by ``bench.observer`` with nothing but the standard library; reads one JSON request per line and answers each
with two lines: ``{"watching": true}`` as soon as it looks, and the result when it saw what it looks for. Moments are
those of CLOCK_MONOTONIC in nanoseconds, which all processes of the machine share. It must not look for anything by
means of Evenload.
"""

import json
import re
import select
import socket
import ssl
import sys
import time
from collections import Counter
from typing import Any

INTERVAL = 500_000
"""Nanoseconds between two looks."""

MOST_OPEN = 64
"""So many connections may wait for an answer; beyond that the oldest is given up. 32 ms at one look in 0.5 ms."""


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        _say({"watching": True})
        deadline = time.monotonic_ns() + int(request["timeout"] * 1e9)
        if request["kind"] == "https":
            _say(first_secure_answer(request["address"], request["port"], deadline))
        elif request["kind"] == "http":
            _say(first_answer(request["address"], request["port"], request["body"], deadline))
        else:
            _say(first_match(request["path"], request["command"], request["pattern"], deadline))


def first_answer(address: str, port: int, body: str, deadline: int) -> dict[str, Any]:
    """Dials every 0.5 ms, without waiting for the connections before, until one of them carries a 200 and that text."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    asking = (
        f"GET / HTTP/1.1\r\nHost: {'[' + address + ']' if ':' in address else address}\r\nConnection: close\r\n\r\n"
    )
    request = asking.encode()
    dialling: dict[int, socket.socket] = {}
    waiting: dict[int, socket.socket] = {}
    seen: Counter[str] = Counter()
    following = time.monotonic_ns()
    try:
        while (now := time.monotonic_ns()) < deadline:
            if now >= following:
                following = max(following + INTERVAL, now)
                _dial(family, address, port, dialling, seen)
                if len(dialling) + len(waiting) > MOST_OPEN:
                    oldest = waiting if waiting else dialling
                    oldest.pop(next(iter(oldest))).close()
            pause = max(0, following - time.monotonic_ns()) / 1e9
            readable, writable, _ = select.select(list(waiting), list(dialling), [], pause)
            for number in writable:
                connection = dialling.pop(number)
                if _ask(connection, request, seen):
                    waiting[number] = connection
            for number in readable:
                connection = waiting.pop(number)
                word = _status(connection, body)
                if word == "200":
                    return {"at": time.monotonic_ns(), "seen": dict(seen)}
                seen[word] += 1
        return {"at": None, "seen": dict(seen)}
    finally:
        for connection in (*dialling.values(), *waiting.values()):
            connection.close()


def first_secure_answer(address: str, port: int, deadline: int) -> dict[str, Any]:
    """Dials every 0.5 ms until a connection comes about and carries a 200 in TLS, by whatever certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    seen: Counter[str] = Counter()
    following = time.monotonic_ns()
    while (now := time.monotonic_ns()) < deadline:
        following = max(following + INTERVAL, now)
        try:
            with (
                socket.create_connection((address, port), 1.0) as plain,
                context.wrap_socket(plain, server_hostname="bench.example.com") as connection,
            ):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: bench.example.com\r\nConnection: close\r\n\r\n")
                words = connection.recv(4096).split(b" ", 2)
            if len(words) > 1 and words[1] == b"200":
                return {"at": time.monotonic_ns(), "seen": dict(seen)}
            seen["other"] += 1
        except OSError as error:
            seen[type(error).__name__] += 1
        time.sleep(max(0, following - time.monotonic_ns()) / 1e9)
    return {"at": None, "seen": dict(seen)}


def first_match(path: str, command: str, pattern: str, deadline: int) -> dict[str, Any]:
    """Asks HAProxy's runtime socket every 0.5 ms until its answer matches."""
    wanted = re.compile(pattern, re.MULTILINE)
    seen: Counter[str] = Counter()
    following = time.monotonic_ns()
    while (now := time.monotonic_ns()) < deadline:
        following = max(following + INTERVAL, now)
        try:
            if wanted.search(_runtime(path, command)):
                return {"at": time.monotonic_ns(), "seen": dict(seen)}
            seen["other"] += 1
        except OSError as error:
            seen[type(error).__name__] += 1
        time.sleep(max(0, following - time.monotonic_ns()) / 1e9)
    return {"at": None, "seen": dict(seen)}


def _dial(family: int, address: str, port: int, dialling: dict[int, socket.socket], seen: Counter[str]) -> None:
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect((address, port))
    except BlockingIOError:
        pass
    except OSError as error:
        seen[type(error).__name__] += 1
        connection.close()
        return
    dialling[connection.fileno()] = connection


def _ask(connection: socket.socket, request: bytes, seen: Counter[str]) -> bool:
    try:
        connection.send(request)
    except OSError as error:
        seen[type(error).__name__] += 1
        connection.close()
        return False
    return True


def _status(connection: socket.socket, body: str) -> str:
    """The status code of the answer, or what came instead of it, also of the text wanted."""
    try:
        answer = connection.recv(4096)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()
    words = answer.split(b" ", 2)
    if len(words) < 2:
        return "closed"
    status = words[1].decode("ascii", "replace")
    return status if body.encode() in answer else f"{status} with another body"


def _runtime(path: str, command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
