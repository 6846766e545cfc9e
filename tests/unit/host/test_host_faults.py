"""Threads of the host outlive faults of the program; one that cannot return from a namespace does not go on."""

import ctypes
import errno
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.waiting import NET

from evenload.host import netns
from evenload.host.icmp import Pinger
from evenload.host.late_closing import LateCloser
from evenload.host.watch import Watcher
from evenload.model.desired import PingTarget
from evenload.threads import Faults, Stranded

LONG = NET


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    yield process
    process.kill()
    process.wait()


def test_a_watcher_tells_of_the_next_death_after_a_fault(
    faults: Faults, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, told, faulty = Watcher(faults), threading.Event(), threading.Event()
    collect = watcher._thread._collect

    def fault_once(*arguments: object) -> object:
        if not faulty.is_set():
            faulty.set()
            raise ZeroDivisionError
        return collect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(watcher._thread, "_collect", fault_once)  # nothing from outside makes it fail
    watcher.watch("lb", process.pid, lambda _: told.set())
    process.kill()
    assert faulty.wait(LONG)
    assert told.wait(LONG)
    watcher.close()
    assert faults.counts == {"haproxy-watch": 1}


def test_news_of_a_death_that_is_not_taken_keeps_nobody_from_theirs(faults: Faults) -> None:
    watcher, told = Watcher(faults), threading.Event()
    ended = subprocess.Popen(["/usr/bin/true"])
    ended.wait()
    watcher.watch("first", ended.pid, lambda _: 1 / 0)  # type: ignore[arg-type]
    watcher.watch("second", ended.pid, lambda _: told.set())
    assert told.wait(LONG)
    watcher.close()
    assert faults.counts == {"death": 1}


def test_a_target_that_cannot_be_pinged_for_a_fault_is_not_forgotten(faults: Faults) -> None:
    asked = threading.Semaphore(0)

    def fault(load_balancer_id: str) -> Path:
        asked.release()
        raise ZeroDivisionError

    pinger = Pinger(fault, faults)
    target = PingTarget(monitor="m", member="a", address="192.0.2.1", delay=1, timeout=1, rise=1, fall=1)
    pinger.ping("lb", [target], lambda *_: None)
    assert asked.acquire(timeout=LONG)
    assert asked.acquire(timeout=LONG)
    pinger.close()
    assert faults.counts["ping"] >= 2


def test_a_socket_that_cannot_be_closed_keeps_no_other_open(faults: Faults) -> None:
    class Stuck(socket.socket):
        def close(self) -> None:
            super().close()
            raise OSError("an error of the network")

    closer, late = LateCloser(faults), socket.socket()
    closer.take(Stuck())
    closer.take(late)
    closer.close()
    assert late.fileno() < 0
    assert faults.counts == {"late-closer": 1}


def test_a_thread_without_a_way_back_is_stranded(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoWayBack:
        """libc, as far as a visit asks it: no kernel refuses the way back on request."""

        def __init__(self) -> None:
            self.visits = 0

        def setns(self, _: int, __: int) -> int:
            self.visits += 1
            ctypes.set_errno(errno.EPERM)
            return 0 if self.visits == 1 else -1

    monkeypatch.setattr(netns, "_libc", NoWayBack())
    with pytest.raises(Stranded, match="cannot return"), netns.visit(Path("/proc/self/ns/net")):
        raise OSError("what went wrong inside does not hide it")
    assert os.stat("/proc/self/ns/net")
