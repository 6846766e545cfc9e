"""Tells when a HAProxy dies: one thread that waits for all of them at once, by process descriptors.

Part of the Host. Works for processes that this agent did not start, too. It only tells; what follows is the agent's
business. The thread comes with the first watch and goes with ``close``.
"""

import os
import selectors
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from evenload.host.haproxy_process import open_pid
from evenload.threads import Faults, LastingThread

OnExit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Watch:
    load_balancer_id: str
    descriptor: int
    on_exit: OnExit


class Watcher:
    """``on_exit`` is called from the watching thread, once per watch."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = threading.Lock()
        self._selector: selectors.BaseSelector | None = None
        self._wake: int | None = None
        self._thread: LastingThread | None = None
        self._watches: dict[str, _Watch] = {}
        self._late: list[tuple[str, OnExit]] = []
        self._closed = False

    def watch(self, load_balancer_id: str, pid: int, on_exit: OnExit) -> None:
        """Replaces an earlier watch of this load balancer. A process that is dead already is told of at once."""
        descriptor = open_pid(pid)
        with self._lock:
            if self._closed:
                if descriptor is not None:
                    os.close(descriptor)
                return
            selector = self._running()
            self._drop(load_balancer_id)
            if descriptor is None:
                self._late.append((load_balancer_id, on_exit))
            else:
                watch = _Watch(load_balancer_id, descriptor, on_exit)
                self._watches[load_balancer_id] = watch
                selector.register(descriptor, selectors.EVENT_READ, watch)
            self._rouse()

    def unwatch(self, load_balancer_id: str) -> None:
        """Nothing is told of that load balancer any more, except what is being told right now."""
        with self._lock:
            self._drop(load_balancer_id)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            thread = self._thread
            self._rouse()
        if thread is not None:
            thread.hurry()
            thread.join()
        with self._lock:
            for load_balancer_id in list(self._watches):
                self._drop(load_balancer_id)
            if self._selector is not None:
                self._selector.close()
                self._selector = None
            if self._wake is not None:
                os.close(self._wake)
                self._wake = None

    def _running(self) -> selectors.BaseSelector:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._selector.register(self._wake, selectors.EVENT_READ, None)
            step = partial(self._wait_and_tell, self._selector, self._wake)
            self._thread = LastingThread("haproxy-watch", step, self._faults)
            self._thread.start()
        return self._selector

    def _wait_and_tell(self, selector: selectors.BaseSelector, wake: int) -> bool:
        events = selector.select()
        with self._lock:
            if self._closed:
                return False
            ended = self._collect(events, wake)
        for load_balancer_id, on_exit in ended:
            try:
                on_exit(load_balancer_id)
            except Exception:  # noqa: BLE001 it is noted, and the others hear of theirs
                self._faults.note("death", load_balancer=load_balancer_id)
        return True

    def _collect(self, events: list[tuple[selectors.SelectorKey, int]], wake: int) -> list[tuple[str, OnExit]]:
        ended, self._late = self._late, []
        for key, _ in events:
            watch: _Watch | None = key.data
            if watch is None:
                os.eventfd_read(wake)
            elif self._watches.get(watch.load_balancer_id) is watch:  # not replaced since the event
                self._drop(watch.load_balancer_id)
                ended.append((watch.load_balancer_id, watch.on_exit))
        return ended

    def _drop(self, load_balancer_id: str) -> None:
        self._late = [late for late in self._late if late[0] != load_balancer_id]
        watch = self._watches.pop(load_balancer_id, None)
        if watch is not None and self._selector is not None:
            self._selector.unregister(watch.descriptor)
            os.close(watch.descriptor)

    def _rouse(self) -> None:
        if self._wake is not None:
            os.eventfd_write(self._wake, 1)
