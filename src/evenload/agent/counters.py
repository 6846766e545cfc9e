"""Totals of a listener over all the processes that ever served it. Pure; ``monitoring`` feeds and keeps them.

HAProxy counts from its start. Each process is known by its worker number; what it was last seen at stays in the sum
after it ended, so reloads, crashes and restarts of the agent lose nothing that was seen. A worker that does not answer
once may answer again: its last values stay apart until several newer ones have come.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from evenload.model.desired import ProxyStatistics, Statistics

FRONTEND = "FRONTEND"
_KEPT = 8
_FIELDS = ("bytes_in", "bytes_out", "total_connections", "request_errors")

Counts = Mapping[str, Statistics]
"""By listener id."""


@dataclass(frozen=True, slots=True)
class Counters:
    """``ended``: what folded workers and earlier lives amount to; ``workers``: last seen, by worker.

    ``active``: the connections that were open at the last look, by listener; they are not kept.
    """

    ended: Counts = field(default_factory=dict)
    workers: Mapping[int, Counts] = field(default_factory=dict)
    active: Mapping[str, int] = field(default_factory=dict)

    def totals(self, listeners: Collection[str]) -> dict[str, Statistics]:
        """Of each of these listeners, also where nothing was counted yet."""
        found = {}
        for listener in listeners:
            total = self.ended.get(listener, Statistics())
            for counts in self.workers.values():
                total = total + counts.get(listener, Statistics())
            found[listener] = replace(total, active_connections=self.active.get(listener, 0))
        return found


def count(before: Counters, rows: Mapping[int, tuple[ProxyStatistics, ...]], listeners: Collection[str]) -> Counters:
    """After one look. ``rows``: by worker, of those that answered. Listeners that are not named are forgotten."""
    ended = {key: value for key, value in before.ended.items() if key in listeners}
    workers = {number: _only(counts, listeners) for number, counts in before.workers.items()}
    active: dict[str, int] = {}
    for number, seen in rows.items():
        counts = dict(workers.get(number, {}))
        for row in seen:
            if row.server != FRONTEND or row.proxy not in listeners:
                continue
            now, former = replace(row.statistics, active_connections=0), counts.get(row.proxy)
            if former is not None and _restarted(former, now):
                ended[row.proxy] = ended.get(row.proxy, Statistics()) + former
            counts[row.proxy] = now
            active[row.proxy] = active.get(row.proxy, 0) + row.statistics.active_connections
        workers[number] = counts
    silent = sorted(number for number in workers if number not in rows)
    for number in silent[: max(0, len(workers) - _KEPT)]:
        for listener, statistics in workers.pop(number).items():
            ended[listener] = ended.get(listener, Statistics()) + statistics
    return Counters(ended, workers, active)


def dump_counters(counters: Counters) -> str:
    """For the state directory; ``load_counters`` reads it."""
    return json.dumps(
        {
            "ended": _words(counters.ended),
            "workers": {str(number): _words(counts) for number, counts in sorted(counters.workers.items())},
        },
        sort_keys=True,
    )


def load_counters(content: str | None) -> Counters:
    """Counting starts anew where nothing was kept. Raises ValueError where the content is not ours."""
    if content is None:
        return Counters()
    try:
        kept = json.loads(content)
        return Counters(
            _statistics(kept["ended"]), {int(number): _statistics(each) for number, each in kept["workers"].items()}
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a record of counters: {error!r}") from error


def _restarted(former: Statistics, now: Statistics) -> bool:
    return any(getattr(now, name) < getattr(former, name) for name in _FIELDS)


def _only(counts: Counts, listeners: Collection[str]) -> Counts:
    return {key: value for key, value in counts.items() if key in listeners}


def _words(counts: Counts) -> dict[str, list[int]]:
    return {key: [getattr(value, name) for name in _FIELDS] for key, value in sorted(counts.items())}


def _statistics(words: Mapping[str, list[int]]) -> dict[str, Statistics]:
    return {
        key: Statistics(**{name: int(number) for name, number in zip(_FIELDS, numbers, strict=True)})
        for key, numbers in words.items()
    }
