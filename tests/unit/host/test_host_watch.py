"""The death of a process is told once, whenever it happens."""

import queue
import subprocess
from collections.abc import Iterator

import pytest
from tests.waiting import NET, ThreadsSince

from evenload.host.watch import Watcher

LATER = "later"


class News:
    def __init__(self) -> None:
        self._told: queue.Queue[str] = queue.Queue()

    def __call__(self, load_balancer_id: str) -> None:
        self._told.put(load_balancer_id)

    def next(self) -> str:
        return self._told.get(timeout=NET)

    @property
    def more(self) -> bool:
        return not self._told.empty()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    threads = ThreadsSince()
    watcher = Watcher()
    yield watcher
    watcher.close()
    assert threads.named("haproxy-watch") == []


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    yield process
    process.kill()
    process.wait()


def later(watcher: Watcher, news: News) -> None:
    """Lets another process die and be told of: all that died before has been told of by then."""
    other = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    watcher.watch(LATER, other.pid, news)
    other.kill()
    assert news.next() == LATER
    other.wait()


def test_a_death_is_told_once(watcher: Watcher, process: subprocess.Popen[bytes]) -> None:
    news = News()
    watcher.watch("lb", process.pid, news)
    later(watcher, news)
    process.kill()
    assert news.next() == "lb"
    process.wait()
    later(watcher, news)


def test_a_process_that_is_dead_already(watcher: Watcher, process: subprocess.Popen[bytes]) -> None:
    process.kill()
    news = News()
    watcher.watch("unwaited", process.pid, news)
    assert news.next() == "unwaited"
    process.wait()
    watcher.watch("gone", process.pid, news)
    assert news.next() == "gone"


def test_only_the_last_watch_of_a_load_balancer_counts(watcher: Watcher, process: subprocess.Popen[bytes]) -> None:
    first, second = News(), News()
    other = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    try:
        watcher.watch("lb", other.pid, first)
        watcher.watch("lb", process.pid, second)
        other.kill()
        later(watcher, second)
        assert not first.more
        process.kill()
        assert second.next() == "lb"
    finally:
        other.kill()
        other.wait()


def test_nothing_is_told_after_unwatch_or_close(watcher: Watcher, process: subprocess.Popen[bytes]) -> None:
    news = News()
    watcher.watch("lb", process.pid, news)
    watcher.unwatch("lb")
    watcher.unwatch("lb")
    process.kill()
    later(watcher, news)
    watcher.close()  # no thread is left to tell anything
    watcher.watch("late", process.pid, news)
    assert not news.more


def test_one_listener_that_fails_does_not_silence_the_others(
    watcher: Watcher, process: subprocess.Popen[bytes]
) -> None:
    def fail(load_balancer_id: str) -> None:
        raise RuntimeError(load_balancer_id)

    news = News()
    watcher.watch("bad", process.pid, fail)
    watcher.watch("good", process.pid, news)
    process.kill()
    assert news.next() == "good"


def test_who_is_watched_and_lives(watcher: Watcher, process: subprocess.Popen[bytes]) -> None:
    news = News()
    dead = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    watcher.watch("lb", process.pid, news)
    watcher.watch("dead", dead.pid, news)
    assert watcher.living() == {process.pid, dead.pid}
    with watcher._thread.lock:  # nobody has told of it yet
        dead.kill()
        dead.wait()
    assert watcher.living() == {process.pid}
    watcher.unwatch("lb")
    assert watcher.living() == set()
