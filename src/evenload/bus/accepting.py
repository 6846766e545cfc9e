"""The end of a Unix socket that takes connections, in a thread of its own: those of known users, the others are told of
and let go."""

import contextlib
import socket
import threading
from collections.abc import Callable, Collection

import structlog

from evenload.bus.unix_sockets import read_peer
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 5.0


class Acceptor:
    """``listener`` is bound already; ``users``: the ids that may come in. ``admit`` gets each connection, to close it.
    ``name``: of the thread; ``purpose``: what the socket is for, in a word for the log. Inert until ``start``."""

    def __init__(
        self,
        listener: socket.socket,
        users: Collection[int],
        admit: Callable[[socket.socket], None],
        faults: Faults,
        *,
        name: str,
        purpose: str,
        backlog: int,
    ) -> None:
        self._listener = listener
        self._users = frozenset(users)
        self._admit = admit
        self._purpose = purpose
        self._backlog = backlog
        self._stopping = threading.Event()
        self._thread = LastingThread(name, self._accept, faults)

    def start(self) -> None:
        self._listener.listen(self._backlog)  # after the change of user: the kernel tells others who listened
        self._thread.start()

    def stop(self) -> None:
        """None is admitted any more; waits for ``admit``, within bounds."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self._thread.hurry()
        self._thread.join(_STOP_TIMEOUT)

    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def _accept(self) -> bool:
        """One connection; False when it is time to end."""
        if self._stopping.is_set():
            return False
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if self._stopping.is_set():
                return False
            log.warning("cannot accept a connection", to=self._purpose, reason=str(error))
            return not self._stopping.wait(0.1)
        try:
            user = read_peer(connection).user
            if user not in self._users:
                log.warning("a stranger knocked", at=self._purpose, user=user)
                connection.close()
                return True
            self._admit(connection)
        except BaseException:
            connection.close()
            raise
        return True
