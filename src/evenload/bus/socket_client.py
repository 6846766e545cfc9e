"""The agent's end of the Unix socket: fulfils ``interfaces.Server`` over connections that are kept open.

Each call has a connection for itself while it lasts; there are as many as calls were made at the same time. A server
that was started anew closed them all: a call that finds its connection dead is made once more on a new one. All
trouble of the transport is ServerUnavailable.
"""

import contextlib
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evenload.bus.frames import FrameError, Frames
from evenload.bus.unix_sockets import connect_unix, read_peer
from evenload.model.desired import Desired, Gone, Health, Report, Unreadable
from evenload.model.errors import ServerUnavailable, Unwelcome
from evenload.model.event import HostEvent
from evenload.model.numbers import AgentNumbers
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.payloads import messages
from evenload.payloads.documents import UnknownContent
from evenload.payloads.secrets import read_secrets

_TIMEOUT = 30.0
"""Seconds that an answer may take; a database that is busy makes the server wait for a third of that."""


class SocketServer:
    """``agent``: the name of this host's agent; ``users``: the ids that the server may have. May be used from any
    thread."""

    def __init__(self, path: Path, agent: str, users: Collection[int], *, timeout: float = _TIMEOUT) -> None:
        self._path = str(path)
        self._agent = agent
        self._users = frozenset(users)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._idle: list[Frames] = []
        self._registration: Registration | None = None
        self._version = 0
        self._line: Frames | None = None
        self._answered_at: float | None = None

    def register(self, registration: Registration) -> Welcome:
        """On a connection that stays open for ``wait_until_lost``."""
        line, welcome = self._open(registration)
        line.wait_for_ever()
        with self._lock:
            former, self._line = self._line, line
            self._registration = replace(
                registration, former=None, started=False, adopt=False, database=welcome.database
            )
            self._version = welcome.version
        if former is not None:
            former.close()
        return welcome

    @property
    def database(self) -> str | None:
        """The identity of the database of the server that was registered with, None before that."""
        with self._lock:
            return None if self._registration is None else self._registration.database

    def wait_until_lost(self) -> None:
        """Returns when the server that was registered with is gone, or after ``close``."""
        with self._lock:
            line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                while line.receive() is not None:
                    pass  # the server says nothing there

    def close(self) -> None:
        with self._lock:
            connections, self._idle, self._registration = self._idle, [], None
            if self._line is not None:
                connections.append(self._line)
                self._line = None
        for connection in connections:
            connection.close()

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        wanted = list(load_balancer_ids)
        with _translated("fetch"):
            return messages.read_answers(self._call("fetch", wanted), wanted, self._version)

    def assignments(self) -> dict[str, int]:
        with _translated("ask what is assigned here"):
            return messages.read_assignments(self._call("assignments", None))

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        wanted = list(references)
        with _translated("fetch secrets"):
            return read_secrets(self._call("secrets", (load_balancer_id, wanted)), wanted)

    def report(self, report: Report) -> None:
        with _translated("report"):
            self._send(messages.pack_report(report))

    def health(self, healths: Sequence[Health]) -> None:
        with _translated("report health"):
            self._send(messages.pack_healths(healths))

    def numbers(self, numbers: AgentNumbers) -> None:
        """What the server has asked for. Raises ServerUnavailable."""
        with _translated("tell numbers"):
            self._call("numbers", (numbers,))

    @property
    def answered_at(self) -> float | None:
        """When the server last answered a call, in seconds since 1970."""
        return self._answered_at

    def events(self, events: Sequence[HostEvent]) -> None:
        with _translated("tell what happened"):
            self._call("events", list(events))

    def _call(self, call: str, body: object) -> Any:
        return self._send(messages.pack_call(call, body))

    def _send(self, payload: bytes) -> Any:
        with self._lock:
            registration = self._registration
            connection = self._idle.pop() if self._idle else None
        if registration is None:
            raise ServerUnavailable("The server has not been reached yet.")
        if connection is not None:
            try:
                return self._exchange(connection, payload)
            except BlockingIOError:  # it did not answer in time
                raise
            except OSError:  # closed by a server that is no more; every call may be repeated
                self._drop_idle()
        try:
            connection, _ = self._open(registration)
        except Unwelcome as error:  # another server, or another database, than the one that was registered with
            raise ServerUnavailable(f"The server refuses this agent: {error}") from error
        return self._exchange(connection, payload)

    def _exchange(self, connection: Frames, payload: bytes) -> Any:
        try:
            connection.send(payload)
            answer = connection.receive()
            if answer is None:
                raise FrameError("the server closed the connection")
        except BaseException:
            connection.close()
            raise
        self._answered_at = time.time()
        with self._lock:
            keep = self._registration is not None
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return messages.read_result(answer)

    def _open(self, registration: Registration) -> tuple[Frames, Welcome]:
        with _translated("register"):
            connection = self._connect()
            try:
                connection.send(messages.pack_registration(self._agent, registration))
                answer = connection.receive()
                if answer is None:
                    raise FrameError("the server closed the connection")
                return connection, messages.read_welcome(messages.read_result(answer))
            except BaseException:
                connection.close()
                raise

    def _connect(self) -> Frames:
        connection = connect_unix(self._path, self._timeout)
        try:
            user = read_peer(connection).user
            if user not in self._users:
                raise ServerUnavailable(f"The user {user} who listens at {self._path} is not the server's.")
        except BaseException:
            connection.close()
            raise
        return Frames(connection)

    def _drop_idle(self) -> None:
        with self._lock:
            dead, self._idle = self._idle, []
        for connection in dead:
            connection.close()


@contextlib.contextmanager
def _translated(attempted: str) -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:
        raise ServerUnavailable(f"The server did not answer in time (to {attempted}).") from error
    except OSError as error:
        raise ServerUnavailable(f"The server cannot be reached (to {attempted}): {error}.") from error
    except UnknownContent as error:
        raise ServerUnavailable(f"The server's answer cannot be read (to {attempted}): {error}.") from error
