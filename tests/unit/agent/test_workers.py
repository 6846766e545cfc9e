"""Threads that work off the schedule: all that is due is done, and nobody wakes for nothing."""

import threading
import time
from datetime import UTC, datetime

import pytest
from tests.waiting import NET

from evenload.agent.schedule import Schedule, Task
from evenload.agent.workers import Workers
from evenload.threads import Faults

LONG = NET
NUMBER = 8
ROUNDS = 25


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class CountingSchedule(Schedule):
    """``takes``: how often a thread looked whether there is something to do."""

    def __init__(self) -> None:
        super().__init__(NUMBER)
        self.takes = 0

    def take(self, now: float) -> tuple[str, Task] | None:
        self.takes += 1
        return super().take(now)


@pytest.mark.parametrize("delay", [0.0, 0.005])
def test_a_round_wakes_one_thread_and_not_all(delay: float) -> None:
    schedule, done = CountingSchedule(), threading.Semaphore(0)
    workers = Workers(NUMBER, schedule, lambda *_: done.release(), Clock(), Faults())
    workers.start()
    for _ in range(ROUNDS):
        workers.add("a", Task(), time.monotonic() + delay, urgent=True)
        assert done.acquire(timeout=LONG)
    workers.stop()
    workers.join(LONG)
    # The thread that takes it looks before and after; another may have to watch the time in its place.
    assert schedule.takes <= NUMBER + 4 * ROUNDS


def test_all_hands_work_when_much_is_due_at_once() -> None:
    inside, everybody = threading.Semaphore(0), threading.Event()

    def run(*_: object) -> None:
        inside.release()
        assert everybody.wait(LONG)

    workers = Workers(NUMBER, Schedule(NUMBER), run, Clock(), Faults())
    workers.start()
    for number in range(3 * NUMBER):
        workers.add(str(number), Task(), time.monotonic(), urgent=True)
    for _ in range(NUMBER):
        assert inside.acquire(timeout=LONG)
    everybody.set()
    for _ in range(2 * NUMBER):
        assert inside.acquire(timeout=LONG)
    workers.stop()
    workers.join(LONG)


def test_nothing_is_forgotten_whatever_comes_when() -> None:
    """Tasks at once and later, from several threads, while rounds run."""
    lock, left = threading.Lock(), {str(number) for number in range(300)}
    empty = threading.Event()

    def run(name: str, _: Task) -> None:
        with lock:
            left.discard(name)
            if not left:
                empty.set()

    workers = Workers(3, Schedule(3), run, Clock(), Faults())
    workers.start()

    def add(first: int) -> None:
        for number in range(first, 300, 3):
            task, delay = Task(fetch=number % 5 == 0), number % 7 * 0.003
            workers.add(str(number), task, time.monotonic() + delay, urgent=number % 2 == 0)

    threads = [threading.Thread(target=add, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    assert empty.wait(LONG)
    for thread in threads:
        thread.join()
    workers.stop()
    workers.join(LONG)
    assert workers.idle
