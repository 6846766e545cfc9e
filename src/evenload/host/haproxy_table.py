"""HAProxy's table of statistics (``show stat``), read again and again: rows without news are made but once.

There are a hundred columns and as many rows as members: a row is picked from its cells, by a dictionary for none of
them, and where what counts of it is as it was, the former object stands for it.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter

from evenload.host.haproxy_reasons import describe_check
from evenload.model.desired import ProxyStatistics, Statistics

Cells = tuple[str, ...]
Rows = tuple[ProxyStatistics, ...]
_Picker = Callable[[Sequence[str]], Cells]

_TRAFFIC = ("bin", "bout", "scur", "stot", "ereq", "slim")
_CHECKS = ("check_health", "check_rise", "agent_health", "agent_rise", "check_desc", "last_chk")
_NEWS = ("pxname", "svname", "status", *_TRAFFIC, *_CHECKS)
_BESIDES = ("check_status", "check_code", "check_duration", "lastchg")
"""Of the last check, and of the moment: not news by themselves."""
_MOVING = ("lastchg", "check_duration", "lastsess")
"""What differs from look to look where nothing happens: none of it is news."""
_EFFECTS = ("pxname", "svname", "status", "weight", "act", "bck")


class Table:
    """Of one process. Not for several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Cells, ProxyStatistics] = {}
        self._rows: Rows = ()
        self._standing: list[list[str]] = []

    def read(self, answer: str) -> Rows:
        """The rows as they were just now, those without news, and the tuple of nothing but these, being the very ones
        that were read before: their latency is that of an earlier check. Raises ValueError where it is no such table.
        """
        standing = _standing(answer)
        if standing and standing == self._standing:
            return self._rows
        now = datetime.now(UTC)
        head, rows = _table(answer)
        news_of = _picker(head, _NEWS)
        before, found = self._known, {}
        same = True
        try:
            for row in rows:
                news = news_of(row)
                statistics = before.get(news)
                if statistics is None:
                    statistics, same = _statistics(news, _picker(head, _BESIDES)(row), now), False
                found[news] = statistics
        except IndexError as error:
            raise ValueError("not a table of statistics") from error
        if not same or len(found) != len(before):
            self._known, self._rows = found, tuple(found.values())
        self._standing = standing
        return self._rows


def parse_statistics(answer: str) -> Rows:
    """The rows of one answer. Raises ValueError where it is no such table."""
    return Table().read(answer)


def parse_effects(answer: str) -> tuple[Cells, ...]:
    """What the health of all members of each backend comes to: its status, weight, and how many of them take requests.
    The rows of servers need not be there. Raises ValueError where it is no such table."""
    head, rows = _table(answer)
    pick = _picker(head, _EFFECTS)
    try:
        return tuple(pick(row) for row in rows if row[1] == "BACKEND")
    except IndexError as error:
        raise ValueError("not a table of statistics") from error


def _table(answer: str) -> tuple[str, Iterator[list[str]]]:
    """The head, and the cells of each row."""
    head, *lines = answer.splitlines() or [""]
    # Quotes are rare, and this is done for each load balancer at each look.
    return head, csv.reader(lines) if '"' in answer else (line.split(",") for line in lines)


def _standing(answer: str) -> list[list[str]]:
    """Of each line what does not move by itself: of two tables in which that is the same all rows are. Most looks end
    here, so no more is taken apart than that needs."""
    head, *lines = answer.splitlines() or [""]
    moving = _moving(head)
    if moving is None or '"' in answer:
        return []
    at, last = moving[0], moving[0] + 1
    found = [head.split(",", 0)]
    for line in lines:
        cells = line.split(",", last)
        if len(cells) <= at:
            return []
        for each in moving:
            del cells[each]
        found.append(cells)
    return found


@lru_cache(maxsize=16)
def _moving(head: str) -> tuple[int, ...] | None:
    """The numbers of the columns that move by themselves, the last one first; None where one is missing."""
    columns = {name: number for number, name in enumerate(head.removeprefix("# ").split(","))}
    if not columns.keys() >= set(_MOVING):
        return None
    return tuple(sorted((columns[name] for name in _MOVING), reverse=True))


@lru_cache(maxsize=16)
def _picker(head: str, names: Cells) -> _Picker:
    if not head.startswith("# pxname,"):
        raise ValueError("not a table of statistics")
    columns = {name: number for number, name in enumerate(head.removeprefix("# ").split(","))}
    try:
        return itemgetter(*(columns[name] for name in names))
    except KeyError as error:
        raise ValueError("not a table of statistics") from error


def _statistics(news: Cells, besides: Cells, now: datetime) -> ProxyStatistics:
    """From the cells named by ``_NEWS`` and ``_BESIDES``."""
    proxy, server, status, bytes_in, bytes_out, active, total, errors, limit, *checks = news
    health, rise, agent_health, agent_rise, description, answer = checks
    code, number, duration, changed = besides
    vetoes = _good(agent_health, agent_rise)
    return ProxyStatistics(
        proxy=proxy,
        server=server,
        status=status,
        statistics=Statistics(
            bytes_in=_count(bytes_in),
            bytes_out=_count(bytes_out),
            active_connections=_count(active),
            total_connections=_count(total),
            request_errors=_count(errors),
        ),
        limit=int(limit) if limit else None,
        passing=_good(health, rise),
        vetoed=None if vetoes is None else not vetoes,
        reason=describe_check(code, number, description, answer),
        latency=int(duration) / 1000 if duration else None,
        when=now - timedelta(seconds=int(changed)) if changed else None,
    )


def _good(health: str, rise: str) -> bool | None:
    """HAProxy counts health up to ``rise`` and beyond; nothing is counted where no check is made."""
    return int(health) >= int(rise) if health and rise else None


def _count(text: str) -> int:
    return int(text) if text else 0
