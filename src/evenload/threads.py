"""Threads that cannot end unnoticed: a fault of the program is logged and counted, and the thread goes on.

What no thread can go on after (``Stranded``) passes through, and reaches ``threading.excepthook``: ``main`` sets one
that ends the process, and whoever supervises it starts it anew.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 10.0


class Stranded(BaseException):
    """The thread is in a place that it cannot leave: whatever it did next would happen to something else than it means.

    No ``Exception``, so that no handler of ordinary failures takes it for one of them.
    """


class Faults:
    """Counts the faults of the program by the place where they happened. May be used from any thread."""

    def __init__(self, counting: Counting = UNCOUNTED) -> None:
        self._counting = counting
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, place: str, **context: Any) -> None:
        """To be called while the exception is handled. Never raises, be the log itself out of order."""
        with self._lock:
            self._counts[place] += 1
            number = self._counts[place]
        self._counting.add("faults_total")
        with contextlib.suppress(Exception):
            log.exception("internal fault", place=place, faults=number, **context)

    @property
    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


class LastingThread:
    """Calls ``step`` again and again until it returns False.

    After a fault it goes on at once; where no step succeeded in between, it waits first, ever longer, so that a lasting
    fault does not take the processor from everybody else.
    """

    def __init__(self, name: str, step: Callable[[], bool], faults: Faults) -> None:
        self._step = step
        self._faults = faults
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hurry(self) -> None:
        """``step`` is about to return False: no pauses any more, and where it cannot say so, the thread ends."""
        self._hurry.set()

    def join(self, timeout: float | None = None) -> None:
        """Returns at once where the thread was not started, and in the thread itself."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        in_a_row = 0
        while True:
            try:
                if not self._step():
                    return
                in_a_row = 0
            except (Exception, SystemExit):  # noqa: BLE001 it is noted
                self._faults.note(self._thread.name)
                if in_a_row:
                    self._hurry.wait(min(float(in_a_row), _LONGEST_PAUSE))
                    if self._hurry.is_set():
                        return
                in_a_row += 1
