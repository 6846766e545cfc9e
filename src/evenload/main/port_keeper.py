"""Tells the port provider what it has yet to be told, in threads of its own: it may be slow, or fail.

What failed is tried again ever later, each port by itself. A provider that works again is found at the latest after
``_LONGEST_WAIT``, or at once for a port of which something else is to be told.
"""

import threading
from dataclasses import dataclass

import structlog

from evenload.interfaces.clock import Clock
from evenload.model.errors import StoreUnavailable
from evenload.model.held_port import HeldPort
from evenload.service.vip_ports import VipPorts
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0
_AT_ONCE = 4
"""A provider that is slow about one port is asked about others meanwhile."""
_LONGEST_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class Failed:
    """``held``: what the provider was told, ``times`` in a row. ``until``: not told again before that moment."""

    held: HeldPort
    times: int
    until: float


def choose_wait(failures: int, interval: float) -> float:
    """Seconds until the next attempt after that many failed ones in a row."""
    return float(min(_LONGEST_WAIT, interval * 2 ** min(failures - 1, 10)))


def is_waiting(failed: Failed | None, held: HeldPort, now: float) -> bool:
    return failed is not None and failed.held == held and now < failed.until


class PortKeeper:
    """``interval`` in seconds: what another process noted is found, and what failed once is tried again. What this
    process notes is found at once."""

    def __init__(self, ports: VipPorts, clock: Clock, faults: Faults, *, interval: float) -> None:
        self._ports = ports
        self._clock = clock
        self._faults = faults
        self._interval = interval
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None
        self._lock = threading.Lock()
        self._answered = threading.Condition(self._lock)
        self._in_hand: set[str] = set()
        self._failed: dict[str, Failed] = {}
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
            self.look()
        except StoreUnavailable as error:
            log.warning("the ports that are due could not be read", reason=str(error))
        return True

    def wait(self) -> None:
        """Until the provider has answered all that it was asked so far."""
        with self._answered:
            self._answered.wait_for(lambda: not self._in_hand)

    def look(self) -> None:
        """Asks the provider for what is due by now."""
        due = self._ports.due()
        with self._lock:
            known = {held.id for held in due} | self._in_hand
            self._failed = {key: failed for key, failed in self._failed.items() if key in known}
        for held in due:
            with self._lock:
                if held.id in self._in_hand or is_waiting(self._failed.get(held.id), held, self._clock.monotonic()):
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
                self._note(held, told=told)
                more = self._more
                self._answered.notify_all()
            if told and more:
                self._ports.noted.set()

    def _note(self, held: HeldPort, *, told: bool) -> None:
        before = self._failed.pop(held.id, None)
        if told:
            return
        times = 1 + (before.times if before is not None and before.held == held else 0)
        until = self._clock.monotonic() + choose_wait(times, self._interval)
        self._failed[held.id] = Failed(held, times, until)
