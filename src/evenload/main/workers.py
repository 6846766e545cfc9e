"""Several processes that serve the API beside each other: forks them, starts again what ends, and does nothing else.

The process that forks has one thread and has opened no database, so that a fork is safe at any time, also the one that
replaces a worker that died. What was imported before is shared memory.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from evenload.host.privileges import end_with_parent
from evenload.main.supervisor import choose_delay

log = structlog.get_logger(__name__)

_HEALTHY_AFTER = 30.0
_STOP_TIMEOUT = 15.0
_FAULT = 70
END_ALL = 75
"""A worker's exit status: another one in its place could not work either."""


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int = 0
    pidfd: int = -1
    started_at: float = 0.0
    failures: int = 0
    due: float = 0.0


class Workers:
    """``serve`` is called in each child with its number, from 0, and returns the child's exit status; it ends by
    SIGTERM, which the child treats as this process does."""

    def __init__(self, count: int, serve: Callable[[int], int]) -> None:
        self._serve = serve
        self._workers = [_Worker(number) for number in range(count)]
        self._proven = False

    def run(self, stopping: Callable[[], bool]) -> int:
        """Until ``stopping``, which a signal makes true; or a worker says, before all have run for a while, that it
        cannot start. Returns the exit status."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        former = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        try:
            while not stopping():
                self._start_due()
                ended = self._wait(wake)
                for worker in ended:
                    status = self._reap(worker)
                    code = os.waitstatus_to_exitcode(status)
                    if code == END_ALL or (code > 0 and not self._proven):
                        return code
                    self._again(worker, status)
            return 0
        finally:
            self._stop()
            signal.set_wakeup_fd(former)
            os.close(wake)
            os.close(waker)

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.pidfd < 0 and worker.due <= now:
                self._fork(worker)
        if all(worker.pidfd >= 0 and now - worker.started_at >= _HEALTHY_AFTER for worker in self._workers):
            self._proven = True

    def _fork(self, worker: _Worker) -> None:
        parent = os.getpid()
        worker.pid = os.fork()
        if worker.pid == 0:
            status = _FAULT
            try:
                signal.set_wakeup_fd(-1)
                end_with_parent(signal.SIGKILL)
                if os.getppid() == parent:
                    status = self._serve(worker.number)
            except BaseException:
                log.exception("internal fault in a worker", number=worker.number)
            finally:
                os._exit(status)
        worker.pidfd = os.pidfd_open(worker.pid)
        worker.started_at = time.monotonic()

    def _wait(self, wake: int) -> list[_Worker]:
        """Those that have ended. Returns early at a signal."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        for worker in self._workers:
            if worker.pidfd >= 0:
                poll.register(worker.pidfd, select.POLLIN)
        dues = [worker.due for worker in self._workers if worker.pidfd < 0]
        bounded = dues or ([] if self._proven else [time.monotonic() + _HEALTHY_AFTER])
        wait = max(0.0, min(bounded) - time.monotonic()) * 1000 + 1 if bounded else None
        ready = {descriptor for descriptor, _ in poll.poll(wait)}
        return [worker for worker in self._workers if worker.pidfd in ready]

    def _reap(self, worker: _Worker) -> int:
        _, status = os.waitpid(worker.pid, 0)
        os.close(worker.pidfd)
        worker.pidfd = -1
        return status

    def _again(self, worker: _Worker, status: int) -> None:
        now = time.monotonic()
        worker.failures = 0 if now - worker.started_at >= _HEALTHY_AFTER else worker.failures + 1
        worker.due = now + choose_delay(worker.failures)
        end = os.waitstatus_to_exitcode(status)
        log.error("a worker has ended and is started again", number=worker.number, end=end)

    def _stop(self) -> None:
        running = [worker for worker in self._workers if worker.pidfd >= 0]
        for worker in running:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(worker.pidfd, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_TIMEOUT
        for worker in running:
            poll = select.poll()
            poll.register(worker.pidfd, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
            self._reap(worker)
