"""The numbers of all workers of a load balancer, of those that are finishing too. May be read at any time.

The worker that serves is looked at through a conversation that is kept (``haproxy_look``). One that is finishing must
not be held by that: it has its last words, or a conversation for each look.
"""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from evenload.host.haproxy_answers import Answers, Texts
from evenload.host.haproxy_cuts import Cut, Cuts
from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_look import Look
from evenload.host.haproxy_runtime import STATISTICS, Conversation, HungUp
from evenload.host.haproxy_table import Rows, parse_statistics
from evenload.host.haproxy_workers import Workers
from evenload.host.succession import connections_of
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

_TIMEOUT = 1.0
_UNSETTLED_NS = 100_000_000
"""A directory that has changed so shortly before it was listed may change again without another time of change."""


@dataclass(slots=True)
class _Site:
    """One load balancer. ``numbers``: of the workers that have left a socket, as listed when the directory had last
    changed at ``changed_at``, in nanoseconds. ``look``: at the worker ``serving``. ``finishing``: how many connections
    each worker had that is finishing. ``texts``: what they answered at the look that is being made."""

    directory: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    changed_at: int | None = None
    numbers: list[int] = field(default_factory=list)
    serving: int | None = None
    look: Look | None = None
    finishing: dict[int, int] = field(default_factory=dict)
    texts: dict[int, Texts] = field(default_factory=dict)

    def leave(self) -> None:
        if self.look is not None:
            self.look.hang_up()
        self.serving, self.look = None, None


class StatisticsReader:
    """``answers``: who keeps what they say as it came, None for nobody."""

    def __init__(self, workers: Workers, last_words: LastWords, cuts: Cuts, answers: Answers | None = None) -> None:
        self._answers = answers
        self._workers = workers
        self._last_words = last_words
        self._cuts = cuts
        self._sites: dict[str, _Site] = {}
        self._lock = threading.Lock()

    def read(self, load_balancer_id: str) -> dict[int, Rows]:
        """By worker; those that do not answer are missing. A finishing worker without connections is let go when its
        last numbers have been read, or was let go before and is here once more."""
        with self._lock:
            site = self._sites.get(load_balancer_id)
            if site is None:
                site = self._sites[load_balancer_id] = _Site(str(self._workers.directory(load_balancer_id)))
        with site.lock:
            self._list(load_balancer_id, site)
            serving = self._serving(load_balancer_id, site)
            if site.serving != serving:
                site.leave()
            found = {}
            for number in site.numbers:
                try:
                    found[number] = self._read_awake(load_balancer_id, site, number, serves=number == serving)
                except (HostError, ValueError) as error:
                    log.debug("no statistics", load_balancer=load_balancer_id, worker=number, reason=str(error))
            said = self._last_words.said(load_balancer_id)
            if self._answers is not None:
                self._answers.note(load_balancer_id, site.texts, site.numbers)
                site.texts = {}
            return found | said

    def ask_ahead(self, load_balancer_ids: Iterable[str]) -> None:
        """Asks the workers that serve, so that they answer beside each other while none of them is waited for: a thread
        that sleeps and is woken for each answer spends more on that than on the answers."""
        for load_balancer_id in load_balancer_ids:
            with self._lock:
                site = self._sites.get(load_balancer_id)
            if site is not None:
                with site.lock:
                    if site.look is not None:
                        site.look.ask_ahead()

    def forget(self, load_balancer_id: str) -> None:
        """Ends the conversation with the worker that serves, until the next look."""
        with self._lock:
            site = self._sites.pop(load_balancer_id, None)
        if site is not None:
            with site.lock:
                site.leave()

    def close(self) -> None:
        for load_balancer_id in list(self._sites):
            self.forget(load_balancer_id)

    def _list(self, load_balancer_id: str, site: _Site) -> None:
        now = time.time_ns()
        try:
            changed_at: int | None = os.stat(site.directory).st_mtime_ns
        except OSError:
            changed_at = None
        if changed_at is None or changed_at != site.changed_at:
            site.numbers = self._workers.sockets(load_balancer_id)
            settled = changed_at is not None and 0 <= changed_at <= now - _UNSETTLED_NS
            site.changed_at = changed_at if settled else None

    def _serving(self, load_balancer_id: str, site: _Site) -> int | None:
        """The worker whose socket is the current one. One that stopped serving without a successor has last words."""
        if len(site.numbers) == 1:
            return site.numbers[0]
        return self._workers.current(load_balancer_id) if site.numbers else None

    def _read_awake(self, load_balancer_id: str, site: _Site, number: int, *, serves: bool) -> Rows:
        """One that was stopped is let go on, and asked once more."""
        try:
            return self._read(load_balancer_id, site, number, serves=serves)
        except HostError:
            if not self._workers.resume_stopped(load_balancer_id, number):
                raise
            return self._read(load_balancer_id, site, number, serves=serves)

    def _read(self, load_balancer_id: str, site: _Site, number: int, *, serves: bool) -> Rows:
        last_words = self._last_words.get(load_balancer_id, number)
        if last_words is not None:
            if serves:
                site.leave()
            return self._read_last_words(load_balancer_id, site, number, last_words)
        if not serves:
            path = self._workers.file(load_balancer_id, number, "sock")
            with Conversation(path, timeout=_TIMEOUT) as conversation:
                return self._parsed(site, number, conversation.ask(STATISTICS))
        if site.look is None:
            path = self._workers.file(load_balancer_id, number, "sock")
            site.serving, site.look = number, Look(path, keeps=self._answers is not None)
        rows = site.look.rows()
        if self._answers is not None:
            site.texts[number] = site.look.texts
        return rows

    def _parsed(self, site: _Site, number: int, text: str) -> Rows:
        rows = parse_statistics(text)
        if self._answers is not None:
            site.texts[number] = (text,)
        return rows

    def _read_last_words(self, load_balancer_id: str, site: _Site, number: int, last_words: Conversation) -> Rows:
        before = site.finishing.pop(number, 0)
        try:
            rows = self._parsed(site, number, last_words.ask(STATISTICS))
        except (HostError, ValueError) as error:
            held = self._last_words.hang_up(load_balancer_id, number, last_words)
            if held and isinstance(error, HungUp):  # it cannot have ended in order: that waits for us
                self._cuts.note(load_balancer_id, before, Cut.OWN_END)
            raise
        connections = connections_of(rows)
        if connections:
            site.finishing[number] = connections
        else:
            self._last_words.hang_up(load_balancer_id, number, last_words)
        return rows
