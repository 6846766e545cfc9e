"""One client's connection: uvicorn's HTTP/1.1 with limits on what a client may take, in bytes and in time."""

import asyncio
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
REQUEST_SECONDS = 60.0
"""From a request's first byte, or from the connection's start, to the request's last."""
STALLED_SECONDS = 60.0
"""A client that takes no byte of an answer for so long is let go."""
FIRST_REQUEST_SECONDS = 0.5
"""After the server was asked to stop: a client that was accepted just before may still send its first request."""

_TO_READ_SECONDS = 0.01
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class LimitedConnection(HttpToolsProtocol):
    """Closes the connection of a client that is too slow; answers 400 to a head that is too long, and to a request that
    a proxy could take for two. One more connection than ``limit_concurrency`` is told so and closed at once: uvicorn by
    itself refuses requests alone, and whoever sends none would take the descriptors that all else needs."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._head_bytes: int | None = 0
        self._late: TimerHandle | None = None
        self._stalled: TimerHandle | None = None
        self._last = False
        self._served = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            transport.write(_FULL)
            transport.close()
            return
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_complete()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_request()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()
        self._served = True
        if self._last:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._request_is_complete()
        super().on_message_complete()

    def shutdown(self) -> None:
        if self._served:
            super().shutdown()
            return
        self._last = True
        # A loop that was kept from running finds the time over and the request there: it reads first, then it judges.
        self.loop.call_later(FIRST_REQUEST_SECONDS, self.loop.call_later, _TO_READ_SECONDS, self._end_silent)

    def _end_silent(self) -> None:
        if not self._served:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _expect_request(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _request_is_complete(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _watch_writing(self) -> None:
        """Looks again and again whether the client takes anything, and lets go of one that does not."""
        waiting = self.transport.get_write_buffer_size()

        def look() -> None:
            if self.transport.get_write_buffer_size() >= waiting:
                self.transport.abort()
            else:
                self._watch_writing()

        self._stalled = self.loop.call_later(STALLED_SECONDS, look)
