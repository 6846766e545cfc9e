"""Whose password is checked next. A check takes bcrypt 50 ms and more of a processor, on purpose, and a thread.

Checks go through two lanes. Whoever has sent wrong passwords lately, from one address by one user name, has a narrow
one, in which nobody waits: what finds it taken is refused at once. So a flood of wrong passwords takes one thread and
one processor at most, and everybody else is served as ever. From an address with many of them by many names one alone
waits for the wide lane at a time. Whether a user exists makes no difference here: the lanes would tell it.
"""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evenload.api.auth.identity import TooManyAttempts

_AT_ONCE = 2
_SUSPECT_AFTER = 3
"""Wrong passwords in a row, none older than ``_FORGIVEN_AFTER`` seconds after the one before."""
_FORGIVEN_AFTER = 60.0
_MAX_KEPT = 4096

_BUCKETS = 64
_HOT_AFTER = 8
"""Wrong passwords from one address, whatever the names."""
_WHOLE_ADDRESS = -1

Key = tuple[str, int]


def key_of(address: str, name: str) -> Key:
    """User names fall into buckets, so that a flood with ever new names comes to an end of new ones."""
    return address, zlib.crc32(name.encode()) % _BUCKETS


@dataclass(frozen=True, slots=True)
class _Failures:
    number: int
    last: float


class LoginLanes:
    """``monotonic`` gives seconds; ``patience``: how many of them one waits whose passwords were right so far."""

    def __init__(self, *, monotonic: Callable[[], float], patience: float = 3.0) -> None:
        self._monotonic = monotonic
        self._patience = patience
        self._wide = threading.BoundedSemaphore(_AT_ONCE)
        self._narrow = threading.BoundedSemaphore(1)
        self._hot_waiter = threading.BoundedSemaphore(1)
        self._lock = threading.Lock()
        self._failures: dict[Key, _Failures] = {}

    @contextmanager
    def turn(self, key: Key, *, wait: bool = True) -> Iterator[None]:
        """For one check. ``wait`` False: now or never. Raises TooManyAttempts."""
        suspect = self.is_suspect(key)
        lane = self._narrow if suspect else self._wide
        if not lane.acquire(blocking=False) and (suspect or not wait or not self._wait_for_wide(key)):
            raise TooManyAttempts("Too many logins are being checked. Please try again in a moment.")
        try:
            yield
        finally:
            lane.release()

    def note(self, key: Key, *, right: bool) -> None:
        """What came of a check."""
        now = self._monotonic()
        with self._lock:
            if right:
                self._failures.pop(key, None)
                return
            if len(self._failures) >= _MAX_KEPT:
                self._failures = {each: found for each, found in self._failures.items() if _counts(found, now)}
            if len(self._failures) >= _MAX_KEPT:
                self._failures.clear()
            for each in (key, (key[0], _WHOLE_ADDRESS)):
                before = self._failures.get(each)
                number = before.number if before is not None and _counts(before, now) else 0
                self._failures[each] = _Failures(number + 1, now)

    def is_suspect(self, key: Key) -> bool:
        return self._number(key) >= _SUSPECT_AFTER

    def _wait_for_wide(self, key: Key) -> bool:
        if self._number((key[0], _WHOLE_ADDRESS)) < _HOT_AFTER:
            return self._wide.acquire(timeout=self._patience)
        if not self._hot_waiter.acquire(blocking=False):
            return False
        try:
            return self._wide.acquire(timeout=self._patience)
        finally:
            self._hot_waiter.release()

    def _number(self, key: Key) -> int:
        with self._lock:
            found = self._failures.get(key)
        return found.number if found is not None and _counts(found, self._monotonic()) else 0


def _counts(failures: _Failures, now: float) -> bool:
    return now - failures.last < _FORGIVEN_AFTER
