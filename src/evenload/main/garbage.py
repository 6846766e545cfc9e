"""Keeps Python's garbage collector from holding up everybody.

A full collection looks at every object of the process while no thread runs: 0.1 s for what the start has made alone, a
second and more while somebody's huge request is being worked on. So what the start has made is looked at never again,
and full collections are made here, when there is little to look at. Young objects are collected as ever, in fractions
of a millisecond.
"""

import gc
import sys
import threading

from evenload.main.memory import give_back, let_go_of_files
from evenload.threads import Faults, LastingThread

_NEVER = 2**31 - 1
_ENOUGH = 10
"""Collections of young objects, after which Python itself would consider a full one."""
_LITTLE = 100_000
"""Blocks of memory beyond those of the start: some 10 ms at most for a full collection."""
_LONGEST_WAIT = 300
"""Looks at a process that always holds a lot, before it is collected all the same."""


def is_due(young: int, blocks: int, waited: int) -> bool:
    """Whether to collect everything now. ``young``: collections of young objects since the last full one; ``blocks``:
    of memory, beyond those of the start; ``waited``: how often it was due already but for them."""
    return young >= _ENOUGH and (blocks < _LITTLE or waited >= _LONGEST_WAIT)


class GarbageCollection:
    """``start`` when all that lasts has been made; the collector may be off until then. ``interval``: seconds between
    two looks."""

    def __init__(self, faults: Faults, *, interval: float = 1.0) -> None:
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = LastingThread("garbage", self._look, faults)
        self._thresholds = gc.get_threshold()
        self._base = 0
        self._waited = 0

    def start(self) -> None:
        gc.freeze()
        gc.set_threshold(*self._thresholds[:2], _NEVER)
        gc.enable()
        self._base = sys.getallocatedblocks()
        give_back()
        let_go_of_files()
        self._thread.start()

    def stop(self) -> None:
        """The collector is as it was. May be called without ``start``, too."""
        self._stopping.set()
        self._thread.hurry()
        self._thread.join(timeout=5)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def _look(self) -> bool:
        if self._stopping.wait(self._interval):
            return False
        young = gc.get_count()[2]
        if is_due(young, sys.getallocatedblocks() - self._base, self._waited):
            gc.collect()
            self._waited = 0
        elif young >= _ENOUGH:
            self._waited += 1
        return True
