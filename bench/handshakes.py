"""A process inside a namespace that makes TLS handshakes all the time and says when it is shown another certificate.

Started by ``bench.parts.certificates`` with nothing but the standard library: ``handshakes.py ADDRESS PORT``. Each
thread begins a new connection every few milliseconds, all together one each millisecond where the machine can. One JSON
line for each certificate that had not been seen before, ``{"at", "certificate"}`` (CLOCK_MONOTONIC in nanoseconds,
SHA-256 of the DER); when its standard input ends, ``{"good", "failed", "reasons"}``.
"""

import hashlib
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter

THREADS = 4
_PERIOD = 0.001 * THREADS
_TIMEOUT = 5.0


class Handshakes:
    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._seen: set[str] = set()
        self._good = 0
        self._reasons: Counter[str] = Counter()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def run(self) -> None:
        threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self._ending.set()
        for thread in threads:
            thread.join()
        _say({"good": self._good, "failed": sum(self._reasons.values()), "reasons": dict(self._reasons)})

    def _work(self) -> None:
        following = time.monotonic()
        while not self._ending.wait(max(0.0, following - time.monotonic())):
            following = max(following + _PERIOD, time.monotonic())
            try:
                with (
                    socket.create_connection(self._place, _TIMEOUT) as plain,
                    self._context.wrap_socket(plain) as connection,
                ):
                    shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
            except OSError as error:
                with self._lock:
                    self._reasons[repr(error)] += 1
                continue
            moment = time.monotonic_ns()
            with self._lock:
                self._good += 1
                if shown not in self._seen:
                    self._seen.add(shown)
                    _say({"at": moment, "certificate": shown})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Handshakes(sys.argv[1], int(sys.argv[2])).run()
