"""From an event loop's requests to a WSGI application in threads, and back.

A request reaches a thread when its caller is known and its body complete, and the thread is free again when the answer
is complete: slow senders and slow readers cost memory in the event loop, and nobody's thread. Nothing is kept of the
body that a refused caller sends.
"""

import asyncio
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog

from evenload.api.auth.identity import LOGIN, Login, Refusal
from evenload.api.context import ROUTE
from evenload.api.fields import shown_path
from evenload.main.http.login_queue import LoginQueue
from evenload.main.http.turns import Turns
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """In bytes. ``one``: the longest body that is kept; of a longer one only the length reaches the application.
    ``all``: what the bodies of all requests at one moment may amount to."""

    one: int
    all: int


_OVERLOADED = Answer(
    503,
    [(b"content-type", b"text/plain"), (b"content-length", b"20"), (b"retry-after", b"5"), (b"connection", b"close")],
    b"Service unavailable\n",
)
_FAULT = Answer(
    500,
    [(b"content-type", b"text/plain"), (b"content-length", b"22"), (b"connection", b"close")],
    b"Internal server error\n",
)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as one: a caller may write whatever he likes there."""
_NO_ROUTE = "none"


class WsgiBridge:
    """An ASGI application. ``turns`` run the WSGI application, one thread for each request in progress. ``logins``:
    None where nobody is asked who he is."""

    def __init__(
        self,
        application: Any,
        turns: Turns,
        limits: BodyLimits,
        logins: LoginQueue[Any] | None = None,
        counting: Counting = UNCOUNTED,
    ) -> None:
        self._application = application
        self._turns = turns
        self._limits = limits
        self._logins = logins
        self._counting = counting
        # The event loop's thread alone uses these.
        self._held = 0  # bytes of bodies
        self._arriving: dict[asyncio.Task[Any], bytearray] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._counting.add("http_requests_in_progress")
        try:
            await self._serve(scope, receive, send)
        finally:
            self._counting.add("http_requests_in_progress", amount=-1.0)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        length = 0
        begun = time.monotonic()
        known = begun  # when it was, who is calling
        route = _NO_ROUTE
        task = asyncio.current_task()
        assert task is not None
        try:
            try:
                login = await self._login_of(scope)
            except Exception:  # of the check; of others' credentials nothing is the matter
                log.exception("http server: internal fault", path=shown_path(scope["path"]))
                self._count(scope, route, _FAULT, time.monotonic() - begun)
                await _send(send, _FAULT)
                return
            known = complete_at = time.monotonic()
            refused = isinstance(login, Refusal)
            self._arriving[task] = body
            declared = _declared_length(scope["headers"])
            complete = declared is not None and declared > self._limits.one
            length = declared or 0 if complete else 0
            while not complete:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                part = message.get("body", b"")
                complete = not message.get("more_body", False)
                length += len(part)
                if length > self._limits.one:
                    self._held -= len(body)
                    body.clear()
                    break
                if refused:
                    continue
                if not self._make_room(len(part), body):
                    del self._arriving[task]
                    log.warning("http server: too many requests wait with their bodies", bytes=self._held)
                    self._count(scope, route, _OVERLOADED, known - begun)
                    await _send(send, _OVERLOADED)
                    return
                self._held += len(part)
                body += part
            del self._arriving[task]
            complete_at = time.monotonic()
            environ = environ_of(scope, bytes(body), length)
            if login is not None:
                environ[LOGIN] = login
            self._counting.add("http_requests_waiting")
            answer = await self._turns.run(self._run, environ)
            route = environ.get(ROUTE, _NO_ROUTE)
        except asyncio.CancelledError:  # given up for others, or the server ends and waits no longer
            task.uncancel()
            self._count(scope, route, _OVERLOADED, known - begun)
            await _send(send, _OVERLOADED)
            return
        finally:
            self._arriving.pop(task, None)
            self._held -= len(body)
        self._count(scope, route, answer, known - begun + time.monotonic() - complete_at)
        if length > self._limits.one:  # the rest of the body is on its way
            answer = Answer(answer.status, [*answer.headers, (b"connection", b"close")], answer.body)
        await _send(send, answer)

    def _count(self, scope: Scope, route: str, answer: Answer, seconds: float) -> None:
        """``seconds``: without those that the caller took to send his body."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._counting.add("http_requests_total", (route, method, str(answer.status)))
        self._counting.observe("http_request_duration_seconds", (route, method), seconds)

    async def _login_of(self, scope: Scope) -> Login | None:
        if self._logins is None:
            return None
        return await self._logins.admit(
            lambda name: _header(scope, name.encode()), str((scope.get("client") or ("",))[0])
        )

    def _make_room(self, length: int, own: bytearray) -> bool:
        """Where all bodies together are too long, the longest of those that still arrive is given up: senders of small
        requests do not wait for those who announced much and stopped. False where that is the own one."""
        while self._held + length > self._limits.all:
            if not self._arriving:
                return False
            task, longest = max(self._arriving.items(), key=lambda each: len(each[1]))
            if len(longest) <= len(own) + length:
                return False
            log.warning("http server: a long body is given up for others", bytes=len(longest))
            self._held -= len(longest)
            longest.clear()
            del self._arriving[task]
            task.cancel()
        return True

    def _run(self, environ: dict[str, Any]) -> Answer:
        self._counting.add("http_requests_waiting", amount=-1.0)
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
            begun[:] = [(status, headers)]
            return lambda data: None

        try:
            parts: Iterable[bytes] = self._application(environ, start_response)
            try:
                content = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
            status, headers = begun[0]
        except Exception:  # the application answers its own errors; this is a fault of its framework
            log.exception("http server: internal fault", path=shown_path(environ["PATH_INFO"]))
            return _FAULT
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return Answer(int(status[:3]), encoded, content)


def environ_of(scope: Scope, body: bytes, length: int) -> dict[str, Any]:
    """PEP 3333's environment of a request whose body is complete. ``length``: of the body that was announced or sent,
    also where that was too long to be kept. The same header given twice is joined by a comma, as RFC 9110 says."""
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": str(client[0]),
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:  # would pass for the header with a dash
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        if name in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            continue
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _declared_length(headers: Headers) -> int | None:
    return next((int(value) for name, value in headers if name == b"content-length" and value.isdigit()), None)


def _header(scope: Scope, name: bytes) -> str | None:
    given = [value.decode("latin-1") for each, value in scope["headers"] if each == name]
    return ",".join(given) if given else None


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
