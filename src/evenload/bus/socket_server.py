"""The server's end of the Unix socket: answers the agent of this host, each of its connections in a thread.

Who speaks is the kernel's word (SO_PEERCRED) and, as there is one agent on a host, its name is that of the settings:
the agent says the same or is refused. Errors become codes in ``payloads/messages.py``.
"""

import socket
import threading
from collections.abc import Collection
from typing import Any

import structlog

from evenload.bus.frames import Frames, read_peer
from evenload.interfaces import Gateway
from evenload.model.errors import EvenloadError, ServerUnavailable, Unwelcome
from evenload.payloads import messages
from evenload.payloads.documents import UnknownContent

log = structlog.get_logger(__name__)

_BACKLOG = 64
_STOP_TIMEOUT = 5.0


class SocketGateway:
    """``listener`` is bound already; ``users``: the ids that the agent may have. Inert until ``start``."""

    def __init__(self, gateway: Gateway, listener: socket.socket, agent: str, users: Collection[int]) -> None:
        self._gateway = gateway
        self._listener = listener
        self._agent = agent
        self._users = frozenset(users)
        self._lock = threading.Lock()
        self._connections: set[Frames] = set()
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()

    def start(self) -> None:
        self._listener.listen(_BACKLOG)  # after the change of user: the kernel tells the agent who listened
        self._thread = threading.Thread(target=self._accept, name="bus", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Calls that are being worked on come to their end, within bounds."""
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            connection.end()
        for thread in threads:
            thread.join(_STOP_TIMEOUT)
        for connection in connections:
            connection.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                log.warning("cannot accept a connection of the agent", reason=str(error))
                self._stopping.wait(0.1)
                continue
            try:
                self._admit(connection)
            except Exception:  # one connection that fails must not keep the agent's next one out
                log.exception("cannot serve a connection of the agent")
                connection.close()

    def _admit(self, connection: socket.socket) -> None:
        user = read_peer(connection)
        if user not in self._users:
            log.warning("a stranger knocked at the agent's socket", user=user)
            connection.close()
            return
        frames = Frames(connection)
        thread = threading.Thread(target=self._converse, args=(frames,), name="bus-connection", daemon=True)
        with self._lock:  # whoever stops the gateway finds the thread started, or finds nothing
            if self._stopping.is_set():
                frames.close()
                return
            thread.start()
            self._connections.add(frames)
            self._threads.add(thread)

    def _converse(self, frames: Frames) -> None:
        registered = False
        try:
            while not self._stopping.is_set() and (payload := frames.receive()) is not None:
                answer, registered = self._answer(payload, registered)
                frames.send(answer)
        except OSError as error:
            if not self._stopping.is_set():
                log.info("a connection of the agent ended", reason=str(error))
        finally:
            frames.close()
            with self._lock:
                self._connections.discard(frames)
                self._threads.discard(threading.current_thread())

    def _answer(self, payload: bytes, registered: bool) -> tuple[bytes, bool]:
        """The answer, and whether the agent is registered on this connection after it."""
        try:
            call, body = messages.read_call(payload)
            if call == "register":
                name, registration = body
                self._check_name(name)
                return messages.pack_result(self._gateway.register(self._agent, registration)), True
            if not registered:
                raise ServerUnavailable("The agent has not registered on this connection.")
            return self._perform(call, body), True
        except (EvenloadError, UnknownContent) as error:
            return messages.pack_error(error), registered
        except Exception as error:  # a fault of the program in one call must not end the connection unnoticed
            log.exception("internal fault in a call of the agent")
            return messages.pack_error(error), registered

    def _perform(self, call: str, body: Any) -> bytes:
        match call, body:
            case "fetch", list():
                return messages.pack_answers(self._gateway.fetch(self._agent, body))
            case "assignments", None:
                return messages.pack_result(self._gateway.assignments(self._agent))
            case "report", (report,):
                self._gateway.report(self._agent, report)
            case "health", list():
                self._gateway.health(self._agent, body)
            case _:
                raise UnknownContent(f"the call {call!r} is unknown")
        return messages.pack_result(None)

    def _check_name(self, name: str) -> None:
        if name != self._agent:
            raise Unwelcome(
                f"The agent calls itself {name}, and this server's host is {self._agent}: [DEFAULT] host differs "
                "between their settings."
            )
