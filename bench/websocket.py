"""WebSockets that last, a process of its own inside a namespace, with nothing but the standard library.

``websocket.py serve ADDRESS PORT`` says again what it is told. ``websocket.py hold ADDRESS PORT`` opens a session for
each line of its standard input and says something in all of them, twenty times a second; when its input ends it prints
``{"sessions", "messages", "cut", "reasons"}``. A session is cut when it ends, or an answer does not come within 5 s.
"""

import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections import Counter

_TIMEOUT = 5.0
_PAUSE = 0.05
_TEXT, _MASKED = 0x81, 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Of RFC 6455."""
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def serve(address: str, port: int) -> None:
    with socket.create_server((address, port)) as listening:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    try:
        with connection, connection.makefile("rb") as words:
            key = b""
            while (line := words.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                key = value.strip() if name.lower() == b"sec-websocket-key" else key
            accepted = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
            connection.sendall(_SWITCHING + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n")
            while len(head := words.read(2)) == 2:
                mask, masked = words.read(4), words.read(head[1] & 0x7F)
                connection.sendall(bytes((head[0], len(masked))) + _mask(masked, mask))
    except OSError:
        return  # the other side has gone


class Sessions:
    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._messages = 0
        self._reasons: Counter[str] = Counter()

    def run(self) -> None:
        threads = []
        for _ in sys.stdin:
            threads.append(threading.Thread(target=self._hold))
            threads[-1].start()
        self._ending.set()
        for thread in threads:
            thread.join()
        reasons = dict(self._reasons)
        counted = {"sessions": len(threads), "messages": self._messages, "cut": sum(reasons.values())}
        print(json.dumps({**counted, "reasons": reasons}))

    def _hold(self) -> None:
        try:
            with socket.create_connection(self._place, _TIMEOUT) as connection, connection.makefile("rb") as words:
                self._open(connection)
                if not words.readline().startswith(b"HTTP/1.1 101"):
                    raise OSError("no 101")
                while words.readline() not in (b"\r\n", b""):
                    continue
                while not self._ending.wait(_PAUSE):
                    said = str(time.monotonic_ns()).encode()
                    mask = os.urandom(4)
                    connection.sendall(bytes((_TEXT, _MASKED | len(said))) + mask + _mask(said, mask))
                    if words.read(2 + len(said)) != bytes((_TEXT, len(said))) + said:
                        raise OSError("no answer")
                    with self._lock:
                        self._messages += 1
        except OSError as error:
            with self._lock:
                self._reasons[repr(error)] += 1

    def _open(self, connection: socket.socket) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = ("GET / HTTP/1.1", "Host: bench.example.com", "Upgrade: websocket", "Connection: Upgrade")
        words = (*head, "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", "")
        connection.sendall("\r\n".join(words).encode())


def _mask(data: bytes, mask: bytes) -> bytes:
    return bytes(each ^ mask[place % 4] for place, each in enumerate(data))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        Sessions(sys.argv[2], int(sys.argv[3])).run()
