"""Hints as datagrams: any process of the server sends them to the agent of this host, and never waits.

The kernel says who sent one (SCM_CREDENTIALS); the agent takes those of the server's user only. The kernel holds few
datagrams for a receiver: what finds no room is folded by load balancer and sent by a thread that may wait, without a
document.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from evenload.model.snapshot import Snapshot
from evenload.payloads.documents import UnknownContent
from evenload.payloads.messages import QUESTION, pack_hint, read_hint
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_CREDENTIALS = struct.Struct("3i")
_MAX_HINT = 64 * 1024
_MAX_WAITING = 10_000
_PATIENCE = struct.pack("ll", 1, 0)
_STOP_TIMEOUT = 5.0


class HintSender:
    """Fulfils AgentBus. A hint for another agent than ``agent`` is dropped. May be used from any thread."""

    def __init__(self, path: Path, agent: str, faults: Faults) -> None:
        self._path = str(path)
        self._agent = agent
        self._faults = faults
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._condition = threading.Condition()
        self._waiting: dict[str, int] = {}
        self._thread: LastingThread | None = None

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        if agent != self._agent:
            return
        payload = pack_hint(load_balancer_id, generation, snapshot)
        if len(payload) > _MAX_HINT:
            payload = pack_hint(load_balancer_id, generation)
        try:
            self._socket.sendto(payload, self._path)
        except BlockingIOError:
            self._keep(load_balancer_id, generation)
        except OSError as error:  # the agent is away: its resync finds the change
            log.debug("hint lost", load_balancer=load_balancer_id, reason=str(error))

    def ask_for_numbers(self) -> bool:
        """The agent is going to call ``numbers``; False where it is away, or has no time to hear of anything. Never
        blocks."""
        try:
            self._socket.sendto(QUESTION, self._path)
        except OSError as error:
            log.debug("question lost", reason=str(error))
            return False
        return True

    def close(self) -> None:
        with self._condition:
            self._waiting.clear()
            self._socket.close()

    def _keep(self, load_balancer_id: str, generation: int) -> None:
        with self._condition:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting[load_balancer_id] = generation
            if self._thread is not None:
                return
            thread = LastingThread("bus-hints", self._flush_next, self._faults)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads: the next hint that finds no room tries again
                log.warning("hints wait", count=len(self._waiting), reason=str(error))
            else:
                self._thread = thread

    def _flush_next(self) -> bool:
        """False where none wait. A receiver that takes nothing for a second has lost them."""
        with self._condition:
            if not self._waiting:
                self._thread = None
                return False
            load_balancer_id = next(iter(self._waiting))
            generation = self._waiting.pop(load_balancer_id)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as patient:
                patient.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
                patient.sendto(pack_hint(load_balancer_id, generation), self._path)
        except OSError as error:
            with self._condition:
                lost = len(self._waiting) + 1
                self._waiting.clear()
            log.debug("hints lost", count=lost, reason=str(error))
        return True


OnHint = Callable[[str, int, Snapshot | None], None]


class HintReceiver:
    """``bound``: a datagram socket of ``bind_unix``; ``users``: the ids that a server may have. ``on_hint`` is called
    with load balancer, generation and snapshot, ``on_question`` where the server asks for numbers, from a thread of the
    receiver's. Inert until ``start``."""

    def __init__(
        self,
        bound: socket.socket,
        users: Collection[int],
        on_hint: OnHint,
        faults: Faults,
        on_question: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_question = on_question
        self._socket = bound
        self._users = frozenset(users)
        self._on_hint = on_hint
        self._faults = faults
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None

    def start(self) -> None:
        self._thread = LastingThread("bus-hints", self._receive, self._faults)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
        self._socket.close()

    def _receive(self) -> bool:
        """One hint; False when it is time to end."""
        if self._stopping.is_set():
            return False
        try:
            payload, ancillary, _, _ = self._socket.recvmsg(_MAX_HINT, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError as error:
            if self._stopping.is_set():
                return False
            log.warning("cannot receive hints", reason=str(error))
            return not self._stopping.wait(0.1)
        if self._stopping.is_set():
            return False
        user = _sender(ancillary)
        if user not in self._users:
            log.warning("a stranger sent a hint", user=user)
            return True
        if payload == QUESTION:
            self._on_question()
            return True
        try:
            hint = read_hint(payload)
        except UnknownContent as error:
            log.warning("a hint cannot be read", reason=str(error))
        else:
            self._on_hint(*hint)
        return True


def _sender(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack_from(content)[1])
    return None
