"""A look at an agent, from its own host: one question and one answer on a Unix socket, whose other end is known by the
kernel's word. Nothing can be changed through it."""

import socket
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from evenload.bus.accepting import Acceptor
from evenload.bus.frames import Frames
from evenload.bus.unix_sockets import Peer, connect_unix, read_peer, set_patience
from evenload.model.errors import EvenloadError
from evenload.model.sight import Sight
from evenload.payloads.documents import UnknownContent
from evenload.payloads.sights import pack_question, pack_sight, read_question, read_sight
from evenload.threads import Faults

log = structlog.get_logger(__name__)

_BACKLOG = 8
_PATIENCE = 2.0
"""Seconds in which a question has to come; they are answered one after the other."""

Answer = Callable[[str | None], Sight]


class SightGate:
    """The agent's end. ``listener`` is bound already; ``users``: the ids that may ask. Inert until ``start``."""

    def __init__(self, listener: socket.socket, users: Collection[int], answer: Answer, faults: Faults) -> None:
        self._answer = answer
        self._acceptor = Acceptor(
            listener, users, self._show, faults, name="bus-looks", purpose="looks at the agent", backlog=_BACKLOG
        )

    def start(self) -> None:
        self._acceptor.start()

    def stop(self) -> None:
        self._acceptor.stop()

    def _show(self, connection: socket.socket) -> None:
        with connection:
            set_patience(connection, _PATIENCE)
            frames = Frames(connection)
            try:
                question = frames.receive()
                if question is not None:
                    frames.send(pack_sight(self._answer(read_question(question))))
            except (OSError, UnknownContent) as error:
                log.debug("a look ended", reason=str(error))


class OutOfSight(EvenloadError):
    """The agent could not be looked at. ``pid``: its process, where it listens and does not answer."""

    def __init__(self, reason: str, pid: int | None = None) -> None:
        super().__init__(reason)
        self.pid = pid


def look_at(path: Path, users: Collection[int], load_balancer_id: str | None, timeout: float) -> tuple[Sight, int]:
    """What the agent sees, and its pid. ``users``: the ids that an agent may have. Raises OutOfSight."""
    pid: int | None = None
    try:
        with connect_unix(str(path), timeout) as connection:
            peer = read_peer(connection)
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
        with connect_unix(str(path), timeout) as connection:
            return read_peer(connection)
    except BlockingIOError as error:
        raise OutOfSight(f"it took no connection within {timeout:g} s") from error
    except OSError as error:
        raise OutOfSight(_words(error, path)) from error


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
