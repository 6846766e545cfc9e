"""Calls the service's housekeeping every few seconds, in a thread of its own."""

import threading

import structlog

from evenload.model.errors import StoreUnavailable
from evenload.service.housekeeping import Housekeeping

log = structlog.get_logger(__name__)


class Sweeper:
    """``interval`` in seconds. A sweep that fails is logged and the next one comes all the same."""

    def __init__(self, housekeeping: Housekeeping, *, interval: float) -> None:
        self._housekeeping = housekeeping
        self._interval = interval
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._housekeeping.sweep()
            except StoreUnavailable as error:
                log.warning("housekeeping failed", reason=str(error))
            except Exception:  # a fault of the program in one sweep must not end them all unnoticed
                log.exception("internal fault in housekeeping")
