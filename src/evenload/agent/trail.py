"""The last looks of monitoring at one load balancer, kept as far as rates need them. Nothing is copied: the rows and
counters of a look are never changed once they are there.

Written by the thread of monitoring, read by any: what is kept is replaced whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evenload.agent.counters import Counters
from evenload.agent.health import Judged
from evenload.model.desired import ProxyStatistics, Statistics
from evenload.model.sight import Flow
from evenload.model.verdict import Verdicts
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_monitors import serves

_SHORTEST = 0.5
"""Seconds between two looks of which a rate is made."""
_MANY = 100
"""Rows in one look; beyond that those of servers are some seconds old (host/haproxy_look)."""
_OLDEST_SERVERS = 10.0
_PROXIES = ("FRONTEND", "BACKEND")


class _Look(NamedTuple):
    """A tuple, as ``Seen`` is: one is made for each load balancer at each look, and nothing is made faster."""

    at: float
    counters: Counters
    rows: Sequence[ProxyStatistics]


class Seen(NamedTuple):
    """``pair``: the last two looks that found news; ``servers``: the same as far as members go. ``still``: the looks
    after them found none."""

    pair: tuple[_Look | None, _Look]
    servers: tuple[_Look | None, _Look]
    judged: Judged
    verdicts: Verdicts
    answered: bool
    looked_at: float
    workers: int
    still: bool = False

    @property
    def rows(self) -> Sequence[ProxyStatistics]:
        return self.pair[1].rows

    def flows_of_listeners(self, listeners: Collection[str]) -> dict[str, Flow]:
        before, last = self.pair
        now = last.counters.totals(listeners)
        if before is None:
            return {key: _flow(None, value, 0.0) for key, value in now.items()}
        former = now if self.still else before.counters.totals(listeners)
        return {key: _flow(former[key], value, last.at - before.at) for key, value in now.items()}

    def flows_of_members(self) -> dict[tuple[str, str], Flow]:
        """By pool and member."""
        before, last = self.servers
        now, former = _by_member(last.rows), {} if before is None else _by_member(before.rows)
        still = self.still or (len(self.rows) > _MANY and self.looked_at - last.at > _OLDEST_SERVERS)
        seconds = 0.0 if before is None else last.at - before.at
        return {key: _flow(value if still else former.get(key), value, seconds) for key, value in now.items()}


@dataclass(slots=True, eq=False)
class Trail:
    """``seen`` None: nobody has looked yet."""

    seen: Seen | None = None
    _judged: Judged = field(default_factory=lambda: Judged({}, {}))

    def note(
        self,
        now: float,
        counters: Counters,
        rows: Sequence[ProxyStatistics],
        judged: Judged,
        verdicts: Verdicts,
        *,
        answered: bool,
        workers: int,
    ) -> None:
        """A look that found something. ``rows``: of the worker that serves; ``judged``: nothing where it is in
        doubt."""
        self._judged = judged if judged.statuses else self._judged
        look, seen = _Look(now, counters, rows), self.seen
        pair = (None, look) if seen is None else _shifted(seen.pair, look)
        servers = pair
        if seen is not None and len(rows) > _MANY:
            changed = _sessions(rows) != _sessions(seen.servers[1].rows)
            servers = _shifted(seen.servers, look) if changed else seen.servers
        self.seen = Seen(pair, servers, self._judged, verdicts, answered, now, workers)

    def note_still(self, now: float) -> None:
        """A look that found what the last one had found."""
        seen = self.seen
        if seen is not None and not seen.still:
            self.seen = seen._replace(looked_at=now, still=True)


def _shifted(pair: tuple[_Look | None, _Look], look: _Look) -> tuple[_Look | None, _Look]:
    before, last = pair
    return (last, look) if before is None or look.at - last.at >= _SHORTEST else (before, look)


def _by_member(rows: Sequence[ProxyStatistics]) -> dict[tuple[str, str], Statistics]:
    """A pool that stands in several backends has its members in each."""
    found: dict[tuple[str, str], Statistics] = {}
    for row in rows:
        if row.server not in _PROXIES and serves(row.proxy):
            key = (pool_of(row.proxy), row.server)
            found[key] = found[key] + row.statistics if key in found else row.statistics
    return found


def _sessions(rows: Sequence[ProxyStatistics]) -> int:
    return sum(row.statistics.total_connections for row in rows if row.server not in _PROXIES)


def _flow(former: Statistics | None, now: Statistics, seconds: float) -> Flow:
    def rate(name: str) -> float | None:
        if former is None or seconds <= 0:
            return None
        before, after = getattr(former, name), getattr(now, name)
        return float(after - before if after >= before else after) / seconds  # else another process counts, from zero

    return Flow(
        connections=now.active_connections,
        total=now.total_connections,
        errors=now.request_errors,
        per_second=rate("total_connections"),
        bytes_in=rate("bytes_in"),
        bytes_out=rate("bytes_out"),
    )
