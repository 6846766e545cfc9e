"""Which load balancer is worked on next: the agent's work queue, without threads and without a clock of its own.

It is guarded by the caller's lock and told the time. One load balancer is never worked on twice at once; what is asked
meanwhile leads to another round. Tasks for the same one fold into one. There are three lanes. A death needs nobody but
this host and goes first; then what the server has news of (a hint), whose answer may be long in coming; then routine
(the resync, and load balancers in trouble, whose rounds may take long). The second and third never take all hands.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from evenload.model.desired import Desired, Gone, Unreadable
from evenload.model.difference import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered to a batch, or said in a hint: a document, or what has changed in one. It is not older
    than ``asked_at`` and not newer than ``answered_at``."""

    document: Desired | Difference | Gone | Unreadable
    asked_at: float
    answered_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a round has to do. ``fetch``: ask the server anew. ``observe``: look at the host instead of trusting memory.

    ``hinted``: the newest generation of which the server spoke; it waits for a report then. ``answer``: what the server
    has said already; a fetch that is asked for beside it makes it void.
    """

    fetch: bool = False
    observe: bool = False
    hinted: int | None = None
    answer: Answer | None = None

    def __or__(self, other: "Task") -> "Task":
        hints = [hint for hint in (self.hinted, other.hinted) if hint is not None]
        fetch = self.fetch or other.fetch
        answers = [answer for answer in (self.answer, other.answer) if answer is not None and not fetch]
        return Task(
            fetch=fetch,
            observe=self.observe or other.observe,
            hinted=max(hints) if hints else None,
            answer=_united(answers),
        )


def _united(answers: Sequence[Answer]) -> Answer | None:
    """The newest, with the changes before it where there is no telling it without them."""
    if not answers:
        return None
    newest = max(reversed(answers), key=lambda answer: answer.asked_at)
    first = answers[0]
    if isinstance(first.document, Difference) and isinstance(newest.document, Difference):
        both = first.document.followed_by(newest.document)
        return newest if both is None else replace(newest, document=both)
    return newest


class _Lane(IntEnum):
    """The preferred first."""

    HOST = 0
    SERVER = 1
    ROUTINE = 2


@dataclass(slots=True)
class _Entry:
    """``turn``: of its newest place in a heap; places with another turn are void. None: it has no place, because it
    waits for the end of a running round."""

    task: Task
    due: float
    urgent: bool
    turn: int | None = None

    @property
    def lane(self) -> _Lane:
        if not self.urgent:
            return _Lane.ROUTINE
        return _Lane.SERVER if self.task.fetch or self.task.answer is not None else _Lane.HOST


_Heap = list[tuple[float, int, str]]
"""Moment, turn, load balancer."""


class Schedule:
    """``hands``: how many rounds run at the same time. Routine may take half of them; together with rounds that wait
    for the server it leaves a quarter free. Of one or two hands nothing can be left, or one."""

    def __init__(self, hands: int) -> None:
        self._routine_limit = max(1, hands // 2)
        self._limit = max(1, hands - max(1, hands // 4))
        self._entries: dict[str, _Entry] = {}
        self._heaps: dict[_Lane, _Heap] = {lane: [] for lane in _Lane}
        self._turns = 0
        self._running: dict[str, _Lane] = {}
        self._taken = dict.fromkeys(_Lane, 0)

    def add(self, load_balancer_id: str, task: Task, due: float, *, urgent: bool) -> None:
        """``due``: the moment before which it shall not be taken; an earlier one asked before stands."""
        entry = self._entries.get(load_balancer_id)
        if entry is None:
            entry = self._entries[load_balancer_id] = _Entry(task, due, urgent)
        else:
            lane = entry.lane
            entry.task |= task
            stands = due >= entry.due
            entry.due, entry.urgent = min(due, entry.due), entry.urgent or urgent
            if stands and entry.lane is lane:
                return  # its place stands
        if load_balancer_id not in self._running:
            self._place(load_balancer_id, entry)

    def take(self, now: float) -> tuple[str, Task] | None:
        """The next round to begin, now marked as running; None while there is none."""
        for heap in self._open():
            load_balancer_id = self._first(heap)
            if load_balancer_id is None:
                continue
            entry = self._entries[load_balancer_id]
            if entry.due > now:
                continue
            heapq.heappop(heap)
            del self._entries[load_balancer_id]
            self._running[load_balancer_id] = entry.lane
            self._taken[entry.lane] += 1
            return load_balancer_id, entry.task
        return None

    def reserve(self, load_balancer_id: str, now: float) -> bool:
        """Keeps that load balancer from being worked on until ``done``, where nothing runs and nothing is due."""
        due = self.next_due()
        if self._running or (due is not None and due <= now):
            return False
        entry = self._entries.get(load_balancer_id)
        if entry is not None:
            entry.turn = None
        self._running[load_balancer_id] = _Lane.ROUTINE
        self._taken[_Lane.ROUTINE] += 1
        return True

    def done(self, load_balancer_id: str) -> None:
        """Its round has ended; what was asked meanwhile may be taken."""
        self._taken[self._running.pop(load_balancer_id)] -= 1
        entry = self._entries.get(load_balancer_id)
        if entry is not None:
            self._place(load_balancer_id, entry)

    def next_due(self) -> float | None:
        """When something that may be taken comes due; None where only the end of a running round can change that."""
        first = [self._first(heap) for heap in self._open()]
        return min((self._entries[each].due for each in first if each is not None), default=None)

    def count_due(self, now: float) -> dict[str, int]:
        """How many wait for a hand, by lane."""
        found = {lane.name.lower(): 0 for lane in _Lane}
        for load_balancer_id, entry in self._entries.items():
            if entry.due <= now and load_balancer_id not in self._running:
                found[entry.lane.name.lower()] += 1
        return found

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def idle(self) -> bool:
        return not (self._entries or self._running)

    def _open(self) -> list[_Heap]:
        """The heaps from which may be taken now, the preferred first."""
        lanes = [_Lane.HOST]
        if self._taken[_Lane.SERVER] + self._taken[_Lane.ROUTINE] < self._limit:
            lanes.append(_Lane.SERVER)
            if self._taken[_Lane.ROUTINE] < self._routine_limit:
                lanes.append(_Lane.ROUTINE)
        return [self._heaps[lane] for lane in lanes]

    def _place(self, load_balancer_id: str, entry: _Entry) -> None:
        self._turns += 1
        entry.turn = self._turns
        heapq.heappush(self._heaps[entry.lane], (entry.due, self._turns, load_balancer_id))

    def _first(self, heap: _Heap) -> str | None:
        """The load balancer in the first place that counts; void ones before it are dropped."""
        while heap:
            _, turn, load_balancer_id = heap[0]
            entry = self._entries.get(load_balancer_id)
            if entry is not None and entry.turn == turn:
                return load_balancer_id
            heapq.heappop(heap)
        return None
