"""Tells when a HAProxy dies: one thread that waits for all of them at once, by process descriptors.

Part of the Host. Works for processes that this agent did not start, too. It only tells; what follows is the agent's
business. The thread comes with the first watch and goes with ``close``.
"""

import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from evenload.host.haproxy_process import open_pid
from evenload.host.waiting import News, WaitingThread
from evenload.threads import Faults

OnExit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Watch:
    load_balancer_id: str
    pid: int
    descriptor: int
    on_exit: OnExit


class Watcher:
    """``on_exit`` is called from the watching thread, once per watch."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._thread = WaitingThread("haproxy-watch", self._collect, faults or Faults())
        self._watches: dict[str, _Watch] = {}
        self._late: dict[str, OnExit] = {}

    def watch(self, load_balancer_id: str, pid: int, on_exit: OnExit) -> None:
        """Replaces an earlier watch of this load balancer. A process that is dead already is told of at once."""
        descriptor = open_pid(pid)
        with self._thread.lock:
            self._thread.start()
            if self._thread.closed:
                if descriptor is not None:
                    os.close(descriptor)
                return
            self._drop(load_balancer_id)
            if descriptor is None:
                self._late[load_balancer_id] = on_exit
                self._thread.rouse()
            else:
                watch = self._watches[load_balancer_id] = _Watch(load_balancer_id, pid, descriptor, on_exit)
                self._thread.register(descriptor, watch)

    def unwatch(self, load_balancer_id: str) -> None:
        """Nothing is told of that load balancer any more, except what is being told right now."""
        with self._thread.lock:
            self._drop(load_balancer_id)

    def living(self) -> set[int]:
        """The pids of the processes that are watched and live at this moment."""
        with self._thread.lock:
            watched = {watch.descriptor: watch.pid for watch in self._watches.values()}
            poll = select.poll()
            for descriptor in watched:
                poll.register(descriptor, select.POLLIN)
            ended = {watched[descriptor] for descriptor, _ in poll.poll(0)}
        return set(watched.values()) - ended

    def close(self) -> None:
        self._thread.close(self._drop_all)

    def _collect(self, found: list[_Watch]) -> list[News]:
        ended, self._late = self._late, {}
        for watch in found:
            if self._watches.get(watch.load_balancer_id) is watch:  # not replaced since the event
                self._drop(watch.load_balancer_id)
                ended[watch.load_balancer_id] = watch.on_exit
        return [News("death", each, partial(on_exit, each)) for each, on_exit in ended.items()]

    def _drop(self, load_balancer_id: str) -> None:
        self._late.pop(load_balancer_id, None)
        watch = self._watches.pop(load_balancer_id, None)
        if watch is not None:
            self._thread.unregister(watch.descriptor)
            os.close(watch.descriptor)

    def _drop_all(self) -> None:
        for load_balancer_id in list(self._watches):
            self._drop(load_balancer_id)
