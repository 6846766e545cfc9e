"""What the next new load balancer begins with: a namespace, furnished, and a HAProxy that waits in it.

The namespace has no name: it lives by a descriptor of ours and by the process, so that both go with the agent. The
process names its files by an alias, which is led to the load balancer's directory when that is known.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from evenload.host import haproxy_process, netns
from evenload.host.aliases import Aliases
from evenload.host.haproxy_arguments import command_line
from evenload.host.haproxy_process import Begun
from evenload.host.haproxy_spares import NO_TEXT, Binary, Spares, look_at
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

WORKER = 1
_OLDEST = 3600.0
"""Seconds. A library that HAProxy loads may have been upgraded meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """``namespace``: its descriptor. ``begun_at`` by the monotonic clock."""

    namespace: int
    process: Begun
    alias: Path
    binary: Binary | None
    begun_at: float


class NextSpare:
    """At most one. ``furnish`` makes a namespace ready, inside of it. May be used from any thread."""

    def __init__(
        self, binary: str, netns_dir: Path, furnish: Callable[[], None] | None, aliases: Aliases, spares: Spares
    ) -> None:
        self._binary = binary
        self._netns_dir = netns_dir
        self._furnish = furnish
        self._aliases = aliases
        self._spares = spares
        self._next: _Next | None = None
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Raises HostError where it cannot be made."""
        with self._lock:
            if self._next is not None and self._serves(self._next) and self._is_new(self._next):
                return
            self._end()
            netns.ensure_shared(self._netns_dir)
            self._next = self._make()

    def end(self) -> None:
        """Quiet where there is none."""
        with self._lock:
            self._end()

    def give(self, load_balancer_id: str, path: Path) -> bool:
        """The namespace gets its name there, and the process becomes the load balancer's spare; False where there is
        nothing to give, or it was not to be waited for. After a failure nothing of it is left."""
        if netns.exists(path) or not self._lock.acquire(blocking=False):
            return False
        try:
            standing = self._next
            if standing is None:
                return False
            if not self._serves(standing):
                self._end()
                return False
            try:
                netns.give_name(standing.namespace, path)
                self._spares.adopt(load_balancer_id, WORKER, standing.process, standing.binary, standing.alias)
            except HostError as error:
                log.warning("the namespace made ahead is of no use", load_balancer=load_balancer_id, reason=str(error))
                self._end()
                return netns.exists(path)
            self._next = None
            os.close(standing.namespace)
            return True
        finally:
            self._lock.release()

    def _make(self) -> _Next:
        namespace = netns.make(self._furnish)
        try:
            binary = look_at(self._binary)
            alias = self._aliases.make(f"haproxy-{WORKER}.cfg", NO_TEXT)
            config, pid_file = (alias / f"haproxy-{WORKER}.{suffix}" for suffix in ("cfg", "pid"))
            arguments = command_line(self._binary, config, pid_file, None, held=True)
            try:
                process = haproxy_process.begin(arguments, netns.path_of(namespace), held=True)
            except BaseException:
                self._aliases.remove(alias.name)
                raise
        except BaseException:
            os.close(namespace)
            raise
        return _Next(namespace=namespace, process=process, alias=alias, binary=binary, begun_at=time.monotonic())

    def _end(self) -> None:
        standing, self._next = self._next, None
        if standing is None:
            return
        haproxy_process.abandon(standing.process)
        os.close(standing.namespace)
        self._aliases.remove(standing.alias.name)

    def _serves(self, standing: _Next) -> bool:
        return haproxy_process.is_alive(standing.process) and standing.binary == look_at(self._binary)

    def _is_new(self, standing: _Next) -> bool:
        return time.monotonic() - standing.begun_at < _OLDEST
