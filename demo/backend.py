"""A real HTTP server to stand behind a load balancer, as a process of its own.

Standard library only and run as a file, so that it starts at once. Every answer names the server in its body and in
``X-Backend``. ``/headers`` answers the request's headers as JSON, ``/slow`` takes half a second, ``/status/503``
answers that status, ``/cookie/a=b`` sets that cookie. SIGTERM ends it the polite way: what was accepted is still
answered.
"""

import argparse
import json
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any, ClassVar

_SLOW_SECONDS = 0.5
_GRACE = 10.0
"""Seconds after which a connection that says nothing is given up at the end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = ""
    timeout = 30
    busy: ClassVar[set[int]] = set()
    """Connections, by id, that were accepted and have not asked yet, or whose request is being answered."""

    def do_GET(self) -> None:
        self.busy.add(id(self.connection))
        try:
            self._answer()
        finally:
            self.busy.discard(id(self.connection))

    def _answer(self) -> None:
        status, content_type, body = 200, "text/plain", f"{self.name}\n".encode()
        if self.path == "/headers":
            content_type = "application/json"
            body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
        elif self.path == "/slow":
            time.sleep(_SLOW_SECONDS)
        elif self.path.startswith("/status/"):
            status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Backend", self.name)
        if self.path.startswith("/cookie/"):
            self.send_header("Set-Cookie", self.path.removeprefix("/cookie/"))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET
    do_POST = do_GET
    do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the load balancer asks every second."""


class _Server(ThreadingHTTPServer):
    """Listens on every address of both families."""

    address_family = socket.AF_INET6
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def process_request(self, request: Any, client_address: Any) -> None:
        _Handler.busy.add(id(request))  # before its thread starts, so that nobody overlooks it meanwhile
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        _Handler.busy.discard(id(request))

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def server_close(self) -> None:
        """What the kernel has accepted for us already is answered before the socket goes."""
        self.socket.setblocking(False)
        while True:
            try:
                request, address = self.get_request()
            except BlockingIOError:
                break
            request.setblocking(True)
            self.process_request(request, address)
        super().server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True, help="the first port")
    parser.add_argument("--ports", type=int, default=1, help="how many ports from there on")
    arguments = parser.parse_args()
    _Handler.name = arguments.name
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the demo, which ends this process itself
    servers = [_Server(("::", port), _Handler) for port in range(arguments.port, arguments.port + arguments.ports)]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    while not stopped.wait(0.2):
        pass
    for server in servers:
        server.shutdown()
        server.server_close()
    deadline = time.monotonic() + _GRACE
    while _Handler.busy and time.monotonic() < deadline:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
