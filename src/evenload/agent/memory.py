"""What the agent keeps in mind of one load balancer between rounds, so that a hint needs no look at the host.

Five parts, each with an idea of its own: what the server desires, what the host has, the HAProxy process, the probes,
the reports. A round is alone with its load balancer; what other threads touch meanwhile (verdicts of the pings, what
monitoring reads) is replaced whole, never changed in place. Nothing here is needed to survive: the host remembers the
applied document.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from evenload.agent.actions import Plan
from evenload.agent.verdicts import ServerKey
from evenload.model.desired import Desired, Gone, Outcome, PingTarget, Unreadable
from evenload.model.observed import Observed
from evenload.model.secret import SecretBytes
from evenload.model.verdict import CheckKey, Verdict, Verdicts
from evenload.render.server_lines import ServerLines


@dataclass(slots=True)
class DesiredPart:
    """What the server wants. ``unreadable``: its last answer, where that could not be taken; the document stands then.

    ``held_back``: the server knows no such load balancer, but it may not be removed; the document stands then, too.
    ``answered_at``: the moment of its last answer. ``failures``: fetches in a row that the server did not answer.
    """

    document: Desired | Gone | None = None
    answered_at: float = 0.0
    unreadable: Unreadable | None = None
    held_back: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What monitoring needs: the document that was applied last, and the worker that serves it, None for none.

    ``first_own``: the lowest number of the workers that this agent has started itself, None for none. ``room``: for how
    many connections the worker has room, where it could have more; else 0.
    """

    desired: Desired
    worker: int | None
    first_own: int | None = None
    room: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """What a plan was made of that asks for nothing: of the very same things the same plan is made again, and need not
    be. ``observed`` shares its document and its texts with ``desired`` and ``plan``. ``others``: the further arguments
    of the plan."""

    desired: Desired
    observed: Observed
    others: tuple[object, ...]
    plan: Plan


@dataclass(slots=True)
class HostPart:
    """``observed``: the host as the last round left it, None where it has to be observed anew. ``nothing``: of the last
    plan, where it asked for nothing. ``lines``: of the servers in the last text. ``glance``: the host's, from just
    before the last look at all there is, where that found nothing to do, or from the end of a round that started the
    process; None otherwise.

    ``failures``: attempts in a row that failed, the last one for this ``reason``. ``failing_since``: the moment of the
    first of them. ``busy_since``:
    removed servers that still have connections, with the moment at which that was first observed.
    """

    observed: Observed | None = None
    nothing: Nothing | None = None
    lines: ServerLines = field(default_factory=ServerLines)
    glance: object | None = None
    serving: Serving | None = None
    failures: int = 0
    reason: str | None = None
    failing_since: float = 0.0
    busy_since: Mapping[ServerKey, float] = field(default_factory=dict)


@dataclass(slots=True)
class ProcessPart:
    """``pid``: of the process that is watched. ``worker``: the highest number that was given so far; ``first_own``: the
    lowest that was given by this agent itself, and not by a former one.

    ``crowded``: monitoring found it half full. ``unanswered``: looks in a row at which the process lived and gave no
    answer; ``silent``: those of monitoring alone. ``dead``: it has died, and no other was started since. ``deaths``:
    the recent ones; after too many no process is started before ``backoff_until``.
    """

    pid: int | None = None
    worker: int = 0
    first_own: int | None = None
    crowded: bool = False
    unanswered: int = 0
    silent: int = 0
    dead: bool = False
    deaths: tuple[float, ...] = ()
    backoff_until: float = 0.0


@dataclass(slots=True)
class ProbePart:
    """``targets``: what is pinged; ``verdicts``: of these pings.

    ``applied``: what the process ``pid`` was told of members' health; ``down``: which of them it may hold as down by
    that.
    """

    targets: tuple[PingTarget, ...] = ()
    verdicts: Verdicts = field(default_factory=dict)
    pid: int | None = None
    applied: Mapping[ServerKey, bool] = field(default_factory=dict)
    down: Collection[ServerKey] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The last report that reached the server, and when."""

    generation: int
    outcome: Outcome
    reason: str | None
    moment: float


@dataclass(slots=True)
class ReportPart:
    """``failures``: reports in a row that did not reach the server."""

    acknowledged: Acknowledged | None = None
    failures: int = 0


@dataclass(slots=True)
class Memory:
    """``secrets``: contents, by fingerprint, of those that are desired and not on the host yet."""

    load_balancer_id: str
    desired: DesiredPart = field(default_factory=DesiredPart)
    host: HostPart = field(default_factory=HostPart)
    process: ProcessPart = field(default_factory=ProcessPart)
    probes: ProbePart = field(default_factory=ProbePart)
    reports: ReportPart = field(default_factory=ReportPart)
    secrets: Mapping[str, SecretBytes] = field(default_factory=dict)

    @property
    def troubled(self) -> bool:
        """The last attempt failed, or the process gave no answer: the next round may take long, too."""
        return self.host.failures > 0 or self.process.unanswered > 0


class Memories:
    """All of them. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memories: dict[str, Memory] = {}
        self._forgotten_at = 0.0

    def of(self, load_balancer_id: str) -> Memory:
        """An empty one where there is none."""
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is None:
                # Perhaps it was forgotten just now: no answer from before that is to bring it back.
                desired = DesiredPart(answered_at=self._forgotten_at)
                memory = self._memories[load_balancer_id] = Memory(load_balancer_id, desired)
            return memory

    def find(self, load_balancer_id: str) -> Memory | None:
        with self._lock:
            return self._memories.get(load_balancer_id)

    def forget(self, load_balancer_id: str, now: float) -> None:
        with self._lock:
            self._memories.pop(load_balancer_id, None)
            self._forgotten_at = now

    def all(self) -> list[Memory]:
        with self._lock:
            return list(self._memories.values())

    def keep_verdict(self, load_balancer_id: str, verdict: Verdict) -> None:
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is not None:
                memory.probes.verdicts = {**memory.probes.verdicts, verdict.key: verdict}

    def keep_verdicts_of(self, load_balancer_id: str, checks: Collection[CheckKey]) -> None:
        """Forgets those of pings that are no longer made."""
        with self._lock:
            memory = self._memories.get(load_balancer_id)
            if memory is not None:
                probes = memory.probes
                probes.verdicts = {key: value for key, value in probes.verdicts.items() if key in checks}
