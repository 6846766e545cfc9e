"""Which load balancer is worked on next: the agent's work queue, without threads and without a clock of its own.

It is guarded by the caller's lock and told the time. One load balancer is never worked on twice at once; what is asked
meanwhile leads to another round. Tasks for the same one fold into one. Urgent ones (a hint, a death) go before routine
(the resync, and load balancers in trouble, whose rounds may take long), and routine never takes all hands.
"""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a round has to do. ``fetch``: ask the server anew. ``observe``: look at the host instead of trusting memory.

    ``hinted``: the newest generation of which the server spoke; it waits for a report then.
    """

    fetch: bool = False
    observe: bool = False
    hinted: int | None = None

    def __or__(self, other: "Task") -> "Task":
        hints = [hint for hint in (self.hinted, other.hinted) if hint is not None]
        return Task(
            fetch=self.fetch or other.fetch,
            observe=self.observe or other.observe,
            hinted=max(hints) if hints else None,
        )


@dataclass(slots=True)
class _Entry:
    """``turn``: of its newest place in a heap; places with another turn are void. None: it has no place, because it
    waits for the end of a running round."""

    task: Task
    due: float
    urgent: bool
    turn: int | None = None


_Heap = list[tuple[float, int, str]]
"""Moment, turn, load balancer."""


class Schedule:
    """``routine_limit``: how many routine rounds may run at the same time."""

    def __init__(self, routine_limit: int) -> None:
        self._routine_limit = routine_limit
        self._entries: dict[str, _Entry] = {}
        self._urgent: _Heap = []
        self._routine: _Heap = []
        self._turns = 0
        self._running: dict[str, bool] = {}  # by load balancer: is it a routine round?
        self._routine_running = 0

    def add(self, load_balancer_id: str, task: Task, due: float, *, urgent: bool) -> None:
        """``due``: the moment before which it shall not be taken; an earlier one asked before stands."""
        entry = self._entries.get(load_balancer_id)
        if entry is None:
            entry = self._entries[load_balancer_id] = _Entry(task, due, urgent)
        else:
            entry.task |= task
            if due >= entry.due and entry.urgent >= urgent:
                return  # its place stands
            entry.due, entry.urgent = min(due, entry.due), entry.urgent or urgent
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
            self._running[load_balancer_id] = not entry.urgent
            self._routine_running += not entry.urgent
            return load_balancer_id, entry.task
        return None

    def done(self, load_balancer_id: str) -> None:
        """Its round has ended; what was asked meanwhile may be taken."""
        self._routine_running -= self._running.pop(load_balancer_id)
        entry = self._entries.get(load_balancer_id)
        if entry is not None:
            self._place(load_balancer_id, entry)

    def next_due(self) -> float | None:
        """When something that may be taken comes due; None where only the end of a running round can change that."""
        first = [self._first(heap) for heap in self._open()]
        return min((self._entries[each].due for each in first if each is not None), default=None)

    @property
    def idle(self) -> bool:
        return not (self._entries or self._running)

    def _open(self) -> tuple[_Heap, ...]:
        """The heaps from which may be taken now, the preferred first."""
        return (self._urgent,) if self._routine_running >= self._routine_limit else (self._urgent, self._routine)

    def _place(self, load_balancer_id: str, entry: _Entry) -> None:
        self._turns += 1
        entry.turn = self._turns
        heapq.heappush(self._urgent if entry.urgent else self._routine, (entry.due, self._turns, load_balancer_id))

    def _first(self, heap: _Heap) -> str | None:
        """The load balancer in the first place that counts; void ones before it are dropped."""
        while heap:
            _, turn, load_balancer_id = heap[0]
            entry = self._entries.get(load_balancer_id)
            if entry is not None and entry.turn == turn:
                return load_balancer_id
            heapq.heappop(heap)
        return None
