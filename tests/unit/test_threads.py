"""Threads outlive faults, and what they cannot outlive ends the process."""

import subprocess
import sys
import threading
import time

import pytest
from tests.waiting import NET

from evenload.main.lost_threads import EXIT_STATUS
from evenload.threads import Faults, LastingThread, Stranded

LONG = NET


class Steps:
    """Raises each of the given exceptions once, then works ``until`` times and ends."""

    def __init__(self, *raised: BaseException, until: int = 3) -> None:
        self.raised = list(raised)
        self.left = until

    def __call__(self) -> bool:
        if self.raised:
            raise self.raised.pop(0)
        self.left -= 1
        return self.left > 0


@pytest.mark.parametrize("fault", [ZeroDivisionError(), SystemExit(0), StopIteration(), MemoryError()])
def test_a_fault_is_counted_and_the_thread_goes_on(fault: BaseException) -> None:
    faults, steps = Faults(), Steps(fault)
    thread = LastingThread("walker", steps, faults)
    thread.start()
    thread.join(LONG)
    assert not thread.is_alive()
    assert steps.left == 0
    assert faults.counts == {"walker": 1}


def test_a_fault_that_lasts_neither_takes_the_processor_nor_keeps_the_end_from_coming() -> None:
    """Before it is in a hurry it has paused as often as it began a step, less two; afterwards it begins none."""
    faults, seen, begun = Faults(), threading.Semaphore(0), time.monotonic()
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        seen.release()
        raise ZeroDivisionError

    thread = LastingThread("walker", step, faults)
    thread.start()
    assert seen.acquire(timeout=LONG)
    assert seen.acquire(timeout=LONG)  # at once
    thread.hurry()
    paused = time.monotonic() - begun  # at most, in pauses of a second and more
    thread.join(LONG)
    assert not thread.is_alive()
    assert steps <= 3 + paused


def test_a_log_that_is_out_of_order_costs_nothing_but_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class BrokenLog:
        def exception(self, *_: object, **__: object) -> None:
            raise OSError("no space left")

    monkeypatch.setattr("evenload.threads.log", BrokenLog())  # no log can be asked to fail
    faults = Faults()
    faults.note("somewhere")
    faults.note("somewhere")
    assert faults.counts == {"somewhere": 2}


@pytest.mark.parametrize("lost", ["LastingThread('lost', step, Faults())", "threading.Thread(target=step)"])
def test_a_lost_thread_takes_the_process_with_it(lost: str) -> None:
    program = f"""
import threading
import time
from evenload.main import logs, lost_threads
from evenload.threads import Faults, LastingThread, Stranded

def step():
    raise Stranded("no way back")

logs.configure(debug=False)
lost_threads.end_the_process()
{lost}.start()
threading.Event().wait()
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=NET, capture_output=True, text=True, check=False)
    assert ended.returncode == EXIT_STATUS
    assert "a thread was lost" in ended.stderr
    assert "no way back" in ended.stderr


def test_stranded_is_no_ordinary_failure() -> None:
    assert not issubclass(Stranded, Exception)
