"""What monitoring keeps in mind of one load balancer between two looks, and whether that is at rest. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenload.agent.counters import Counters
from evenload.agent.kept_counters import KeptCounters
from evenload.agent.memory import Serving
from evenload.agent.news import Said
from evenload.agent.trail import Trail
from evenload.model.desired import ProxyStatistics
from evenload.model.verdict import Verdicts

_FRONTEND = "FRONTEND"

Rows = Mapping[int, tuple[ProxyStatistics, ...]]
"""By worker."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was looked at and found. ``verdicts``: those of pings at that moment."""

    serving: Serving
    rows: Rows
    verdicts: Verdicts

    def equals(self, other: "Look") -> bool:
        """Whether the other one found the very same. The host gives the same tuple again where it holds no news."""
        return (
            self.serving is other.serving
            and self.verdicts is other.verdicts
            and self.rows.keys() == other.rows.keys()
            and all(rows is other.rows[worker] for worker, rows in self.rows.items())
        )


@dataclass(slots=True)
class Account:
    """``trail``: of the last looks, for who wants to see them.

    ``last``: the last look. The next one comes at ``resting_until`` (0.0: at the next occasion), or once another worker
    serves; or another document or verdict is there, if it was the last of ``quiet_looks`` in a row. ``unanswered``,
    ``finishing``: looks in a row at which the worker that serves gave no answer, or accepted no connections any more.
    """

    counters: Counters
    kept: KeptCounters
    said: Said = field(default_factory=Said)
    trail: Trail = field(default_factory=Trail)
    last: Look | None = None
    quiet_looks: int = 0
    unanswered: int = 0
    finishing: int = 0
    resting_until: float = 0.0


def rests(account: Account, serving: Serving, verdicts: Verdicts) -> bool:
    if account.last is None:
        return False
    if account.quiet_looks:
        return serving is account.last.serving and verdicts is account.last.verdicts
    return serving.worker == account.last.serving.worker


def count_clients(serving: Serving, rows: Rows) -> int:
    """At the worker that serves."""
    mine = rows_of_serving(serving, rows) if serving.room else ()
    return sum(row.statistics.active_connections for row in mine if row.server == _FRONTEND)


def rows_of_serving(serving: Serving, rows: Rows) -> tuple[ProxyStatistics, ...]:
    return rows.get(serving.worker, ()) if serving.worker is not None else ()


def is_finishing(rows: tuple[ProxyStatistics, ...]) -> bool:
    """Whether a worker accepts no connections any more: it was told to finish, or somebody has shut all frontends."""
    fronts = [row.status for row in rows if row.server == _FRONTEND]
    return bool(fronts) and all(status == "STOP" for status in fronts)


def is_at_rest(serving: Serving, rows: Rows, account: Account) -> bool:
    """Nothing but the worker that serves is there, it answers, and has no connections."""
    if account.finishing:
        return False
    alone = rows.keys() == (set() if serving.worker is None else {serving.worker})
    return alone and not any(account.counters.active.values())
