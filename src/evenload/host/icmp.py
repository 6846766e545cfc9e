"""Pings members whose health monitor is of the type PING, from the namespaces of their load balancers.

Part of the Host. HAProxy cannot ping without running programs as an outside check; so the agent does, with one thread
and two sockets per load balancer for everybody, and tells HAProxy the outcome. The thread comes with the first target
and goes with ``close``.
"""

import heapq
import itertools
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from evenload.host import netns
from evenload.host.icmp_echo import Echo, Streak, advance, family_of, open_socket, parse_reply, render_request
from evenload.host.waiting import News, WaitingThread
from evenload.model.desired import PingTarget
from evenload.model.errors import HostError
from evenload.model.verdict import Verdict
from evenload.threads import Faults

log = structlog.get_logger(__name__)

OnVerdict = Callable[[str, Verdict], None]
Key = tuple[str, str, str]
_LONGEST_SLEEP = 5.0
_TOKEN = 8
_ROOM = 64
"""Void places that may lie among those that count, however few these are."""
_SLOT = 0.01
"""Seconds that what is due may wait for others: a thread that is woken for each ping spends most on that."""
_AT_ONCE = 50
"""Pings after which answers are read: more of them at once than a socket has room for would be lost."""


@dataclass(slots=True, eq=False)
class _Probe:
    """One target at work. ``sent_at`` and ``echo`` are set while an answer is awaited."""

    target: PingTarget
    streak: Streak = field(default_factory=Streak)
    sent_at: float = 0.0
    echo: Echo | None = None
    turn: int = 0

    @property
    def key(self) -> Key:
        return self.target.monitor, self.target.member, self.target.address


@dataclass(slots=True, eq=False)
class _Site:
    """One load balancer. ``namespace``: the inode that the sockets are in. ``awaited``: the probes to which an answer
    may come, by who would send it and what it would say."""

    load_balancer_id: str
    on_verdict: OnVerdict
    identifier: int
    probes: dict[Key, _Probe] = field(default_factory=dict)
    awaited: dict[tuple[str, Echo], _Probe] = field(default_factory=dict)
    namespace: int | None = None
    sockets: dict[int, socket.socket] = field(default_factory=dict)


class _Due(NamedTuple):
    """When a probe wants attention; void once the probe has had another ``turn`` meanwhile. No two have one ``place``,
    so that the order is that of the first two."""

    at: float
    place: int
    site: _Site
    probe: _Probe
    turn: int


class Pinger:
    """``namespace_path`` says where a load balancer's namespace is. Callbacks come from the pinging thread."""

    def __init__(self, namespace_path: Callable[[str], Path], faults: Faults | None = None) -> None:
        self._namespace_path = namespace_path
        self._faults = faults or Faults()
        self._thread = WaitingThread("ping", self._collect, self._faults, pause=self._pause)
        self._sites: dict[str, _Site] = {}
        self._due: list[_Due] = []
        self._most_due = _ROOM
        self._places = itertools.count()

    def ping(self, load_balancer_id: str, targets: Sequence[PingTarget], on_verdict: OnVerdict) -> None:
        """From now on these targets, instead of those given before; see Host.ping."""
        with self._thread.lock:
            if self._thread.closed:
                return
            former = self._sites.get(load_balancer_id)
            if not targets:
                if former is not None:
                    self._close_sockets(former)
                    del self._sites[load_balancer_id]
                return
            self._thread.start()
            site = former or _Site(load_balancer_id, on_verdict, secrets.randbelow(1 << 16))
            site.on_verdict = on_verdict
            self._sites[load_balancer_id] = site
            self._aim(site, targets)
            self._thread.rouse()

    def _aim(self, site: _Site, targets: Sequence[PingTarget]) -> None:
        """A probe that is wanted further goes on by its present times, counted from its last question."""
        before, now = site.probes, time.monotonic()
        site.probes = {}
        for target in targets:
            probe = before.pop((target.monitor, target.member, target.address), None)
            if probe is None:
                probe = _Probe(target)
                self._schedule(site, probe, now)
            elif (probe.target.delay, probe.target.timeout) != (target.delay, target.timeout):
                probe.target = target
                self._schedule(site, probe, _moment_of(probe))
            probe.target = target
            site.probes[probe.key] = probe
        for probe in before.values():
            _forget_question(site, probe)

    def let_go(self, load_balancer_id: str) -> None:
        """Closes the sockets in a namespace that has just lost its name: they would keep it alive. Goes on pinging as
        soon as there is a new one."""
        with self._thread.lock:
            site = self._sites.get(load_balancer_id)
            if site is not None:
                self._close_sockets(site)

    def close(self) -> None:
        self._thread.close(self._drop_all)

    def _drop_all(self) -> None:
        for site in self._sites.values():
            self._close_sockets(site)
        self._sites.clear()

    def _pause(self) -> float:
        pause = self._due[0].at + _SLOT - time.monotonic() if self._due else _LONGEST_SLEEP
        return min(max(pause, 0.0), _LONGEST_SLEEP)

    def _collect(self, found: list[tuple[_Site, socket.socket]]) -> list[News]:
        news = [*self._receive(found), *self._turn(time.monotonic())]
        return [
            News("verdict", site.load_balancer_id, partial(self._tell, site, probe, verdict))
            for site, probe, verdict in news
        ]

    def _tell(self, site: _Site, probe: _Probe, verdict: Verdict) -> None:
        with self._thread.lock:
            if not self._is_wanted(site, probe):
                return  # nobody wants to know any more
            on_verdict = site.on_verdict
        on_verdict(site.load_balancer_id, verdict)

    def _receive(self, found: list[tuple[_Site, socket.socket]]) -> list[tuple[_Site, _Probe, Verdict]]:
        news = []
        for site, opened in found:
            if opened.fileno() < 0:  # closed since the event
                continue
            try:
                for address, echo in _replies(opened):
                    probe = site.awaited.get((address, echo))
                    if probe is not None:
                        news += self._judge(site, probe, latency=time.monotonic() - probe.sent_at)
            except Exception:  # noqa: BLE001 it is noted; what was not understood counts as lost when its time is over
                self._faults.note("ping", load_balancer=site.load_balancer_id)
        return news

    def _turn(self, now: float) -> list[tuple[_Site, _Probe, Verdict]]:
        """What is due: questions to ask, as many as may be at once, and answers that did not come in time."""
        news = []
        asked = 0
        while asked < _AT_ONCE and self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            site, probe = due.site, due.probe
            if not self._counts(due):
                continue
            try:
                if probe.echo is None:
                    asked += 1
                    self._ask(site, probe, now)
                else:
                    news += self._judge(site, probe, latency=None)
            except Exception:  # noqa: BLE001 it is noted, and the target is not forgotten
                self._faults.note("ping", load_balancer=site.load_balancer_id)
                self._schedule(site, probe, now + max(probe.target.delay, 1))
        self._tidy()
        return news

    def _tidy(self) -> None:
        """Void places are left where they lie, and taken away when they are the greater part."""
        if len(self._due) > self._most_due:
            self._due = [due for due in self._due if self._counts(due)]
            heapq.heapify(self._due)
            self._most_due = _ROOM + 2 * len(self._due)

    def _counts(self, due: _Due) -> bool:
        return due.turn == due.probe.turn and self._is_wanted(due.site, due.probe)

    def _is_wanted(self, site: _Site, probe: _Probe) -> bool:
        return self._sites.get(site.load_balancer_id) is site and site.probes.get(probe.key) is probe

    def _ask(self, site: _Site, probe: _Probe, now: float) -> None:
        """What cannot be sent counts as lost when its time is over."""
        echo = Echo(site.identifier, secrets.randbelow(1 << 16), secrets.token_bytes(_TOKEN))
        family = family_of(probe.target.address)
        _forget_question(site, probe)
        probe.echo, probe.sent_at = echo, now
        site.awaited[probe.target.address, echo] = probe
        try:
            self._socket(site, family).sendto(render_request(family, echo), (probe.target.address, 0))
        except (OSError, HostError) as error:
            log.debug("ping not sent", load_balancer=site.load_balancer_id, reason=str(error))
        self._schedule(site, probe, _moment_of(probe))

    def _judge(self, site: _Site, probe: _Probe, *, latency: float | None) -> list[tuple[_Site, _Probe, Verdict]]:
        """``latency`` in seconds, None where no answer came in time."""
        _forget_question(site, probe)
        target = probe.target
        probe.streak, up = advance(probe.streak, latency is not None, target.rise, target.fall)
        self._schedule(site, probe, _moment_of(probe))
        if up is None:
            return []
        verdict = Verdict(
            monitor=target.monitor,
            member=target.member,
            up=up,
            reason=None if up else f"{target.address} does not answer within {max(target.timeout, 1)} s",
            latency=latency,
            when=datetime.now(UTC),
        )
        return [(site, probe, verdict)]

    def _schedule(self, site: _Site, probe: _Probe, at: float) -> None:
        probe.turn += 1
        heapq.heappush(self._due, _Due(at, next(self._places), site, probe, probe.turn))

    def _socket(self, site: _Site, family: int) -> socket.socket:
        """In the load balancer's present namespace: it may have been made anew since the last ping."""
        path = self._namespace_path(site.load_balancer_id)
        found = netns.inode(path)
        if found != site.namespace:
            self._close_sockets(site)
            site.namespace = found
        if family not in site.sockets:
            with netns.visit(path):
                opened = open_socket(family)
            site.sockets[family] = opened
            self._thread.register(opened, (site, opened))
        return site.sockets[family]

    def _close_sockets(self, site: _Site) -> None:
        for opened in site.sockets.values():
            self._thread.unregister(opened)
            opened.close()
        site.sockets.clear()


def _replies(opened: socket.socket) -> list[tuple[str, Echo]]:
    """Everything that has come in, with who sent it."""
    found: list[tuple[str, Echo]] = []
    while True:
        try:
            packet, sender = opened.recvfrom(2048)
        except BlockingIOError:
            return found
        except OSError:  # an error that the network told of; the loss is counted when the time is over
            return found
        echo = parse_reply(opened.family, packet)
        if echo is not None:
            found.append((sender[0], echo))


def _moment_of(probe: _Probe) -> float:
    """When its answer counts as lost, or, where it waits for none, its next question comes."""
    return probe.sent_at + max(probe.target.delay if probe.echo is None else probe.target.timeout, 1)


def _forget_question(site: _Site, probe: _Probe) -> None:
    """An answer that still comes says nothing any more."""
    if probe.echo is not None:
        site.awaited.pop((probe.target.address, probe.echo), None)
        probe.echo = None
