"""The HTTP server around the WSGI application: threads, keep-alive, a clean stop.

Owns the listening socket; knows nothing of the application. Cheroot hands a request to one of ``threads`` threads and
keeps connections between two requests in a selector; the kernel keeps those that have not said anything yet. So an
idle client costs no thread.
"""

import re
import socket
import threading
from typing import Any

import structlog
from cheroot import wsgi

_log = structlog.get_logger(__name__)

MAX_HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024
_IDLE_CONNECTIONS = 512
_SILENCE_SECONDS = 60


class _Server(wsgi.Server):
    """``listener``: a socket that is bound already, to be listened on instead of a new one."""

    listener: socket.socket | None = None

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        if self.listener is None:
            bound: socket.socket = super().bind(family, type, proto)
            return bound
        self.socket = self.listener
        self.bind_addr = self.listener.getsockname()[:2]
        return self.listener


class HttpServer:
    """``bind`` takes the address, and clients begin to wait; ``start`` returns once they are answered; ``stop`` lets
    requests in progress end."""

    def __init__(
        self, application: Any, *, host: str, port: int, threads: int, listener: socket.socket | None = None
    ) -> None:
        self._server = _Server(
            (host, port),
            application,
            numthreads=threads,
            max=threads,
            request_queue_size=128,
            timeout=30,
            shutdown_timeout=5,
            server_name="evenload",
        )
        self._server.keep_alive_conn_limit = _IDLE_CONNECTIONS
        self._server.max_request_header_size = MAX_HEADER_BYTES
        self._server.max_request_body_size = MAX_BODY_BYTES
        self._server.error_log = _error_log  # type: ignore[method-assign,assignment]
        self._server.listener = listener
        self._host = host
        self._bound = False
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://[{self._host}]:{self.port}" if ":" in self._host else f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        """The port that is really listened on, also where 0 was asked for."""
        port: int = self._server.bind_addr[1]
        return port

    def bind(self) -> None:
        """Raises OSError where the address is taken or not ours."""
        try:
            self._server.prepare()
        except OSError as error:
            reason = re.search(r"\[Errno \d+\] ([^)\]]*)", str(error))
            raise OSError(
                f"cannot listen on {self._host}:{self._server.bind_addr[1]}: {reason[1] if reason else error}; "
                "see [api] bind_host and bind_port"
            ) from error
        self._bound = True
        # Cheroot has a thread wait for the first word of a new connection: a few silent ones would stop everybody.
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENCE_SECONDS)

    def start(self) -> None:
        """Binds, where that has not been done; raises as ``bind``."""
        if not self._bound:
            self.bind()
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.stop()
        self._bound = False
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None


def _error_log(message: str = "", level: int = 20, traceback: bool = False) -> None:
    _log.warning("http server", message=message, exc_info=traceback)
