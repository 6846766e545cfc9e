"""Calls the service's housekeeping every few seconds, in a thread of its own."""

import threading

import structlog

from evenload.model.errors import StoreUnavailable
from evenload.service.housekeeping import Housekeeping
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0


class Sweeper:
    """``interval`` in seconds. A sweep that fails is logged and the next one comes all the same."""

    def __init__(self, housekeeping: Housekeeping, faults: Faults, *, interval: float) -> None:
        self._housekeeping = housekeeping
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
        try:
            self._housekeeping.sweep()
        except StoreUnavailable as error:
            log.warning("housekeeping failed", reason=str(error))
        return True
