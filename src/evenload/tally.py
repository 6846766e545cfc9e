"""Numbers of one process, counted where things happen and read by whoever shows them (``main/metrics``).

They lie in a piece of memory that another process may read, and that a process which takes the place of one that died
goes on with: so what is counted never falls while the service runs. ``main/metrics/catalogue.py`` says what each name
means. Where nobody asked for numbers, ``UNCOUNTED`` stands in for a tally and nothing is counted.
"""

import mmap
import struct
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Labels = tuple[str, ...]
"""Values of the labels, in the catalogue's order."""

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Of histograms, in seconds; a last bucket holds what took longer."""
SIZE = 1 << 20
"""Bytes; what is not used is not taken from the machine."""
_HEAD = struct.Struct("=II")
_USED = struct.Struct("=Q")
_WORD = 8
_BETWEEN = "\x1f"
"""Between name and labels; what is in them is no control character."""


class Counting(Protocol):
    """May be used from any thread; never raises."""

    def add(self, name: str, labels: Labels = (), amount: float = 1.0) -> None: ...
    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Into a histogram with ``BOUNDS``."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``values``: one number; or of a histogram the counts of its buckets, each for itself, and the sum."""

    name: str
    labels: Labels
    values: tuple[float, ...]


class Tally:
    """Fulfils Counting. ``memory``: of ``shared_memory`` where others read it, or another process goes on with it."""

    def __init__(self, memory: mmap.mmap | None = None) -> None:
        self._memory = memory if memory is not None else shared_memory()
        self._numbers = memoryview(self._memory).cast("d")
        self._lock = threading.Lock()
        self._places: dict[tuple[str, Labels], int] = {}
        self._used = max(_WORD, _USED.unpack_from(self._memory)[0])
        for (name, labels), at, _ in _entries(self._memory, self._used):
            self._places[name, labels] = at

    def add(self, name: str, labels: Labels = (), amount: float = 1.0) -> None:
        with self._lock:
            at = self._places.get((name, labels)) or self._make(name, labels, 1)
            if at:
                self._numbers[at] += amount

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        with self._lock:
            at = self._places.get((name, labels)) or self._make(name, labels, len(BOUNDS) + 2)
            if at:
                self._numbers[at + bisect_left(BOUNDS, seconds)] += 1
                self._numbers[at + len(BOUNDS) + 1] += seconds

    def read(self) -> list[Sample]:
        return read_tally(self._memory)

    def begin(self, names: Mapping[str, Iterable[Labels]]) -> None:
        """Counters that are there before anything is counted."""
        for name, each in names.items():
            for labels in each:
                self.add(name, labels, 0.0)

    def clear(self, names: Sequence[str]) -> None:
        """What is going on in a process begins at nothing, also where it takes another one's place."""
        with self._lock:
            for (name, _), at in self._places.items():
                if name in names:
                    self._numbers[at] = 0.0

    def _make(self, name: str, labels: Labels, length: int) -> int:
        """Its place; 0 where there is no more room. The entry is there as a whole before a reader is told of it."""
        key = _BETWEEN.join((name, *labels)).encode("utf-8", "replace")
        padded = key.ljust(-(-len(key) // _WORD) * _WORD, b"\0")
        begin = self._used + _HEAD.size
        values = begin + len(padded)
        end = values + length * _WORD
        if end > len(self._memory):
            return 0
        _HEAD.pack_into(self._memory, self._used, len(key), length)
        self._memory[begin:values] = padded
        self._used = end
        _USED.pack_into(self._memory, 0, end)
        at: int = values // _WORD
        self._places[name, labels] = at
        return at


class _Uncounted:
    def add(self, name: str, labels: Labels = (), amount: float = 1.0) -> None:
        pass

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        pass


UNCOUNTED: Counting = _Uncounted()


def shared_memory() -> mmap.mmap:
    """Children share it that are forked later."""
    return mmap.mmap(-1, SIZE)


def read_tally(memory: mmap.mmap) -> list[Sample]:
    """What has been counted there, by this process or by another one."""
    used = max(_WORD, _USED.unpack_from(memory)[0])
    numbers = memoryview(memory).cast("d")
    try:
        return [
            Sample(name, labels, tuple(numbers[at : at + length]))
            for (name, labels), at, length in _entries(memory, used)
        ]
    finally:
        numbers.release()


def _entries(memory: mmap.mmap, used: int) -> Iterator[tuple[tuple[str, Labels], int, int]]:
    """Name and labels, the number of the first word of the values, and how many these are."""
    at = _WORD
    while at < used:
        key_length, length = _HEAD.unpack_from(memory, at)
        begin = at + _HEAD.size
        values = begin + -(-key_length // _WORD) * _WORD
        name, *labels = memory[begin : begin + key_length].decode().split(_BETWEEN)
        yield (name, tuple(labels)), values // _WORD, length
        at = values + length * _WORD
