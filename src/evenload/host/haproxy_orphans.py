"""HAProxy processes of which nothing is recorded: found by looking at every process of the machine, and ended.

A process whose state directory was lost would share the VIP's ports with the next one, or live for ever where its
namespace lost its name too.
"""

import threading

import structlog

from evenload.host.haproxy_cuts import Cut, Cuts
from evenload.host.haproxy_launch import Launcher
from evenload.host.haproxy_workers import Workers
from evenload.host.listening import anything_listens

log = structlog.get_logger(__name__)


class Orphans:
    """Looking through all processes is slow on a full host: ``find`` is for a resync, not for each load balancer."""

    def __init__(self, workers: Workers, launcher: Launcher, cuts: Cuts) -> None:
        self._workers = workers
        self._launcher = launcher
        self._cuts = cuts
        self._found: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def find(self) -> frozenset[str]:
        """The load balancers that have one; kept for ``has``."""
        held = self._launcher.pids()
        orphans = self._workers.all_orphans()
        held |= self._launcher.pids()  # also those begun while all processes were looked at
        launching = self._launcher.launching()
        found = frozenset(key for key, pids in orphans.items() if key not in launching and pids - held)
        with self._lock:
            self._found = found
        return found

    def has(self, load_balancer_id: str) -> bool:
        """As the last ``find`` had it, less those ended since."""
        with self._lock:
            return load_balancer_id in self._found

    def end(self, load_balancer_id: str) -> None:
        """Ends those of this load balancer. Looks only where somebody listens although nobody should, or where the last
        ``find`` found one."""
        if not self.has(load_balancer_id) and not self._anybody_listens(load_balancer_id):
            return
        with self._lock:
            self._found -= {load_balancer_id}
        held = self._launcher.pids()
        for pid in self._workers.orphans(load_balancer_id):
            if pid in held:
                continue
            log.warning("ending a HAProxy without a record", load_balancer=load_balancer_id, pid=pid)
            self._cuts.end(load_balancer_id, pid, Cut.NO_RECORD)

    def _anybody_listens(self, load_balancer_id: str) -> bool:
        if self._workers.namespace(load_balancer_id) is None:
            return False
        return anything_listens(self._workers.namespace_path(load_balancer_id))
