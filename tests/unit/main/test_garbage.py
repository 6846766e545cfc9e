"""Full collections: when they are due, that Python makes none by itself meanwhile, and that garbage goes."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from tests.waiting import NET

from evenload.main.garbage import GarbageCollection, is_due
from evenload.threads import Faults


@pytest.mark.parametrize(
    ("young", "blocks", "waited", "due"),
    [
        (0, 0, 0, False),
        (9, 0, 300, False),  # hardly anything was made since the last one
        (10, 0, 0, True),
        (10, 99_999, 0, True),
        (10, 100_000, 0, False),  # a huge request is being worked on
        (500, 1_000_000, 299, False),
        (10, 1_000_000, 300, True),  # it never ends
    ],
)
def test_when_everything_is_collected(young: int, blocks: int, waited: int, due: bool) -> None:
    assert is_due(young, blocks, waited) is due


@pytest.fixture
def collection() -> Iterator[GarbageCollection]:
    made = GarbageCollection(Faults(), interval=0.01)
    try:
        yield made
    finally:
        made.stop()


class _Knot:
    def __init__(self) -> None:
        self.itself = self


def test_python_collects_nothing_whole_by_itself_and_nothing_of_the_start(collection: GarbageCollection) -> None:
    thresholds = gc.get_threshold()
    collection.start()
    assert gc.get_threshold()[:2] == thresholds[:2]
    assert gc.get_threshold()[2] > 1_000_000
    assert gc.get_freeze_count() > 1000
    collection.stop()
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0


def test_garbage_goes(collection: GarbageCollection) -> None:
    """Also what was old enough for a full collection only."""
    collection.start()
    knot = _Knot()
    gone = threading.Event()
    weakref.finalize(knot, gone.set)
    gc.collect(1)  # it is old now
    del knot
    keep: list[object] = []
    for _ in range(20 * 10 * 1000):  # enough for many collections of young objects
        keep.append([])
        if len(keep) > 2000:
            keep.clear()
    for _ in range(20):
        gc.collect(1)
    assert gone.wait(NET)
