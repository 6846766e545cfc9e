"""Which load balancer is worked on next: the agent's queue, without threads and without a clock of its own.

The loop guards it with its lock and tells it the time. One load balancer is never worked on twice at once; what is
asked meanwhile leads to another round. Asks for the same one fold into one. Urgent work (a hint, a death, a retry)
goes before routine (the resync), and routine never takes all hands.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a round has to do. ``fetch``: ask the server anew. ``look``: observe the host instead of trusting memory.

    ``hinted``: the newest generation that the server spoke of; it waits for a report then.
    """

    fetch: bool = False
    look: bool = False
    hinted: int | None = None

    def __or__(self, other: "Ask") -> "Ask":
        hints = [hint for hint in (self.hinted, other.hinted) if hint is not None]
        return Ask(
            fetch=self.fetch or other.fetch,
            look=self.look or other.look,
            hinted=max(hints) if hints else None,
        )


@dataclass(slots=True)
class _Entry:
    ask: Ask
    due: float


class Schedule:
    """``routine_limit``: how many routine rounds may run at the same time."""

    def __init__(self, routine_limit: int) -> None:
        self._routine_limit = routine_limit
        self._urgent: dict[str, _Entry] = {}
        self._routine: dict[str, _Entry] = {}
        self._running: dict[str, bool] = {}  # by load balancer: is it a routine round?

    def ask(self, load_balancer_id: str, ask: Ask, due: float, *, urgent: bool) -> None:
        """``due``: the moment before which it shall not be taken; an earlier one asked before stands."""
        waiting = self._routine.pop(load_balancer_id, None)
        former = self._urgent.get(load_balancer_id)
        if waiting is not None:
            ask, due = ask | waiting.ask, min(due, waiting.due)
        if former is not None:
            former.ask, former.due = ask | former.ask, min(due, former.due)
        elif urgent:
            self._urgent[load_balancer_id] = _Entry(ask, due)
        else:
            self._routine[load_balancer_id] = _Entry(ask, due)

    def take(self, now: float) -> tuple[str, Ask] | None:
        """The next round to begin, now marked as running; None while there is none."""
        for entries, routine in self._open():
            for load_balancer_id, entry in entries.items():
                if entry.due <= now and load_balancer_id not in self._running:
                    del entries[load_balancer_id]
                    self._running[load_balancer_id] = routine
                    return load_balancer_id, entry.ask
        return None

    def finished(self, load_balancer_id: str) -> None:
        del self._running[load_balancer_id]

    def next_due(self) -> float | None:
        """When something that may be taken comes due; None where only the end of a running round can change that."""
        moments = [
            entry.due
            for entries, _ in self._open()
            for load_balancer_id, entry in entries.items()
            if load_balancer_id not in self._running
        ]
        return min(moments, default=None)

    def _open(self) -> list[tuple[dict[str, _Entry], bool]]:
        """The queues from which may be taken now, the preferred first."""
        if sum(self._running.values()) >= self._routine_limit:
            return [(self._urgent, False)]
        return [(self._urgent, False), (self._routine, True)]

    @property
    def idle(self) -> bool:
        return not (self._urgent or self._routine or self._running)
