"""HAProxy's own numbers, all of them, out of the answers that monitoring has got anyway: kept as they came, and taken
apart when somebody asks.

A worker counts from its start. What one had counted that has ended stays in the totals; what was counted before this
agent began is in none of them.
"""

import csv
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

Place = tuple[str, str]
"""Proxy and server, as HAProxy calls them."""
Texts = tuple[str, ...]

_TOTALS = {
    "bytes_in": "bin",
    "bytes_out": "bout",
    "connections_total": "stot",
    "request_errors": "ereq",
    "denied": "dreq",
    "requests": "req_tot",
    "connection_errors": "econ",
    "response_errors": "eresp",
    "retries": "wretr",
    "redispatches": "wredis",
    "check_failures": "chkfail",
    "1xx": "hrsp_1xx",
    "2xx": "hrsp_2xx",
    "3xx": "hrsp_3xx",
    "4xx": "hrsp_4xx",
    "5xx": "hrsp_5xx",
    "other": "hrsp_other",
}
_SUMS = {"connections": "scur", "queue": "qcur"}
"""Of the moment, over all workers."""
_LAST = {"limit": "slim", "rate": "rate"}
"""Of the worker that was started last."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """``totals`` and ``moment`` by name; what HAProxy leaves empty is missing. ``status``: HAProxy's word."""

    totals: Mapping[str, float]
    moment: Mapping[str, float]
    status: str


Table = dict[Place, Numbers]


@dataclass(slots=True)
class _Site:
    """``first``: the first answers of the workers that were there at the first look."""

    first: dict[int, Texts]
    last: dict[int, Texts] = field(default_factory=dict)
    ended: dict[Place, dict[str, float]] = field(default_factory=dict)


class Answers:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._sites: dict[str, _Site] = {}
        self._lock = threading.Lock()

    def note(self, load_balancer_id: str, answers: Mapping[int, Texts], alive: Collection[int]) -> None:
        """After a look. ``alive``: the workers that may answer again; of others ``answers`` has the last words."""
        with self._lock:
            site = self._sites.get(load_balancer_id)
            if site is None:
                site = self._sites[load_balancer_id] = _Site(first=dict(answers))
            site.last.update(answers)
            for worker in [worker for worker in site.last if worker not in alive]:
                for place, numbers in read_tables(site.last.pop(worker)).items():
                    _add(site.ended.setdefault(place, {}), numbers.totals)

    def note_last_words(self, load_balancer_id: str, worker: int, text: str) -> None:
        """Of one that is let go between two looks."""
        with self._lock:
            site = self._sites.get(load_balancer_id)
            if site is not None:
                site.last[worker] = (text,)

    def renumber(self, load_balancer_id: str, worker: int, other: int) -> None:
        """The worker has another number now."""
        with self._lock:
            site = self._sites.get(load_balancer_id)
            for answers in (site.first, site.last) if site is not None else ():
                if worker in answers:
                    answers[other] = answers.pop(worker)

    def keep(self, load_balancer_ids: Collection[str]) -> None:
        """Forgets the others."""
        with self._lock:
            self._sites = {key: site for key, site in self._sites.items() if key in load_balancer_ids}

    def read(self, load_balancer_id: str, first_own: int | None) -> Table:
        """By place, of those that a living worker has. ``first_own``: the lowest number of a worker that this agent has
        started, None where it has started none; others had counted before it began."""
        with self._lock:
            site = self._sites.get(load_balancer_id)
            if site is None:
                return {}
            first, last = dict(site.first), sorted(site.last.items())
            ended = {place: dict(totals) for place, totals in site.ended.items()}
        living = [read_tables(texts) for _, texts in last]
        before = [read_tables(texts) for worker, texts in first.items() if first_own is None or worker < first_own]
        places = {place: None for table in living for place in table}
        if living:
            with self._lock:
                site.ended = {place: totals for place, totals in site.ended.items() if place in places}
        return {
            place: _united(
                [table[place] for table in living if place in table],
                ended.get(place, {}),
                [table[place] for table in before if place in table],
            )
            for place in places
        }


def _united(living: Sequence[Numbers], ended: Mapping[str, float], before: Iterable[Numbers]) -> Numbers:
    totals = dict(ended)
    for numbers in living:
        _add(totals, numbers.totals)
    for numbers in before:
        _add(totals, numbers.totals, sign=-1)
    moment = dict(living[-1].moment)
    for name in _SUMS:
        if name in moment:
            moment[name] = sum(numbers.moment.get(name, 0.0) for numbers in living)
    # Where another one has counted from zero meanwhile, nothing is less than nothing.
    return Numbers({name: max(0.0, value) for name, value in totals.items()}, moment, living[-1].status)


def _add(totals: dict[str, float], others: Mapping[str, float], sign: int = 1) -> None:
    for name, value in others.items():
        totals[name] = totals.get(name, 0.0) + sign * value


def read_tables(texts: Texts) -> Table:
    """Of all rows; what is no table has none."""
    return {place: numbers for text in texts for place, numbers in _rows(text)}


def _rows(text: str) -> Iterator[tuple[Place, Numbers]]:
    head, *lines = text.splitlines() or [""]
    if not head.startswith("# pxname,"):
        return
    plan = _plan(head)
    for line in lines:
        cells = line.split(",", plan.last + 1)
        if '"' in line and any('"' in cell for cell in cells[:-1]):
            cells = next(csv.reader([line]))
        if len(cells) <= plan.last:
            continue
        found = {name: float(cell) for name, at in plan.moment if (cell := cells[at])}
        if plan.duration is not None and (cell := cells[plan.duration]):
            found["check_seconds"] = int(cell) / 1000
        counted = {name: float(cell) for name, at in plan.totals if (cell := cells[at])}
        yield (cells[0], cells[1]), Numbers(counted, found, cells[plan.status])


@dataclass(frozen=True, slots=True)
class _Plan:
    """The numbers of the columns; ``last``: the highest of them, so that no more is taken apart than is needed."""

    totals: tuple[tuple[str, int], ...]
    moment: tuple[tuple[str, int], ...]
    status: int
    duration: int | None
    last: int


@lru_cache(maxsize=16)
def _plan(head: str) -> _Plan:
    columns = {name: number for number, name in enumerate(head.removeprefix("# ").split(","))}
    totals, moment = _placed(columns, _TOTALS), _placed(columns, {**_SUMS, **_LAST})
    status, duration = columns.get("status", 0), columns.get("check_duration")
    used = [1, status, duration or 0, *(at for _, at in (*totals, *moment))]
    return _Plan(totals, moment, status, duration, max(used))


def _placed(columns: Mapping[str, int], names: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    return tuple((name, columns[column]) for name, column in names.items() if column in columns)
