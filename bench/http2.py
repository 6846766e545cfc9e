"""Requests over HTTP/2 in TLS, a process of its own inside a namespace, with nothing but the standard library.

``http2.py ADDRESS PORT``: each thread keeps a few requests at work on one connection, and follows RFC 9113 where that
ends: after GOAWAY it asks what was not begun there again on a new connection, and waits for the rest on the old one.
When its standard input ends it prints ``{"requests", "failed", "reasons", "connections"}``. A failed request is one
that was begun, or may have been, and got no 200.
"""

import json
import socket
import ssl
import sys
import threading
from collections import Counter

THREADS = 4
_TOGETHER = 4
"""Requests at work on a connection."""
_TIMEOUT = 5.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_REFUSED_STREAM = 7
_STATUS_200 = 0x88
"""The first byte of its header block: HPACK's static entry."""
# GET, https, / by the static table; :authority as a literal.
_HEADER_BLOCK = b"\x82\x87\x84\x41\x11bench.example.com"


class Ended(Exception):
    """The connection is over."""


class Connection:
    def __init__(self, place: tuple[str, int], context: ssl.SSLContext) -> None:
        plain = socket.create_connection(place, _TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="bench.example.com")
        self._buffer = bytearray()
        self._following = 1
        self.last: int | None = None  # that the other side may have begun, once it has said so
        self.open: set[int] = set()
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))

    def ask(self) -> None:
        self.open.add(self._following)
        request = _frame(_HEADERS, _END_STREAM | _END_HEADERS, self._following, _HEADER_BLOCK)
        self._following += 2
        self._send(request)

    def step(self) -> tuple[int, str]:
        """The number of requests that got their 200 by one frame, and what was wrong with one, if anything."""
        kind, flags, stream, payload = self._read()
        if kind == _HEADERS and payload[0] != _STATUS_200:
            self.open.discard(stream)
            return 0, "no 200"
        if kind == _DATA and payload:
            self._send(_frame(_WINDOW_UPDATE, 0, 0, len(payload).to_bytes(4, "big")))
        if kind in (_HEADERS, _DATA) and flags & _END_STREAM and stream in self.open:
            self.open.discard(stream)
            return 1, ""
        if kind == _RST_STREAM and stream in self.open:
            self.open.discard(stream)
            code = int.from_bytes(payload, "big")
            return 0, "" if code == _REFUSED_STREAM else f"reset with {code}"
        if kind == _SETTINGS and not flags & _ACK:
            self._send(_frame(_SETTINGS, _ACK, 0, b""))
        if kind == _PING and not flags & _ACK:
            self._send(_frame(_PING, _ACK, 0, payload))
        if kind == _GOAWAY:
            self.last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
            self.open = {each for each in self.open if each <= self.last}
        return 0, ""

    def close(self) -> None:
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass  # what the other side said before may still be read

    def _read(self) -> tuple[int, int, int, bytes]:
        head = self._take(9)
        payload = self._take(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:9], "big"), payload

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                piece = self._socket.recv(65536)
            except OSError as error:
                raise Ended(repr(error)) from error
            if not piece:
                raise Ended("closed")
            self._buffer += piece
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class Load:
    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._context.set_alpn_protocols(["h2"])
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._requests, self._connections = 0, 0
        self._reasons: Counter[str] = Counter()

    def run(self) -> None:
        threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self._ending.set()
        for thread in threads:
            thread.join()
        reasons = dict(self._reasons)
        counted = {"requests": self._requests, "failed": sum(reasons.values()), "reasons": reasons}
        print(json.dumps({**counted, "connections": self._connections}))

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                connection = Connection(self._place, self._context)
            except OSError as error:
                self._note(0, [repr(error)])
                continue
            with self._lock:
                self._connections += 1
            try:
                self._talk(connection)
            finally:
                connection.close()

    def _talk(self, connection: Connection) -> None:
        good, bad = 0, []
        try:
            while not self._ending.is_set() or connection.open:
                while connection.last is None and len(connection.open) < _TOGETHER and not self._ending.is_set():
                    connection.ask()
                if not connection.open:
                    break
                answered, wrong = connection.step()
                good += answered
                bad += [wrong] if wrong else []
        except Ended as ended:
            said = "after" if connection.last is not None else "without"
            bad += [f"{ended} {said} GOAWAY"] * len(connection.open)
        self._note(good, bad)

    def _note(self, good: int, bad: list[str]) -> None:
        with self._lock:
            self._requests += good
            self._reasons.update(bad)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


if __name__ == "__main__":
    Load(sys.argv[1], int(sys.argv[2])).run()
