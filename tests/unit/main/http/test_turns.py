"""Turns at requests: short ones one after the other, long ones beside them, and nobody forgotten."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.waiting import NET, ThreadsSince, eventually

from evenload.main.http.turns import Turns


def play(turns: Turns, scene: Callable[[], Any]) -> Any:
    """Runs the scene in an event loop and ends the threads. Fails where it takes for ever."""
    try:
        return asyncio.run(asyncio.wait_for(scene(), NET))
    finally:
        turns.stop()


class Blocked:
    """A request that waits until it is let go."""

    def __init__(self) -> None:
        self.entered, self._proceed = threading.Event(), threading.Event()

    def __call__(self, name: str) -> str:
        self.entered.set()
        assert self._proceed.wait(NET)
        return name

    def let_go(self) -> None:
        self._proceed.set()


def test_short_requests_do_not_run_beside_each_other() -> None:
    """Each in the order of asking; and the threads are as many as were needed: one."""
    turns = Turns(8, long=NET)
    inside: list[int] = []
    overlaps: list[list[int]] = []
    begun: list[int] = []

    def work(number: int) -> int:
        inside.append(number)
        begun.append(number)
        if len(inside) > 1:
            overlaps.append(list(inside))
        inside.remove(number)
        return number * 2

    async def scene() -> object:
        return await asyncio.gather(*(turns.run(work, number) for number in range(500)))

    threads = ThreadsSince()
    assert play(turns, scene) == [number * 2 for number in range(500)]
    assert begun == list(range(500))
    assert overlaps == []
    assert eventually(lambda: not threads.named("http_"))


@pytest.mark.parametrize("long", [1, 7])
def test_long_requests_hold_up_nobody(long: int) -> None:
    turns = Turns(8)
    blocked = [Blocked() for _ in range(long)]

    async def scene() -> list[str]:
        slow = [asyncio.ensure_future(turns.run(each, "slow")) for each in blocked]
        quick = [await turns.run(str.upper, "quick") for _ in range(20)]
        assert not any(each.done() for each in slow)
        for each in blocked:
            each.let_go()
        return [*quick, *await asyncio.gather(*slow)]

    assert play(turns, scene) == ["QUICK"] * 20 + ["slow"] * long


def test_an_answer_does_not_wait_for_the_long_request_after_it_in_the_same_turn() -> None:
    turns = Turns(2, turn=NET)
    first, last = Blocked(), Blocked()

    async def scene() -> list[str]:
        requests = [asyncio.ensure_future(turns.run(*each)) for each in ((first, "1"), (str.upper, "a"), (last, "2"))]
        await asyncio.sleep(0)  # all three are asked for
        first.let_go()
        done = [await requests[0], await requests[1]]
        assert not requests[2].done()
        last.let_go()
        return [*done, await requests[2]]

    assert play(turns, scene) == ["1", "A", "2"]


def test_no_more_requests_than_threads_are_in_progress() -> None:
    """And who waits for a thread gets the first that is free, also if it is at a long request itself."""
    turns = Turns(2)
    first, second, third = Blocked(), Blocked(), Blocked()

    async def scene() -> None:
        requests = [asyncio.ensure_future(turns.run(each, "")) for each in (first, second, third)]
        quick = asyncio.ensure_future(turns.run(str.upper, "quick"))
        await asyncio.to_thread(first.entered.wait, NET)
        await asyncio.to_thread(second.entered.wait, NET)
        assert not third.entered.is_set()
        first.let_go()
        await asyncio.to_thread(third.entered.wait, NET)
        assert not quick.done()
        second.let_go()
        assert await quick == "QUICK"
        third.let_go()
        await asyncio.gather(*requests)

    play(turns, scene)


def test_what_a_request_raises_reaches_the_one_who_waits() -> None:
    turns = Turns(1)

    def broken(_argument: object) -> None:
        raise LookupError("a fault")

    async def scene() -> object:
        with pytest.raises(LookupError, match="a fault"):
            await turns.run(broken, None)
        return await turns.run(str.upper, "next")

    assert play(turns, scene) == "NEXT"


def test_a_stop_begins_nothing_and_ends_the_threads() -> None:
    turns = Turns(1)
    blocked = Blocked()
    begun = threading.Event()

    async def scene() -> None:
        running = asyncio.ensure_future(turns.run(blocked, "slow"))
        waiting = asyncio.ensure_future(turns.run(lambda _: begun.set(), None))
        await asyncio.to_thread(blocked.entered.wait, NET)
        turns.stop()
        waiting.cancel()
        blocked.let_go()
        assert await running == "slow"

    threads = ThreadsSince()
    play(turns, scene)
    assert eventually(lambda: not threads.named("http_"))
    assert not begun.is_set()


def test_a_request_that_outlives_the_event_loop_ends_by_itself() -> None:
    turns = Turns(1)
    blocked = Blocked()

    async def scene() -> None:
        running = asyncio.ensure_future(turns.run(blocked, "slow"))
        await asyncio.to_thread(blocked.entered.wait, NET)
        running.cancel()

    threads = ThreadsSince()
    play(turns, scene)
    blocked.let_go()
    assert eventually(lambda: not threads.named("http_"))
