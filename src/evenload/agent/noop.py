"""An agent that touches no machine: it reports success on everything at once, and sees nothing.

For trying clients and for measuring the API. Load balancers become ACTIVE and, since nobody serves them, stay OFFLINE;
so do members that would be checked, which is what it says of them.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from evenload.agent.numbers import Sources
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.model.desired import Change, Desired, Gone, Health, Outcome, Report, Unreadable
from evenload.model.enums import OperatingStatus
from evenload.model.errors import ServerUnavailable
from evenload.model.numbers import AgentNumbers
from evenload.model.sight import SeenBalancer
from evenload.model.snapshot import Snapshot
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Settled:
    """What the server was told of a load balancer: its generation, and the members that would be checked."""

    generation: int
    checked: frozenset[str]


_NOTHING = _Settled(0, frozenset())


class NoopAgent:
    """Inert until ``start``. ``resync_interval`` in seconds. One thread does all: it has nothing to wait for but the
    server."""

    def __init__(self, server: Server, clock: Clock, resync_interval: float, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._server = server
        self._clock = clock
        self._interval = resync_interval
        self._reported: dict[str, _Settled] = {}
        self._news = threading.Condition()
        self._waiting: dict[str, int] = {}
        self._resync_at = 0.0
        self._stopping = False
        self._thread: LastingThread | None = None

    def start(self) -> None:
        self._stopping = False
        self._resync_at = self._clock.monotonic()
        self._thread = LastingThread("noop-agent", self._step, self.faults)
        self._thread.start()

    def stop(self) -> None:
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None

    def hint(self, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        """The server has something newer. Returns at once; the document itself is of no interest."""
        with self._news:
            self._waiting[load_balancer_id] = generation
            self._news.notify()

    def resync(self) -> None:
        """Asks for a look at everything that is assigned."""
        with self._news:
            self._resync_at = self._clock.monotonic()
            self._news.notify()

    def sights(self, load_balancer_id: str | None) -> tuple[SeenBalancer, ...]:
        """It sees nothing."""
        del load_balancer_id
        return ()

    def numbers(self, sources: Sources) -> AgentNumbers:
        """Nothing but what was counted: nobody is served."""
        return AgentNumbers(version=sources.version, counted=tuple(sources.counted()))

    def _step(self) -> bool:
        with self._news:
            rest = self._resync_at - self._clock.monotonic()
            if not self._waiting and rest > 0:
                self._news.wait(rest)
            if self._stopping:
                return False
            taken, self._waiting = self._waiting, {}
            due = self._resync_at <= self._clock.monotonic()
            if due:
                self._resync_at = self._clock.monotonic() + self._interval
        try:
            self._settle(taken)
            if due:
                self._settle(self._find_unreported())
        except ServerUnavailable as error:
            log.debug("the server is away", reason=str(error))
        return True

    def _find_unreported(self) -> list[str]:
        assigned = self._server.assignments()
        self._reported = {each: known for each, known in self._reported.items() if each in assigned}
        return [
            each for each, generation in assigned.items() if self._reported.get(each, _NOTHING).generation != generation
        ]

    def _settle(self, load_balancer_ids: Iterable[str]) -> None:
        wanted = list(load_balancer_ids)
        for first in range(0, len(wanted), _AT_ONCE):
            settled: dict[str, _Settled] = {}
            seen: list[Health] = []
            for identifier, answer in self._server.fetch(wanted[first : first + _AT_ONCE]).items():
                if isinstance(answer, Unreadable) or answer.generation is None:
                    continue
                change = Change.REMOVE if isinstance(answer, Gone) else Change.NOTHING
                self._server.report(
                    Report(
                        load_balancer_id=identifier,
                        generation=answer.generation,
                        outcome=Outcome.DONE,
                        change=change,
                    )
                )
                settled[identifier] = _Settled(answer.generation, _checked_members(answer))
                fresh = settled[identifier].checked - self._reported.get(identifier, _NOTHING).checked
                if fresh:
                    statuses = dict.fromkeys(fresh, OperatingStatus.OFFLINE)
                    seen.append(Health(load_balancer_id=identifier, statuses=statuses, statistics={}))
            if seen:
                self._server.health(seen)
            self._reported |= settled


def _checked_members(answer: Desired | Gone) -> frozenset[str]:
    if isinstance(answer, Gone):
        return frozenset()
    checked = {monitor.pool_id for monitor in answer.monitors if monitor.admin_state_up}
    return frozenset(member.id for member in answer.members if member.pool_id in checked)
