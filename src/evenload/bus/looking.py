"""A look at an agent, from its own host: one question and one answer on a Unix socket, whose other end is known by the
kernel's word. Nothing can be changed through it."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import structlog

from evenload.bus.frames import Frames, read_peer
from evenload.model.errors import EvenloadError
from evenload.model.sight import Sight
from evenload.payloads.documents import UnknownContent
from evenload.payloads.sights import pack_question, pack_sight, read_question, read_sight
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_BACKLOG = 8
_PATIENCE = 2.0
"""Seconds in which a question has to come; they are answered one after the other."""
_STOP_TIMEOUT = 5.0
_CREDENTIALS = struct.Struct("3i")

Answer = Callable[[str | None], Sight]


class SightGate:
    """The agent's end. ``listener`` is bound already; ``users``: the ids that may ask. Inert until ``start``."""

    def __init__(self, listener: socket.socket, users: Collection[int], answer: Answer, faults: Faults) -> None:
        self._listener = listener
        self._users = frozenset(users)
        self._answer = answer
        self._faults = faults
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None

    def start(self) -> None:
        self._listener.listen(_BACKLOG)
        self._thread = LastingThread("bus-looks", self._serve, self._faults)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)

    def _serve(self) -> bool:
        """One look; False when it is time to end."""
        if self._stopping.is_set():
            return False
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if self._stopping.is_set():
                return False
            log.warning("cannot be looked at", reason=str(error))
            return not self._stopping.wait(0.1)
        with connection:
            user = read_peer(connection)
            if user not in self._users:
                log.warning("a stranger wanted to look at the agent", user=user)
                return True
            _set_patience(connection, _PATIENCE)
            frames = Frames(connection)
            try:
                question = frames.receive()
                if question is not None:
                    frames.send(pack_sight(self._answer(read_question(question))))
            except (OSError, UnknownContent) as error:
                log.debug("a look ended", reason=str(error))
        return True


class OutOfSight(EvenloadError):
    """The agent could not be looked at. ``pid``: its process, where it listens and does not answer."""

    def __init__(self, reason: str, pid: int | None = None) -> None:
        super().__init__(reason)
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Peer:
    """Who listens on a socket."""

    pid: int
    user: int


def look_at(path: Path, users: Collection[int], load_balancer_id: str | None, timeout: float) -> tuple[Sight, int]:
    """What the agent sees, and its pid. ``users``: the ids that an agent may have. Raises OutOfSight."""
    pid: int | None = None
    try:
        with _connected(path, timeout) as connection:
            peer = _peer_of(connection)
            if peer.user not in users:
                raise OutOfSight(f"the user {peer.user} who listens at {path} is not the agent's")
            pid = peer.pid
            frames = Frames(connection)
            frames.send(pack_question(load_balancer_id))
            answer = frames.receive()
            if answer is None:
                raise OutOfSight("it closed the connection", pid)
            return read_sight(answer), pid
    except BlockingIOError as error:
        raise OutOfSight(f"it did not answer within {timeout:g} s", pid) from error
    except (OSError, UnknownContent) as error:
        raise OutOfSight(_words(error, path), pid) from error


def find_listener(path: Path, timeout: float) -> Peer:
    """Who listens there; nothing is said to him. Raises OutOfSight."""
    try:
        with _connected(path, timeout) as connection:
            return _peer_of(connection)
    except BlockingIOError as error:
        raise OutOfSight(f"it took no connection within {timeout:g} s") from error
    except OSError as error:
        raise OutOfSight(_words(error, path)) from error


def _connected(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _set_patience(connection, timeout)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _set_patience(connection: socket.socket, seconds: float) -> None:
    interval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)


def _peer_of(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid, user)


def _words(error: Exception, path: Path) -> str:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return "it does not run"
        case ConnectionResetError() | BrokenPipeError():
            return "it closed the connection"
        case PermissionError():
            return f"this user may not use {path}"
        case _:
            return str(error)
