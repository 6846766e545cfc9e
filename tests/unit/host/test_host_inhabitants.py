"""Who is in a namespace: one look at all processes for everybody who asks meanwhile, and none that began too early."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.waiting import NET

from evenload.host.netns import Inhabitants, processes


class Looks:
    """Each look waits to be let go; it finds its own number in the namespaces 0 to 7."""

    def __init__(self) -> None:
        self.made = 0
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.fails = False

    def __call__(self) -> dict[int, list[int]]:
        self.made += 1
        number = self.made
        self.begun.release()
        assert self.let_go.acquire(timeout=NET)
        if self.fails:
            self.fails = False
            raise OSError("no /proc")
        return {namespace: [number] for namespace in range(8)}


def test_those_who_ask_during_a_look_share_the_next_one() -> None:
    looks = Looks()
    inhabitants = Inhabitants(looks)
    asking = threading.Semaphore(0)

    def ask(namespace: int) -> int:
        asking.release()
        [found] = inhabitants.of(namespace)
        return found

    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(ask, 0)
        assert looks.begun.acquire(timeout=NET)
        others = [threads.submit(ask, number) for number in range(1, 8)]
        for _ in range(8):
            assert asking.acquire(timeout=NET)
        for _ in range(9):
            looks.let_go.release()
        assert first.result(NET) == 1
        assert min(each.result(NET) for each in others) >= 2  # the first look had begun before they asked
    assert inhabitants.of(99) == ()


def test_a_look_that_fails_is_nobody_elses() -> None:
    looks = Looks()
    looks.fails = True
    inhabitants = Inhabitants(looks)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(inhabitants.of, 0)
        assert looks.begun.acquire(timeout=NET)
        second = threads.submit(inhabitants.of, 1)
        for _ in range(3):
            looks.let_go.release()
        with pytest.raises(OSError, match="no /proc"):
            first.result(NET)
        assert second.result(NET) != [1]


def test_many_who_ask_at_once_cost_few_looks() -> None:
    looks = Looks()
    inhabitants = Inhabitants(looks)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(inhabitants.of, 0)
        assert looks.begun.acquire(timeout=NET)
        with inhabitants._turn:  # all of them get as far as this lock while the first look lasts
            others = [threads.submit(inhabitants.of, number) for number in range(1, 8)]
        while len(inhabitants._turn._waiters) < len(others):  # type: ignore[attr-defined]
            pass
        for _ in range(9):
            looks.let_go.release()
        assert first.result(NET) == [1]
        assert [each.result(NET) for each in others] == [[2]] * 7
    assert looks.made == 2


def test_nobody_asks_where_a_process_is_of_which_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred load balancers have as many processes, and each removal looks for those in one namespace."""
    asked: list[str] = []
    stat = os.stat

    def noted(path: str) -> os.stat_result:
        asked.append(path)
        return stat("/proc/self/ns/net")

    monkeypatch.setattr("evenload.host.netns.os.listdir", lambda path: ["self", *map(str, range(1, 600))])
    monkeypatch.setattr("evenload.host.netns.os.stat", noted)
    monkeypatch.setattr("evenload.host.netns.os.getpid", lambda: 7)
    [found] = processes(lambda: set(range(11, 600))).values()
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    assert len(asked) == 9
