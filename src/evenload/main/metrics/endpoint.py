"""``/metrics`` at an address of its own, which asks nobody who he is; served as the API is, so that a client that is
slow or says nothing holds no thread."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from evenload.main.http.server import HttpServer

_log = structlog.get_logger(__name__)

PATH = "/metrics"
_AT_ONCE = 2
"""Who asks meanwhile waits: a scrape is a look at everything."""
_MOST_CONNECTIONS = 256


class Endpoint:
    """Inert until ``start``. ``render``: see ``collector``; prometheus_client adds what it knows of this process."""

    def __init__(self, address: tuple[str, int], render: Callable[[], Iterator[str]]) -> None:
        self._address = address
        self._render = render
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        host, port = address
        self._server = HttpServer(
            self._answer, host=host, port=port, threads=_AT_ONCE, most_connections=_MOST_CONNECTIONS
        )

    def start(self) -> None:
        """Raises OSError where somebody else has the address."""
        self._server.bind(settings="[server] metrics_host and metrics_port")
        self._server.start()
        _log.info("serving metrics", host=self._address[0], port=self.port)

    @property
    def port(self) -> int:
        """Of a started one."""
        return self._server.port

    def stop(self) -> None:
        self._server.stop()

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return _refused(start_response, "404 Not Found", "There is nothing but /metrics.\n")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refused(start_response, "405 Method Not Allowed", "GET /metrics\n", ("Allow", "GET, HEAD"))
        parts = [part.encode() for part in self._render()]
        parts.append(generate_latest(self._registry))
        length = str(sum(map(len, parts)))
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4), ("Content-Length", length)])
        return parts if environ["REQUEST_METHOD"] == "GET" else []


def _refused(
    start_response: Callable[[str, list[tuple[str, str]]], Any], status: str, words: str, *headers: tuple[str, str]
) -> list[bytes]:
    content = words.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(content))), *headers])
    return [content]
