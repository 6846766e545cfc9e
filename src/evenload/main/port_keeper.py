"""Tells the port provider what it has yet to be told, in threads of its own: it may be slow, or fail."""

import threading

import structlog

from evenload.model.errors import StoreUnavailable
from evenload.model.held_port import HeldPort
from evenload.service.vip_ports import VipPorts
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0
_AT_ONCE = 4
"""A provider that is slow about one port is asked about others meanwhile."""


class PortKeeper:
    """``interval`` in seconds: what failed is tried again, and what another process noted is found. What this process
    notes is found at once."""

    def __init__(self, ports: VipPorts, faults: Faults, *, interval: float) -> None:
        self._ports = ports
        self._faults = faults
        self._interval = interval
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()
        self._more = False

    def start(self) -> None:
        self._stopping.clear()
        self._thread = LastingThread("port-keeper", self._wait_and_look, self._faults)
        self._thread.start()

    def stop(self) -> None:
        """A call that the provider has not answered is left to it: the row says what is to be told again."""
        self._stopping.set()
        self._ports.noted.set()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None

    def _wait_and_look(self) -> bool:
        self._ports.noted.wait(self._interval)
        self._ports.noted.clear()
        if self._stopping.is_set():
            return False
        try:
            self._look()
        except StoreUnavailable as error:
            log.warning("the ports that are due could not be read", reason=str(error))
        return True

    def _look(self) -> None:
        for held in self._ports.due():
            with self._lock:
                if held.id in self._in_hand:
                    continue
                self._more = len(self._in_hand) >= _AT_ONCE
                if self._more:
                    return
                self._in_hand.add(held.id)
            threading.Thread(target=self._perform, args=(held,), name="port-provider", daemon=True).start()

    def _perform(self, held: HeldPort) -> None:
        told = False
        try:
            told = self._ports.perform(held)
        except StoreUnavailable as error:
            log.warning("what the port provider was told could not be noted", held=held.id, reason=str(error))
        except Exception:  # noqa: BLE001 it is noted
            self._faults.note("port-provider", held=held.id)
        finally:
            with self._lock:
                self._in_hand.discard(held.id)
                more = self._more
            if told and more:
                self._ports.noted.set()
