"""The HTTP server: a listening socket, an event loop in a thread of its own, threads for complete requests.

The socket may be bound by one process and served by its children: each makes an HttpServer of its own around it.
"""

import asyncio
import logging
import resource
import socket
import threading
from typing import Any

import structlog
import uvicorn
import uvicorn.lifespan.off  # uvicorn's own import of it comes too late for a process that gave up its rights
import uvloop

from evenload.main.http.bridge import BodyLimits, WsgiBridge
from evenload.main.http.connection import LimitedConnection
from evenload.main.http.login_queue import LoginQueue
from evenload.main.http.turns import Turns
from evenload.main.listening import listen_tcp
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_BODY_BYTES_AT_ONCE = 128 * 1024 * 1024
_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 5
_DESCRIPTORS_FOR_OTHERS = 256


class HttpServer:
    """``bind`` takes the address, and clients begin to wait; ``start`` returns once they are answered; ``stop`` lets
    requests in progress end. ``logins``: where callers have passwords. ``most_connections``: None for as many as the
    process can hold."""

    def __init__(
        self,
        application: Any,
        *,
        host: str,
        port: int,
        threads: int,
        listener: socket.socket | None = None,
        logins: LoginQueue[Any] | None = None,
        counting: Counting = UNCOUNTED,
        most_connections: int | None = None,
    ) -> None:
        self._application = application
        self._counting = counting
        self._most_connections = most_connections
        self._logins = logins
        self._host = host
        self._port = port
        self._threads = threads
        self._socket = listener
        self._turns: Turns | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://[{self._host}]:{self.port}" if ":" in self._host else f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        """The port that is really listened on, also where 0 was asked for."""
        return self._port if self._socket is None else int(self._socket.getsockname()[1])

    def bind(self, *, settings: str = "[api] bind_host and bind_port") -> None:
        """Raises OSError where the address is taken or not ours, with the ``settings`` that say it."""
        self._socket = listen_tcp(self._host, self._port, settings=settings)
        self._port = self.port

    def start(self) -> None:
        """Binds, where that has not been done; raises as ``bind``."""
        if self._socket is None:
            self.bind()
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._turns = Turns(self._threads)
        limits = BodyLimits(one=MAX_BODY_BYTES, all=MAX_BODY_BYTES_AT_ONCE)
        config = uvicorn.Config(
            WsgiBridge(self._application, self._turns, limits, self._logins, self._counting),
            http=LimitedConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=self._most_connections or _connections_possible(),
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._thread.start()
        self._server.serving.wait()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.ask_to_stop()
            self._thread.join(timeout=2 * _GRACE_SECONDS)
            self._server = self._thread = None
        if self._turns is not None:
            self._turns.stop()
            self._turns = None
        if self._logins is not None:
            self._logins.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _serve(self) -> None:
        server, listening = self._server, self._socket
        if server is None or listening is None:
            return
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.serve(sockets=[listening]))
        except Exception:
            log.exception("http server: internal fault")
            raise
        finally:
            server.serving.set()


class _Server(uvicorn.Server):
    """Uvicorn's server without its poll ten times a second, and with an event for its start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        seconds = 0
        await self.on_tick(seconds)
        self.serving.set()
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), 1.0)
            except TimeoutError:
                seconds += 1
                await self.on_tick(seconds * 10)  # uvicorn's tenths: renews the Date header

    def ask_to_stop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)


def _connections_possible() -> int:
    """How many clients the process can hold; raises its limit of open files to what it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    most = 16384 if soft == resource.RLIM_INFINITY else soft
    return max(64, min(16384, most - _DESCRIPTORS_FOR_OTHERS))
