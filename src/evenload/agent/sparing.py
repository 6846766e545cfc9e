"""Has HAProxy processes begun ahead of the next change, while the agent has nothing else to do.

Which ones stands in ``spares``. A spare is a favour: where one cannot be had, nothing is lost but some milliseconds.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from evenload.agent.memory import Memories
from evenload.agent.spares import LASTING, Candidate, Spare, choose_spares, spare_of
from evenload.interfaces import Clock, Host
from evenload.model.errors import HostError
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

Alone = Callable[[str], AbstractContextManager[bool]]
"""Gives True inside which nobody works on that load balancer; False where work waits or runs."""
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
        self._kept: dict[str, Spare] = {}
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
        self._kept.clear()

    def note_change(self, load_balancer_id: str) -> None:
        """Returns at once."""
        with self._condition:
            self._changes[load_balancer_id] = self._clock.monotonic()
            self._changed = True
            self._condition.notify()

    def tend(self) -> float | None:
        """Begins and ends what is due; returns when to look again, in seconds, None: not before a change."""
        now = self._clock.monotonic()
        with self._condition:
            self._changed = False
            self._changes = {key: moment for key, moment in self._changes.items() if now - moment < LASTING}
            changes = dict(self._changes)
        choice = choose_spares([self._candidate(key, moment) for key, moment in changes.items()], self._kept, now)
        left = [key for key in choice.end if not self._end(key)]
        left += [key for key, spare in choice.begin.items() if not self._begin(key, spare)]
        if left:
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
            return self._pause
        self._pause = _SHORTEST_PAUSE
        return None if choice.due is None else max(_SHORTEST_PAUSE, choice.due - now)

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
            self._kept[load_balancer_id] = spare  # one that cannot be had is not tried again
            try:
                self._host.begin_spare(load_balancer_id, spare.worker, takeover=spare.pid is not None)
            except HostError as error:
                log.debug("no spare", load_balancer=load_balancer_id, reason=str(error))
        return True

    def _end(self, load_balancer_id: str) -> bool:
        """False where it has to wait."""
        with self._alone(load_balancer_id) as alone:
            if alone:
                self._host.end_spare(load_balancer_id)
                self._kept.pop(load_balancer_id, None)
        return alone

    def _tend_and_wait(self) -> bool:
        wait = self.tend()
        with self._condition:
            if not (self._stopping or self._changed):
                self._condition.wait(wait)
            return not self._stopping
