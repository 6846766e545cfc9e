"""Threads that take turns at requests, so that they need not fight for the interpreter.

Only one thread at a time can run Python. Eight that try to cost twice the processor time of one, all of it for handing
the interpreter's lock around. So one thread has the turn: it works on requests, one after the other. After a moment it
hands over its answers, the event loop speaks with the clients, and the loop gives the next turn.
A thread whose request takes long, because it waits for a disk, the database or a provider, or because it computes,
loses the turn and keeps the request: nobody waits behind it.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

_TURN_SECONDS = 0.001
_LONG_SECONDS = 0.003


class _Job:
    __slots__ = ("answer", "argument", "call", "failure", "future")

    def __init__(self, call: Callable[[Any], Any], argument: Any, future: "asyncio.Future[Any]") -> None:
        self.call = call
        self.argument = argument
        self.future = future
        self.answer: Any = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.answer = self.call(self.argument)
        except BaseException as error:  # noqa: BLE001 it is raised where the answer is awaited
            self.failure = error

    def deliver(self) -> None:
        if self.future.done():
            return
        if self.failure is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(self.failure)


class _Runner:
    """``gate`` is open for a turn. ``began``: when it took the request that it works on."""

    __slots__ = ("began", "gate")

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.began = 0.0


class Turns:
    """At most ``threads`` requests are in progress.

    ``turn``: seconds after which a thread begins no further request in its turn; ``long``: seconds after which a
    request does not keep the turn from the others any more. ``run`` belongs to the thread of one event loop.
    """

    def __init__(self, threads: int, *, turn: float = _TURN_SECONDS, long: float = _LONG_SECONDS) -> None:
        self._most = threads
        self._turn_seconds = turn
        self._long_seconds = long
        self._lock = threading.Lock()  # guards what follows
        self._waiting: deque[_Job] = deque()
        self._idle: list[_Runner] = []
        self._turn: _Runner | None = None
        self._started = 0
        self._stopping = False
        self._done: deque[_Job] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None  # the rest is the loop's thread's alone
        self._watch: asyncio.TimerHandle | None = None

    async def run(self, call: Callable[[Any], Any], argument: Any) -> Any:
        """What ``call`` returns or raises, in a thread. Calls begin in the order of ``run``."""
        loop = self._loop = asyncio.get_running_loop()
        job = _Job(call, argument, loop.create_future())
        with self._lock:
            self._waiting.append(job)
        self._give_turn(loop)
        return await job.future

    def stop(self) -> None:
        """From any thread. What waits is never begun; what is in progress ends by itself."""
        with self._lock:
            self._stopping = True
            self._waiting.clear()
            idle, self._idle = self._idle, []
        for runner in idle:
            runner.gate.release()

    # ------------------------------------------------------------------------------------------ the event loop's thread

    def _give_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._turn is not None or not self._waiting:
                return
            if self._idle:
                runner = self._idle.pop()
            elif self._started < self._most:
                runner = _Runner()
                self._started += 1
                threading.Thread(target=self._serve, args=(runner,), name=f"http_{self._started}", daemon=True).start()
            else:
                return  # all of them are at long requests; the first that ends wakes the loop
            self._turn = runner
            runner.began = time.monotonic()
        runner.gate.release()
        if self._watch is None:
            self._watch = loop.call_later(self._long_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the turn from a thread that is at a long request, and hands over its answers to those before."""
        self._watch = None
        with self._lock:
            if self._turn is not None and time.monotonic() - self._turn.began >= self._long_seconds:
                self._turn = None
            taken = self._turn is not None
        self._deliver(loop)
        if taken:
            self._watch = loop.call_later(self._long_seconds, self._look, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._done:
            self._done.popleft().deliver()
        if self._waiting:
            loop.call_soon(self._give_turn, loop)  # behind those whose answers these are: they write them undisturbed

    # ------------------------------------------------------------------------------------------------------ the threads

    def _serve(self, runner: _Runner) -> None:
        while True:
            runner.gate.acquire()
            if self._stopping:
                return
            end = time.monotonic() + self._turn_seconds
            while (job := self._next(runner, end)) is not None:
                job.run()
                self._done.append(job)
            self._wake()

    def _next(self, runner: _Runner, end: float) -> _Job | None:
        """None where its turn is over, and from then on it is idle."""
        now = time.monotonic()
        with self._lock:
            if self._turn is runner and now < end and self._waiting:
                runner.began = now
                return self._waiting.popleft()
            if self._turn is runner:
                self._turn = None
            if self._stopping:
                runner.gate.release()
            else:
                self._idle.append(runner)
            return None

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                self._loop.call_soon_threadsafe(self._deliver, self._loop)
