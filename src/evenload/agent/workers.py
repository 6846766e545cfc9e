"""The threads that work off the schedule: each takes a load balancer that is due, lets its round run, takes the next.

Only one idle thread waits for the moment at which something comes due; the others sleep until they are needed. So a
hint wakes exactly one thread, and a moment that comes wakes one, too.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evenload.agent.schedule import Schedule, Task
from evenload.interfaces.clock import Clock
from evenload.threads import Faults, LastingThread

Run = Callable[[str, Task], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Timer:
    """A thread that waits until that moment; None: until it is woken."""

    until: float | None


class Workers:
    """``run`` performs one round; an exception of it is noted. Inert until ``start``; may be used from any thread."""

    def __init__(self, number: int, schedule: Schedule, run: Run, clock: Clock, faults: Faults) -> None:
        self._number = number
        self._schedule = schedule
        self._run = run
        self._clock = clock
        self._faults = faults
        self._lock = threading.Lock()
        self._watcher = threading.Condition(self._lock)
        """Where the one thread waits that watches the time; ``_timer`` says until when, None where none does."""
        self._timer: _Timer | None = None
        self._sleepers = threading.Condition(self._lock)
        self._sleeping = 0
        self._stopping = True
        self._threads: list[LastingThread] = []

    def start(self) -> None:
        self._stopping = False
        self._threads = [
            LastingThread(f"agent-worker-{number}", self._work, self._faults) for number in range(self._number)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No further round begins; ``join`` waits for those that run."""
        with self._lock:
            self._stopping = True
            self._timer, self._sleeping = None, 0
            self._watcher.notify_all()
            self._sleepers.notify_all()
        for thread in self._threads:
            thread.hurry()

    def join(self, timeout: float) -> None:
        deadline = self._clock.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        self._threads = []

    def add(self, load_balancer_id: str, task: Task, due: float, *, urgent: bool) -> None:
        """See ``Schedule.add``."""
        with self._lock:
            self._schedule.add(load_balancer_id, task, due, urgent=urgent)
            self._rouse()

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs, not even a later attempt."""
        with self._lock:
            return self._schedule.idle

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Inside which the schedule stands still: for a look at it."""
        with self._lock:
            yield

    def run_due(self) -> bool:
        """Performs the next due round in the calling thread; False where none is due."""
        with self._lock:
            taken = self._schedule.take(self._clock.monotonic())
        if taken is None:
            return False
        self._perform(*taken)
        return True

    @contextmanager
    def alone(self, load_balancer_id: str) -> Iterator[bool]:
        """True inside which no round of that load balancer begins; False where any round runs or is due."""
        with self._lock:
            reserved = self._schedule.reserve(load_balancer_id, self._clock.monotonic())
        try:
            yield reserved
        finally:
            if reserved:
                with self._lock:
                    self._schedule.done(load_balancer_id)
                    self._rouse()

    def _work(self) -> bool:
        taken = self._wait()
        if taken is None:
            return False
        self._perform(*taken)
        return True

    def _perform(self, load_balancer_id: str, task: Task) -> None:
        try:
            self._run(load_balancer_id, task)
        except BaseException:  # this thread will not take the next one at once
            with self._lock:
                self._schedule.done(load_balancer_id)
                self._rouse()
            raise
        with self._lock:
            self._schedule.done(load_balancer_id)

    def _wait(self) -> tuple[str, Task] | None:
        """Blocks until a round is due, which is taken then; None when it is time to end."""
        with self._lock:
            while not self._stopping:
                now = self._clock.monotonic()
                taken = self._schedule.take(now)
                if taken is not None:
                    self._rouse()
                    return taken
                if self._timer is None:
                    self._watch_the_time(now)
                else:
                    self._sleeping += 1
                    self._sleepers.wait()
        return None

    def _watch_the_time(self, now: float) -> None:
        due = self._schedule.next_due()
        timer = self._timer = _Timer(due)
        self._watcher.wait(None if due is None else max(0.001, due - now))
        if self._timer is timer:
            self._timer = None

    def _rouse(self) -> None:
        """Wakes the one thread that is needed for what comes due next, if any is. Who wakes a thread takes it off the
        books, so that the next call wakes another."""
        due = self._schedule.next_due()
        if due is None:
            return
        at_once = due <= self._clock.monotonic()
        if self._sleeping and (at_once or self._timer is None):
            self._sleeping -= 1
            self._sleepers.notify()
        elif self._timer is not None and (self._timer.until is None or due < self._timer.until):
            self._timer = None
            self._watcher.notify()
