"""The server's end of the Unix socket: answers the agent of this host, each of its connections in a thread.

Who speaks is the kernel's word (SO_PEERCRED) and, as there is one agent on a host, its name is that of the settings:
the agent says the same or is refused. Errors become codes in ``payloads/messages.py``.
"""

import socket
import threading
from collections.abc import Callable, Collection
from typing import Any

import structlog

from evenload.bus.accepting import Acceptor
from evenload.bus.frames import Frames
from evenload.interfaces.bus import Gateway
from evenload.model.errors import EvenloadError, ServerUnavailable, Unwelcome
from evenload.model.numbers import AgentNumbers
from evenload.payloads import messages
from evenload.payloads.documents import UnknownContent
from evenload.payloads.secrets import pack_secrets
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_BACKLOG = 64
_STOP_TIMEOUT = 5.0


class SocketGateway:
    """``listener`` is bound already; ``users``: the ids that the agent may have; ``on_numbers`` gets what the agent of
    that name was asked for. Inert until ``start``."""

    def __init__(
        self,
        gateway: Gateway,
        listener: socket.socket,
        agent: str,
        users: Collection[int],
        faults: Faults,
        on_numbers: Callable[[str, AgentNumbers], None] = lambda agent, numbers: None,
    ) -> None:
        self._on_numbers = on_numbers
        self._gateway = gateway
        self._agent = agent
        self._faults = faults
        self._lock = threading.Lock()
        self._connections: dict[Frames, LastingThread] = {}
        self._acceptor = Acceptor(
            listener, users, self._admit, faults, name="bus", purpose="calls of the agent", backlog=_BACKLOG
        )

    def start(self) -> None:
        self._acceptor.start()

    def stop(self) -> None:
        """Calls that are being worked on come to their end, within bounds."""
        self._acceptor.stop()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            connection.end()
        for thread in connections.values():
            thread.hurry()
            thread.join(_STOP_TIMEOUT)
        for connection in connections:
            connection.close()

    def _admit(self, connection: socket.socket) -> None:
        frames = Frames(connection)
        conversation = _Conversation(frames, self._answer, self._acceptor.is_stopping, self._forget)
        thread = LastingThread("bus-connection", conversation.exchange, self._faults)
        with self._lock:  # whoever stops the gateway finds the thread started, or finds nothing
            if self._acceptor.is_stopping():
                frames.close()
                return
            thread.start()
            self._connections[frames] = thread

    def _forget(self, frames: Frames) -> None:
        frames.close()
        with self._lock:
            self._connections.pop(frames, None)

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
        except (Exception, SystemExit) as error:  # noqa: BLE001 it is noted, and the agent is told
            self._faults.note("call", agent=self._agent)
            return messages.pack_error(error), registered

    def _perform(self, call: str, body: Any) -> bytes:
        match call, body:
            case "fetch", list():
                return messages.pack_answers(self._gateway.fetch(self._agent, body))
            case "assignments", None:
                return messages.pack_result(self._gateway.assignments(self._agent))
            case "secrets", (load_balancer_id, list(references)):
                return pack_secrets(self._gateway.secrets(self._agent, load_balancer_id, references))
            case "report", (report,):
                self._gateway.report(self._agent, report)
            case "health", list():
                self._gateway.health(self._agent, body)
            case "numbers", (numbers,):
                self._on_numbers(self._agent, numbers)
            case "events", list():
                self._gateway.events(self._agent, body)
            case _:
                raise UnknownContent(f"the call {call!r} is unknown")
        return messages.pack_result(None)

    def _check_name(self, name: str) -> None:
        if name != self._agent:
            raise Unwelcome(
                f"The agent calls itself {name}, and this server's host is {self._agent}: [DEFAULT] host differs "
                "between their settings."
            )


class _Conversation:
    """One connection: ``answer(payload, registered)`` makes the answer and says whether the agent is registered on it
    afterwards. ``ended`` is told once of the end, also by a fault: then the connection is not what it was."""

    def __init__(
        self,
        frames: Frames,
        answer: Callable[[bytes, bool], tuple[bytes, bool]],
        stopping: Callable[[], bool],
        ended: Callable[[Frames], None],
    ) -> None:
        self._frames = frames
        self._answer = answer
        self._stopping = stopping
        self._ended = ended
        self._registered = False

    def exchange(self) -> bool:
        """One call and its answer; False at the end."""
        goes_on = False
        try:
            payload = None if self._stopping() else self._frames.receive()
            if payload is not None:
                answer, self._registered = self._answer(payload, self._registered)
                self._frames.send(answer)
                goes_on = True
        except OSError as error:
            if not self._stopping():
                log.info("a connection of the agent ended", reason=str(error))
        finally:
            if not goes_on:
                self._ended(self._frames)
        return goes_on
