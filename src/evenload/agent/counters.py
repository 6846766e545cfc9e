"""Totals of a listener over all the processes that ever served it. Pure; ``monitoring`` feeds and keeps them.

HAProxy counts from its start. Each process is known by its worker number; what it had counted at the last look stays in
the sum after it ended, so reloads, crashes and restarts of the agent lose nothing that was read. A worker that does not
answer once may answer again: its last values stay apart until several newer ones have come.

The server sums over epochs. An agent that cannot be sure that its totals are at least what it last reported begins a
new epoch, with totals of nothing (``resume``).
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from evenload.model.desired import ProxyStatistics, Statistics

FRONTEND = "FRONTEND"
_KEPT = 8
_FIELDS = ("bytes_in", "bytes_out", "total_connections", "request_errors")

Counts = Mapping[str, Statistics]
"""By listener id."""


@dataclass(frozen=True, slots=True)
class Counters:
    """``epoch``: what the totals belong to; within one they never fall.

    ``ended``: what folded workers and earlier lives amount to, less what was counted before the epoch; ``workers``:
    as last read, by worker; ``alive``: those that answered at the last look.
    ``active``: the connections that were open at the last look, by listener; they are not kept.
    """

    epoch: str
    ended: Counts = field(default_factory=dict)
    workers: Mapping[int, Counts] = field(default_factory=dict)
    alive: frozenset[int] = frozenset()
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
    for number, answered in rows.items():
        counts = dict(workers.get(number, {}))
        for row in answered:
            if row.server != FRONTEND or row.proxy not in listeners:
                continue
            now, former = replace(row.statistics, active_connections=0), counts.get(row.proxy)
            if former is not None and _has_restarted(former, now):
                ended[row.proxy] = ended.get(row.proxy, Statistics()) + former
            counts[row.proxy] = now
            active[row.proxy] = active.get(row.proxy, 0) + row.statistics.active_connections
        workers[number] = counts
    unanswered = sorted(number for number in workers if number not in rows)
    for number in unanswered[: max(0, len(workers) - _KEPT)]:
        for listener, statistics in workers.pop(number).items():
            ended[listener] = ended.get(listener, Statistics()) + statistics
    return Counters(before.epoch, ended, workers, frozenset(rows), active)


def resume(
    kept: Counters | None, rows: Mapping[int, tuple[ProxyStatistics, ...]], first_own: int | None, new_epoch: str
) -> Counters:
    """From where an agent goes on that has just begun to count. ``kept``: what is left from before, None for nothing.

    ``rows``: its first look, by worker. ``first_own``: the lowest number of the workers that this agent has started
    itself, None for none: they have counted for nobody else, whatever is kept under their numbers.
    Totals go on in the kept epoch where they cannot be lower than what was reported: what is kept may be some seconds
    old, but a worker that counted then and still lives has counted on. Where one has died since, its last numbers may
    have been reported and are lost: a new epoch begins with totals of nothing.
    """
    own = {number for number in rows if first_own is not None and number >= first_own}
    if kept is None:
        # Whatever these workers counted may have been reported under an epoch that is lost.
        adopted = {number: _counts(answered) for number, answered in rows.items() if number not in own}
        return Counters(new_epoch, _sum(adopted.values(), sign=-1), adopted)
    workers = {number: counts for number, counts in kept.workers.items() if number not in own}
    former = [counts for number, counts in kept.workers.items() if number in own]
    if all(number in rows and number in workers and _goes_on(workers[number], rows[number]) for number in kept.alive):
        return Counters(kept.epoch, _sum([kept.ended, *former]), workers, kept.alive)
    return Counters(new_epoch, _sum(workers.values(), sign=-1), workers)


def dump_counters(counters: Counters) -> str:
    """For the state directory; ``load_counters`` reads it."""
    return json.dumps(
        {
            "epoch": counters.epoch,
            "ended": _words(counters.ended),
            "workers": {str(number): _words(counts) for number, counts in sorted(counters.workers.items())},
            "alive": sorted(counters.alive),
        },
        sort_keys=True,
    )


def load_counters(content: str) -> Counters:
    """Raises ValueError where the content is not ours. A record from before there were epochs is of the epoch ""; any
    of its workers may have been alive."""
    try:
        kept = json.loads(content)
        workers = {int(number): _statistics(each) for number, each in kept["workers"].items()}
        alive = frozenset(int(number) for number in kept.get("alive", workers))
        return Counters(str(kept.get("epoch", "")), _statistics(kept["ended"]), workers, alive)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a record of counters: {error!r}") from error


def _counts(rows: Iterable[ProxyStatistics]) -> Counts:
    return {row.proxy: replace(row.statistics, active_connections=0) for row in rows if row.server == FRONTEND}


def _goes_on(former: Counts, rows: Iterable[ProxyStatistics]) -> bool:
    """Whether the rows can be of the process that counted so much before."""
    counts = _counts(rows)
    return not any(key in counts and _has_restarted(value, counts[key]) for key, value in former.items())


def _sum(parts: Iterable[Counts], *, sign: int = 1) -> Counts:
    total: dict[str, Statistics] = {}
    for counts in parts:
        for key, value in counts.items():
            total[key] = total.get(key, Statistics()) + _times(value, sign)
    return total


def _times(statistics: Statistics, sign: int) -> Statistics:
    return Statistics(**{name: sign * getattr(statistics, name) for name in _FIELDS})


def _has_restarted(former: Statistics, now: Statistics) -> bool:
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
