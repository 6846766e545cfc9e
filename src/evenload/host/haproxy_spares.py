"""Spares: HAProxy processes that were begun before they are needed. Loading is most of a start, and is done by then.

A spare has read nothing: it waits at the first of its configuration files, which ends when we let it or when we end
ourselves. Its own file says what HAProxy refuses until the text of a real start is there, so one that nobody needs, or
that outlives its agent, ends without having bound or taken over anything. A spare serves for exactly the start it was
begun for; for any other it is ended.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from evenload.host import haproxy_process
from evenload.host.aliases import Aliases
from evenload.host.files import StateFiles
from evenload.host.haproxy_arguments import Takeover, command_line
from evenload.host.haproxy_process import Begun
from evenload.host.haproxy_workers import Workers
from evenload.model.errors import HostError

NO_TEXT = "a spare without a text\n"
"""No section begins like this: HAProxy refuses it."""
Binary = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purpose:
    """``namespace``: its inode. ``binary``: what it was started from, which may have been upgraded meanwhile."""

    worker: int
    takeover: Takeover | None
    namespace: int | None
    binary: Binary | None


@dataclass(frozen=True, slots=True)
class _Spare:
    """``process``: None while it is being begun. ``alias``: by which it names its files, None for their own names."""

    purpose: _Purpose
    process: Begun | None
    alias: Path | None = None


class Spares:
    """At most one per load balancer; different ones in parallel."""

    def __init__(self, binary: str, files: StateFiles, workers: Workers) -> None:
        self._binary = binary
        self._files = files
        self._aliases = Aliases(files)
        self._workers = workers
        self._spares: dict[str, _Spare] = {}
        self._lock = threading.Lock()

    def workers(self) -> dict[str, int]:
        """The load balancers that have a spare, with the number of the worker it is to become."""
        with self._lock:
            return {load_balancer_id: spare.purpose.worker for load_balancer_id, spare in self._spares.items()}

    def pids(self) -> set[int]:
        with self._lock:
            return {spare.process.pid for spare in self._spares.values() if spare.process is not None}

    def begin(self, load_balancer_id: str, worker: int, takeover: Takeover | None) -> None:
        """In place of an earlier one. The load balancer has its namespace and its state directory."""
        self.end(load_balancer_id)
        purpose = self._purpose(load_balancer_id, worker, takeover)
        with self._lock:
            self._spares[load_balancer_id] = _Spare(purpose, None)  # nobody sweeps up its files from now on
        try:
            self._files.write(load_balancer_id, f"haproxy-{worker}.cfg", NO_TEXT)
            config, pid_file = (self._workers.file(load_balancer_id, worker, suffix) for suffix in ("cfg", "pid"))
            process = haproxy_process.begin(
                command_line(self._binary, config, pid_file, takeover, held=True),
                self._workers.namespace_path(load_balancer_id),
                held=True,
            )
        except BaseException:
            self.end(load_balancer_id)
            raise
        with self._lock:
            self._spares[load_balancer_id] = _Spare(purpose, process)

    def adopt(self, load_balancer_id: str, worker: int, process: Begun, binary: Binary | None, alias: Path) -> None:
        """Takes a process that was begun in the load balancer's namespace before this was known. Where this fails, the
        process is still the caller's."""
        if self._workers.numbers(load_balancer_id) or load_balancer_id in self.workers():
            raise HostError(f"no spare for {load_balancer_id}: it has had a HAProxy before")
        namespace = self._workers.namespace(load_balancer_id)
        purpose = _Purpose(worker=worker, takeover=None, namespace=namespace, binary=binary)
        with self._lock:
            self._spares[load_balancer_id] = _Spare(purpose, process, alias)
        try:
            self._files.write(load_balancer_id, f"haproxy-{worker}.cfg", NO_TEXT)
            self._aliases.lead(alias, load_balancer_id)
        except BaseException:
            with self._lock:
                del self._spares[load_balancer_id]
            raise

    def drop_unfit(self, load_balancer_id: str, worker: int, takeover: Takeover | None) -> None:
        """Ends the spare unless it serves for that start."""
        with self._lock:
            spare = self._spares.get(load_balancer_id)
        if spare is None:
            return
        living = spare.process is not None and haproxy_process.is_alive(spare.process)
        if not living or spare.purpose != self._purpose(load_balancer_id, worker, takeover):
            self.drop(load_balancer_id)

    def take(self, load_balancer_id: str, worker: int, takeover: Takeover | None) -> Begun | None:
        """The spare for that start, let read its text now; None where there is none, or one that does not serve."""
        self.drop_unfit(load_balancer_id, worker, takeover)
        with self._lock:
            spare = self._spares.pop(load_balancer_id, None)
        if spare is None or spare.process is None:
            return None
        haproxy_process.let_read(spare.process)
        return spare.process

    def drop(self, load_balancer_id: str) -> int | None:
        """Ends the spare and returns its worker's number; None where there is none. What it left on the disk is swept
        up as a dead worker's is."""
        with self._lock:
            spare = self._spares.pop(load_balancer_id, None)
        if spare is None:
            return None
        if spare.process is not None:
            haproxy_process.abandon(spare.process)
        if spare.alias is not None:
            self._aliases.remove(spare.alias.name)
        return spare.purpose.worker

    def end(self, load_balancer_id: str) -> None:
        """Ends the spare with all that it left; quiet where there is none."""
        worker = self.drop(load_balancer_id)
        if worker is not None:
            self._workers.sweep(load_balancer_id, [worker])

    def close(self) -> None:
        for load_balancer_id in self.workers():
            self.end(load_balancer_id)

    def _purpose(self, load_balancer_id: str, worker: int, takeover: Takeover | None) -> _Purpose:
        namespace = self._workers.namespace(load_balancer_id)
        return _Purpose(worker=worker, takeover=takeover, namespace=namespace, binary=look_at(self._binary))


def look_at(binary: str) -> Binary | None:
    try:
        found = os.stat(binary)
    except OSError:  # whoever starts it says what is wrong
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
