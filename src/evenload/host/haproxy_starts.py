"""A new worker in the place of none, or of another one: begun early, let go on when all else is there.

The worker's own file becomes the live one when the process listens: whatever fails before that, the live file and the
process that serves are as they were.
"""

import threading
from dataclasses import dataclass

import structlog

from evenload.host import succession
from evenload.host.files import StateFiles
from evenload.host.haproxy_arguments import Takeover
from evenload.host.haproxy_crew import Crew
from evenload.host.haproxy_cuts import Cut
from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_launch import Launcher
from evenload.host.haproxy_orphans import Orphans
from evenload.host.haproxy_record import Record
from evenload.host.haproxy_runtime import Conversation
from evenload.host.haproxy_workers import LIVE, STATES, Workers
from evenload.host.listening import ensure_free, places_of
from evenload.host.succession import HANDOVERS, Answer, Handover, Worker, outlives_start
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

_NO_STATES = "1\n"
"""A state file that says nothing: just the version of its format."""


@dataclass(frozen=True, slots=True)
class _Former:
    """The worker that a begun one shall take over from. ``last_words``: None where it could not be asked."""

    worker: Worker
    last_words: Conversation | None
    handover: Handover


class Starts:
    """At most one start per load balancer at a time; different ones in parallel."""

    def __init__(
        self,
        files: StateFiles,
        workers: Workers,
        launcher: Launcher,
        crew: Crew,
        orphans: Orphans,
        record: Record,
        last_words: LastWords,
    ) -> None:
        self._files = files
        self._workers = workers
        self._launcher = launcher
        self._crew = crew
        self._orphans = orphans
        self._record = record
        self._last_words = last_words
        self._former: dict[str, _Former] = {}
        self._lock = threading.Lock()

    def begin(self, load_balancer_id: str, text: str, worker: int) -> None:
        """Leaves workers that are finishing to it; any other one of this load balancer is ended first."""
        self.abandon(load_balancer_id)
        self._crew.make_room(load_balancer_id, worker)
        self._files.write(load_balancer_id, STATES, _NO_STATES)
        self._launcher.write(load_balancer_id, text, worker)  # nothing ends where the disk refuses this
        try:
            self._end_others(load_balancer_id)
        except BaseException:
            self._launcher.forget(load_balancer_id, worker)
            raise
        self._launcher.begin(load_balancer_id, text, worker)

    def begin_takeover(self, load_balancer_id: str, text: str, worker: int) -> None:
        self.abandon(load_balancer_id)
        old = self._crew.serving_of(load_balancer_id, self._crew.make_room(load_balancer_id, worker))
        if old is None:
            raise HostError("cannot reload HAProxy: none is running")
        answer, last_words, reason = self._crew.greet(load_balancer_id, old)
        if last_words is None:
            log.warning("HAProxy is replaced without a word", load_balancer=load_balancer_id, reason=reason)
        handover = HANDOVERS[answer]
        takeover = self._takeover(load_balancer_id, old, handover)
        try:
            self._launcher.write(load_balancer_id, text, worker, takeover)
            self._launcher.begin(load_balancer_id, text, worker, takeover)
        except BaseException:
            if last_words is not None:
                last_words.close()
            raise
        with self._lock:
            self._former[load_balancer_id] = _Former(old, last_words, handover)

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        """A process that waits for the text with which worker ``worker`` is started next; ``takeover``: from the one
        that serves now."""
        if worker in self._workers.numbers(load_balancer_id) - {self._launcher.starting().get(load_balancer_id)}:
            raise HostError(f"no spare for worker {worker}: there is one of that number")
        old = self._crew.serving(load_balancer_id) if takeover else None
        if takeover and old is None:
            raise HostError("no spare that takes over from HAProxy: none is running")
        handover = HANDOVERS[Answer.GIVEN]
        self._launcher.spares.begin(
            load_balancer_id, worker, None if old is None else self._takeover(load_balancer_id, old, handover)
        )

    def abandon(self, load_balancer_id: str) -> None:
        self._launcher.abandon(load_balancer_id)
        with self._lock:
            former = self._former.pop(load_balancer_id, None)
        if former is not None and former.last_words is not None:
            former.last_words.close()

    def start(self, load_balancer_id: str, text: str, worker: int) -> int:
        """Returns the pid."""
        if not self._launcher.has_begun(load_balancer_id, text, worker):
            self.begin(load_balancer_id, text, worker)
        return self._finish(load_balancer_id, text)

    def take_over(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        """Returns the pid."""
        if not self._launcher.has_begun(load_balancer_id, text, worker):
            self.begin_takeover(load_balancer_id, text, worker)
        try:
            self._files.write(load_balancer_id, STATES, server_states or _NO_STATES)
            self._ensure_free(load_balancer_id, text)
            pid = self._finish(load_balancer_id, text)
        except BaseException:
            self.abandon(load_balancer_id)
            raise
        with self._lock:
            former = self._former.pop(load_balancer_id)
        if self._last_words.count(load_balancer_id) >= succession.FEW_FINISHING:
            self._last_words.let_idle_go(load_balancer_id)
        if former.last_words is not None:
            self._last_words.keep(load_balancer_id, former.worker.number, former.last_words)
        if former.handover.ended:
            self._crew.end(load_balancer_id, former.worker, Cut.NO_ANSWER)
        return pid

    def _ensure_free(self, load_balancer_id: str, text: str) -> None:
        """The places that come with the text; those that the former worker listens on are handed over."""
        with self._lock:
            former = self._former[load_balancer_id].worker
        new = places_of(text) - places_of(self._record.text(load_balancer_id, former))
        ensure_free(self._workers.namespace_path(load_balancer_id), new)

    def _finish(self, load_balancer_id: str, text: str) -> int:
        started = self._launcher.finish(load_balancer_id)
        self._files.write(load_balancer_id, LIVE, text)
        self._record.write(load_balancer_id, started, text)
        self._record.point_at(load_balancer_id, started)
        return started.pid

    def _takeover(self, load_balancer_id: str, old: Worker, handover: Handover) -> Takeover:
        socket = self._workers.file(load_balancer_id, old.number, "sock") if handover.asked else None
        return Takeover(pid=old.pid, start_time=old.start_time, socket=socket)

    def _end_others(self, load_balancer_id: str) -> None:
        namespace = self._workers.namespace(load_balancer_id)
        for other in self._workers.living(load_balancer_id):
            inside = other.namespace == namespace
            if not outlives_start(self._crew.answer_of(load_balancer_id, other) if inside else None):
                self._crew.end(load_balancer_id, other, Cut.ELSEWHERE)
        self._orphans.end(load_balancer_id)
