"""Bytes by the gigabyte, a process of its own inside a namespace, with nothing but the standard library.

``bulk.py serve ADDRESS PORT`` answers each request with a body that does not end; ``bulk.py fetch ADDRESS PORT
SECONDS`` asks for it once and prints how many bytes came in that time, as JSON: ``{"bytes", "seconds"}``. Neither
copies what it sends or gets, so that what stands between them is what is measured.
"""

import json
import os
import socket
import sys
import threading
import time

_PIECE = 1 << 20
_NOWHERE = bytearray(_PIECE)
_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def serve(address: str, port: int) -> None:
    source = os.memfd_create("bulk")
    os.truncate(source, _PIECE)
    with socket.create_server((address, port)) as listening:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_pour, args=(connection, source), daemon=True).start()


def _pour(connection: socket.socket, source: int) -> None:
    with connection:
        try:
            connection.recv(65536)
            connection.sendall(_HEAD)
            while True:
                os.sendfile(connection.fileno(), source, 0, _PIECE)
        except OSError:
            return  # the other side has had enough


def fetch(address: str, port: int, seconds: float) -> None:
    with socket.create_connection((address, port), 5.0) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: bench.example.com\r\n\r\n")
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            raise SystemExit("no 200")
        total, begun = 0, time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            got = connection.recv_into(_NOWHERE, _PIECE, socket.MSG_TRUNC)  # counted and thrown away by the kernel
            if not got:
                raise SystemExit("the body has ended")
            total += got
        print(json.dumps({"bytes": total, "seconds": now - begun}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        fetch(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
