"""How tests wait: for an event, or until a count is reached; they never count what fits into a time.

A test passes on a machine of any speed, and beside any load. ``NET`` promises and measures nothing: it ends the wait
for an event that never comes. Where a test shows that something does *not* happen, it waits for another event that
comes after the time at which it would have happened.
"""

import threading
import time
from collections.abc import Callable

NET = 180.0
"""Seconds."""


def eventually(condition: Callable[[], object]) -> bool:
    """Looks until the condition holds; False when it never does."""
    deadline = time.monotonic() + NET
    while not condition():
        if time.monotonic() > deadline:
            return bool(condition())
        time.sleep(0.005)
    return True


def grows(read: Callable[[], int], by: int) -> bool:
    """Waits until a counter has grown by that much from what it is now; False when it never does."""
    wanted = read() + by
    return eventually(lambda: read() >= wanted)


class ThreadsSince:
    """Which threads began after this was made and live still: threads of other tests may end at any time."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def named(self, prefix: str = "") -> list[str]:
        new = set(threading.enumerate()) - self._before
        return sorted(thread.name for thread in new if thread.name.startswith(prefix))


class Repeating:
    """Does ``once`` again and again in threads of its own during the ``with`` block; ``once`` returns what was wrong.

    ``bad`` has what was wrong, ``good`` counts the others.
    """

    def __init__(self, once: Callable[[], str | None], threads: int = 1) -> None:
        self._once = once
        self._stopping = threading.Event()
        self._ended = threading.Condition()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.good = 0
        self.bad: list[str] = []

    def __enter__(self) -> "Repeating":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, count: int) -> None:
        """Returns when ``count`` repetitions have ended that began after this call."""
        with self._ended:
            # One that is under way in each thread began before.
            wanted = self._total() + len(self._threads) + count
            assert self._ended.wait_for(lambda: self._total() >= wanted, NET), f"not {count} more within {NET:.0f} s"

    def _total(self) -> int:
        return self.good + len(self.bad)

    def _run(self) -> None:
        while not self._stopping.is_set():
            wrong = self._once()
            with self._ended:
                if wrong is None:
                    self.good += 1
                else:
                    self.bad.append(wrong)
                self._ended.notify_all()
