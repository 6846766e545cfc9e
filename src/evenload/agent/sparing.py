"""Has HAProxy processes begun ahead of the next change, while the agent has nothing else to do.

Which ones stands in ``spares``. A spare is a favour: where one cannot be had, nothing is lost but some milliseconds.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import structlog

from evenload.agent.memory import Memories
from evenload.agent.spares import AT_MOST, LASTING, Candidate, Spare, choose_spares, kept_spares, next_until, spare_of
from evenload.interfaces.clock import Clock
from evenload.interfaces.host import Host
from evenload.model.errors import HostError
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

Alone = Callable[[str], AbstractContextManager[bool]]
"""Gives True inside which nobody works on that load balancer; False where work waits or runs."""
_NOBODY = ""
"""The load balancer that is not known yet."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.003, 0.1
_STOP_TIMEOUT = 5.0


class Sparing:
    """Inert until ``start``; may be used from any thread."""

    def __init__(self, host: Host, memories: Memories, alone: Alone, clock: Clock, faults: Faults) -> None:
        self._host = host
        self._memories = memories
        self._alone = alone
        self._clock = clock
        self._faults = faults
        self._changes: dict[str, float] = {}
        self._last_change: float | None = None
        self._begun: dict[str, Spare] = {}
        self._has_next = False
        self._pause = _SHORTEST_PAUSE
        self._condition = threading.Condition()
        self._changed = False
        self._stopping = False
        self._thread: LastingThread | None = None

    def start(self) -> None:
        self._stopping = False
        self._thread = LastingThread("agent-spares", self._tend_and_wait, self._faults)
        self._thread.start()

    def stop(self) -> None:
        """The spares end with the host's ``close``."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None
        self._begun.clear()
        self._has_next = False

    def note_change(self, load_balancer_id: str) -> None:
        """Returns at once."""
        with self._condition:
            self._changes.pop(load_balancer_id, None)  # the order is that of the changes
            self._changes[load_balancer_id] = self._last_change = self._clock.monotonic()
            self._changed = True
            self._condition.notify()

    def tend(self) -> float | None:
        """Begins and ends what is due; returns when to look again, in seconds, None: not before a change."""
        now = self._clock.monotonic()
        with self._condition:
            self._changed = False
            while self._changes and now - self._changes[oldest := next(iter(self._changes))] >= LASTING:
                del self._changes[oldest]
            changes, last_change = [*self._changes.items()], self._last_change
        kept = kept_spares(self._host.spares(), self._begun)
        self._begun = {key: spare for key, spare in self._begun.items() if key in kept}
        choice = choose_spares(self._choose_from(changes), kept, now)
        until = next_until(last_change, now)
        waiting = [not self._tend_next(until is not None)]
        waiting += [not self._end(key) for key in choice.end]
        waiting += [not self._begin(key, spare) for key, spare in choice.begin.items()]
        if any(waiting):
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
            return self._pause
        self._pause = _SHORTEST_PAUSE
        due = min((each for each in (choice.due, until) if each is not None), default=None)
        return None if due is None else max(_SHORTEST_PAUSE, due - now)

    def _tend_next(self, wanted: bool) -> bool:
        """False where it has to wait."""
        if not wanted:
            if self._has_next:
                self._host.end_next()
            self._has_next = False
            return True
        with self._alone(_NOBODY) as alone:
            if alone:
                self._has_next = True
                try:
                    self._host.ensure_next()
                except HostError as error:
                    log.debug("nothing stands ready", reason=str(error))
        return alone

    def _choose_from(self, changes: Sequence[tuple[str, float]]) -> list[Candidate]:
        """The newest of these changes, as many as have a say in the choice: where hundreds are made in a row, a change
        must not cost a look at them all. ``changes``: by moment, the oldest first."""
        found: list[Candidate] = []
        wanted = AT_MOST
        for load_balancer_id, changed_at in reversed(changes):
            if not wanted:
                break
            if self._memories.find(load_balancer_id) is None:
                self._forget(load_balancer_id, changed_at)
                continue
            found.append(self._candidate(load_balancer_id, changed_at))
            wanted -= found[-1].spare is not None
        return found

    def _forget(self, load_balancer_id: str, changed_at: float) -> None:
        """It is gone, unless it was changed again meanwhile."""
        with self._condition:
            if self._changes.get(load_balancer_id) == changed_at:
                del self._changes[load_balancer_id]

    def _candidate(self, load_balancer_id: str, changed_at: float) -> Candidate:
        memory = self._memories.find(load_balancer_id)
        spare = None if memory is None else spare_of(memory)
        return Candidate(load_balancer_id=load_balancer_id, changed_at=changed_at, spare=spare)

    def _begin(self, load_balancer_id: str, spare: Spare) -> bool:
        """False where it has to wait."""
        with self._alone(load_balancer_id) as alone:
            if not alone:
                return False
            if self._candidate(load_balancer_id, 0.0).spare != spare:  # a round has come between
                return False
            try:
                self._host.begin_spare(load_balancer_id, spare.worker, takeover=spare.pid is not None)
                self._begun[load_balancer_id] = spare
            except HostError as error:
                log.debug("no spare", load_balancer=load_balancer_id, reason=str(error))
        return True

    def _end(self, load_balancer_id: str) -> bool:
        """False where it has to wait."""
        with self._alone(load_balancer_id) as alone:
            if alone:
                self._host.end_spare(load_balancer_id)
                self._begun.pop(load_balancer_id, None)
        return alone

    def _tend_and_wait(self) -> bool:
        wait = self.tend()
        with self._condition:
            if not (self._stopping or self._changed):
                self._condition.wait(wait)
            return not self._stopping
