"""What the agent keeps in mind of one load balancer between rounds, so that a hint needs no look at the host.

A round is alone with its load balancer; what other threads touch meanwhile (the pings' verdicts, what monitoring reads)
is replaced whole, never changed in place. Nothing here is needed to survive: the host remembers the applied document.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from evenload.model.desired import Desired, Gone, Observed, Outcome, PingTarget

ServerKey = tuple[str, str]
"""Backend and server."""

CheckKey = tuple[str, str]
"""Monitor and member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What monitoring needs: the document that was applied last, and the worker that serves it, None for none."""

    desired: Desired
    worker: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The last report that reached the server."""

    generation: int
    outcome: Outcome
    reason: str | None
    moment: float


@dataclass(slots=True)
class Memory:
    """``known``: the host as the last round left it, None where it has to be looked at.

    ``told`` and ``down``: what ``process`` (its pid) was told of members' health, and which of them it may hold as
    down by that; ``verdicts``: of the pings. ``leaving``: when servers that were removed but are busy were first seen.
    ``unheard``: times in a row that the server could not be reached about this load balancer. ``deaf``: looks in a row
    at which the process lived and did not answer.
    """

    load_balancer_id: str
    wish: Desired | Gone | None = None
    known: Observed | None = None
    serving: Serving | None = None
    watched: int | None = None
    worker: int = 0
    failures: int = 0
    unheard: int = 0
    deaf: int = 0
    said: Said | None = None
    deaths: tuple[float, ...] = ()
    braked_until: float = 0.0
    targets: tuple[PingTarget, ...] = ()
    verdicts: Mapping[CheckKey, bool] = field(default_factory=dict)
    process: int | None = None
    leaving: dict[ServerKey, float] = field(default_factory=dict)
    told: dict[ServerKey, bool] = field(default_factory=dict)
    down: set[ServerKey] = field(default_factory=set)


class Memories:
    """All of them. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memories: dict[str, Memory] = {}

    def of(self, load_balancer_id: str) -> Memory:
        """An empty one where there is none."""
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is None:
                memory = self._memories[load_balancer_id] = Memory(load_balancer_id)
            return memory

    def find(self, load_balancer_id: str) -> Memory | None:
        with self._lock:
            return self._memories.get(load_balancer_id)

    def forget(self, load_balancer_id: str) -> None:
        with self._lock:
            self._memories.pop(load_balancer_id, None)

    def all(self) -> list[Memory]:
        with self._lock:
            return list(self._memories.values())

    def judge(self, load_balancer_id: str, check: CheckKey, up: bool) -> None:
        """Keeps a verdict of the pings."""
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is not None:
                memory.verdicts = {**memory.verdicts, check: up}

    def keep_verdicts(self, load_balancer_id: str, checks: Collection[CheckKey]) -> None:
        """Forgets those of pings that are no longer made."""
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is not None:
                memory.verdicts = {key: value for key, value in memory.verdicts.items() if key in checks}
