"""What ends clients' connections, although neither they nor the members ended them: counted and told.

One line in the log each time, with the number and the reason, and totals by reason in a file of the load balancer's
state directory, where they survive this process.
"""

import json
import threading
from enum import Enum

import structlog

from evenload.host import process_sockets
from evenload.host.files import StateFiles
from evenload.host.haproxy_workers import Workers
from evenload.host.listening import places_of
from evenload.model.errors import HostError
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

CUTS = "cuts.json"
"""Reason → how many connections of clients it has ended."""


class Cut(Enum):
    """The reasons, as the log and the file have them."""

    SURPLUS = "surplus: too many workers are finishing"
    NO_ANSWER = "the worker did not answer"
    NO_END = "the worker did not stop listening"
    ELSEWHERE = "the worker was not in the load balancer's namespace, or was to be started anew"
    NO_RECORD = "nothing is recorded of the process"
    REMOVED = "the load balancer was removed from this host"
    OVERDUE = "hard_stop_after: the member was removed"
    OWN_END = "the worker ended before its connections: hard_stop_after, or it was killed"


class Cuts:
    """May be used from any thread."""

    def __init__(self, files: StateFiles, workers: Workers, counting: Counting = UNCOUNTED) -> None:
        self._counting = counting
        self._files = files
        self._workers = workers
        self._lock = threading.Lock()

    def end(self, load_balancer_id: str, pid: int, reason: Cut) -> None:
        """Kills a process as ``Workers.end`` does."""
        named = self._workers.named_file(load_balancer_id, pid)
        if named is None:
            return
        text = self._files.read(load_balancer_id, f"{named.stem}.cfg")
        number, fault = 0, ""
        try:
            number = process_sockets.count_connections(pid, None if text is None else places_of(text))
        except OSError as error:  # that nobody can count them lets nobody live
            fault = str(error)
        self._workers.end(load_balancer_id, pid)
        if fault:
            log.warning("connections may be cut", load_balancer=load_balancer_id, reason=reason.value, uncounted=fault)
        self.note(load_balancer_id, number, reason)

    def note(self, load_balancer_id: str, number: int, reason: Cut) -> None:
        """Quiet where no connection was cut."""
        if not number:
            return
        self._counting.add("cut_connections_total", (reason.name.lower(),), float(number))
        total = self._add(load_balancer_id, number, reason)
        log.warning(
            "connections are cut", load_balancer=load_balancer_id, number=number, reason=reason.value, total=total
        )

    def _add(self, load_balancer_id: str, number: int, reason: Cut) -> int | None:
        """The load balancer's new total; None where it cannot be kept."""
        with self._lock:
            totals = self._read(load_balancer_id)
            totals[reason.value] = totals.get(reason.value, 0) + number
            try:
                self._files.write(load_balancer_id, CUTS, json.dumps(totals, indent=1) + "\n")
            except HostError:  # there is no room, or no directory any more
                return None
        return sum(totals.values())

    def _read(self, load_balancer_id: str) -> dict[str, int]:
        try:
            found = json.loads(self._files.read(load_balancer_id, CUTS) or "{}")
            return {str(reason): int(number) for reason, number in found.items()}
        except (HostError, ValueError, AttributeError, TypeError):
            return {}
