"""Keeps house every few seconds: the service's sweep, and others', in a thread of its own."""

import threading
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from evenload.model.errors import StoreUnavailable
from evenload.tally import UNCOUNTED, Counting
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0


class Sweep(Protocol):
    def sweep(self) -> None:
        """Raises StoreUnavailable."""


class Sweeper:
    """``interval`` in seconds. A sweep that fails is logged and the next one comes all the same."""

    def __init__(
        self, sweeps: Sequence[Sweep], faults: Faults, *, interval: float, counting: Counting = UNCOUNTED
    ) -> None:
        self._counting = counting
        self._sweeps = sweeps
        self._faults = faults
        self._interval = interval
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = LastingThread("housekeeping", self._wait_and_sweep, self._faults)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None

    def _wait_and_sweep(self) -> bool:
        if self._stopping.wait(self._interval):
            return False
        for each in self._sweeps:
            name, begun = type(each).__name__.lower(), time.monotonic()
            try:
                each.sweep()
                self._counting.observe("sweep_duration_seconds", (name,), time.monotonic() - begun)
            except StoreUnavailable as error:
                self._counting.add("sweep_failures_total", (name,))
                log.warning("housekeeping failed", reason=str(error))
        return True
