"""The agent: takes hints, resyncs, and lets rounds run in threads, one at a time per load balancer.

What a round does stands in ``reconcile``, what comes next in ``requeue`` and ``schedule``, the threads in ``workers``;
here are the moments alone.

What happens on errors, by moment. Start: a host that lacks something essential stops the start (Hopeless). Change: a
failed round is tried again, ever later, and at each resync. Watch: a dead process is an urgent round,
so is a network that was changed from outside. Server away:
everything goes on by what is remembered. Stop: what runs runs on. A fault of the program is logged and counted, and
its thread goes on (``evenload.threads``).
"""

import threading
from collections.abc import Sequence
from dataclasses import replace

import structlog

from evenload.agent.memory import Memories, Memory
from evenload.agent.monitoring import Monitoring
from evenload.agent.numbers import Sources, gather
from evenload.agent.orphans import Orphans, warn_of_held_back
from evenload.agent.reconcile import Reconciler
from evenload.agent.requeue import Requeue, requeue_fault
from evenload.agent.resync import choose_batches, is_glance_enough, plan_resync
from evenload.agent.schedule import Answer, Schedule, Task
from evenload.agent.settings import AgentSettings
from evenload.agent.sight import describe
from evenload.agent.sparing import Sparing
from evenload.agent.tidings import Tidings
from evenload.agent.workers import Workers
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.interfaces.host import Host
from evenload.model.errors import HostError, ServerUnavailable
from evenload.model.event import EventKind, HostEvent
from evenload.model.numbers import AgentNumbers
from evenload.model.sight import SeenBalancer
from evenload.model.snapshot import Snapshot
from evenload.model.verdict import Verdict
from evenload.render.options import RenderOptions
from evenload.tally import UNCOUNTED, Counting
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 15.0
_DRIFT_PAUSE = 0.2


class Agent:
    """Inert until ``start``. Everything public may be called from any thread.

    ``faults``: counts what went wrong in the program itself.
    """

    def __init__(
        self,
        server: Server,
        host: Host,
        options: RenderOptions,
        clock: Clock,
        settings: AgentSettings | None = None,
        faults: Faults | None = None,
        counting: Counting = UNCOUNTED,
    ) -> None:
        self.faults = faults or Faults()
        self._counting = counting
        self._server = server
        self._host = host
        self._clock = clock
        self._settings = settings or AgentSettings()
        self._memories = Memories()
        self._tidings = Tidings()
        self._schedule = Schedule(self._settings.workers)
        self._workers = Workers(self._settings.workers, self._schedule, self._round, clock, self.faults)
        self.sparing = Sparing(host, self._memories, self._workers.alone, clock, self.faults)
        self._stopping = threading.Event()
        self._resyncs: LastingThread | None = None
        self._synced = False
        self._count = 1
        self._findings: frozenset[str] = frozenset()
        self._orphans = Orphans(self._settings.removal_share)
        self._reconciler = Reconciler(
            server,
            host,
            options,
            clock,
            self._settings,
            self._memories,
            self._orphans,
            self.faults,
            self._tidings,
            on_death=self._died,
            on_verdict=self._judged,
            counting=counting,
        )
        self.monitoring = Monitoring(
            server, host, clock, self._settings, self._memories, self._vetoed, self._silent, self.faults, self._tidings
        )

    def start(self) -> None:
        """Prepares the host and begins with a resync. Raises HostError where the host is not fit for it."""
        for warning in self._host.prepare():
            log.warning("preflight", finding=warning)
        self._host.watch_networks(self._drifted)
        self._stopping.clear()
        self._resyncs = LastingThread("agent-resync", self._resync_and_wait, self.faults)
        self._resyncs.start()
        self._workers.start()
        self.sparing.start()
        self.monitoring.start()

    def stop(self) -> None:
        """Lets the rounds that run come to their end; what runs on the host runs on."""
        self._stopping.set()
        self._workers.stop()
        self.sparing.stop()
        if self._resyncs is not None:
            self._resyncs.hurry()
            self._resyncs.join(_STOP_TIMEOUT)
            self._resyncs = None
        self._workers.join(_STOP_TIMEOUT)
        self.monitoring.stop()
        self._host.close()

    def hint(self, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        """The server has something newer, which ``snapshot`` may show already. Returns at once."""
        answer = None
        # Nothing can be from the future but what was dated by another clock: no order can be told from that.
        if snapshot is not None and snapshot.moment <= self._clock.monotonic():
            moment = snapshot.moment
            answer = Answer(document=snapshot.document, asked_at=moment, answered_at=moment)
        self._add(load_balancer_id, Task(fetch=answer is None, hinted=generation, answer=answer))

    def resync(self) -> None:
        """Asks for a look at everything: what is assigned here, and what is here (``plan_resync``)."""
        memories = self._memories.all()
        documents = {memory.load_balancer_id: memory.desired.document for memory in memories}
        here, assigned = self._list_what_is_here(), self._ask_what_is_assigned()
        if assigned is not None:
            self._orphans.count(here, documents, assigned)
            held_back = [memory.load_balancer_id for memory in memories if memory.desired.held_back]
            warn_of_held_back(held_back, len(memories))
        self._tell_findings()
        spread = self._settings.resync_interval / 2 if self._synced else 0.0
        unchanged = self._find_unchanged(memories)
        alone, batches = choose_batches(plan_resync(here, documents, assigned, spread, unchanged))
        for each in alone:
            self._add(each.load_balancer_id, each.task, each.delay, urgent=each.urgent)
        for batch in batches:
            answers = self._fetch_batch([each.load_balancer_id for each in batch])
            for each in batch:
                answer = answers.get(each.load_balancer_id)
                task = each.task if answer is None else replace(each.task, fetch=False, answer=answer)
                self._add(each.load_balancer_id, task, urgent=each.urgent)
        self._synced = True
        self._count += 1
        self._counting.add("resyncs_total")

    def sights(self, load_balancer_id: str | None) -> tuple[SeenBalancer, ...]:
        """What is in mind of that load balancer, with its parts; None: of all, without. HAProxy is not asked."""
        if load_balancer_id is None:
            wanted = self._memories.all()
        else:
            memory = self._memories.find(load_balancer_id)
            wanted = [] if memory is None else [memory]
        return tuple(
            describe(memory, self.monitoring.seen(memory.load_balancer_id), whole=load_balancer_id is not None)
            for memory in wanted
        )

    def numbers(self, sources: Sources) -> AgentNumbers:
        """For whoever shows them. HAProxy is not asked."""
        with self._workers.quiet():
            queued, running = self._schedule.count_due(self._clock.monotonic()), self._schedule.running
        return gather(
            sources,
            self._memories,
            queued=queued,
            running=running,
            spares=len(self._host.spares()),
            workers=self.monitoring.count_workers,
        )

    def settled(self) -> bool:
        """Nothing waits and nothing runs, not even a later attempt."""
        return self._workers.idle

    def run_due(self) -> bool:
        """Performs the next due round in the calling thread; False where none is due. For tests and single steps."""
        return self._workers.run_due()

    def _round(self, load_balancer_id: str, task: Task) -> None:
        requeue = self._reconcile(load_balancer_id, task)
        if task.hinted is not None:
            self.sparing.note_change(load_balancer_id)
        if requeue is not None:
            self._add(load_balancer_id, requeue.task, requeue.delay, urgent=requeue.urgent)

    def _reconcile(self, load_balancer_id: str, task: Task) -> Requeue | None:
        """Whatever happens, the load balancer is not lost from sight."""
        try:
            return self._reconciler.round(load_balancer_id, task)
        except Exception as error:  # noqa: BLE001 it is noted
            self.faults.note("round", load_balancer=load_balancer_id)
            try:
                return self._reconciler.broken(load_balancer_id, task, error)
            except Exception:  # noqa: BLE001 it is noted
                self.faults.note("round", load_balancer=load_balancer_id)
                return requeue_fault(task, self._settings)

    def _add(self, load_balancer_id: str, task: Task, delay: float = 0.0, *, urgent: bool = True) -> None:
        """A load balancer in trouble may keep its round for long: it is routine, so that never all hands are held."""
        memory = self._memories.find(load_balancer_id)
        urgent = urgent and not (memory is not None and memory.troubled)
        self._workers.add(load_balancer_id, task, self._clock.monotonic() + delay, urgent=urgent)

    def _find_unchanged(self, memories: Sequence[Memory]) -> set[str]:
        """Those that have nothing to be looked at wholly for."""
        try:
            return {
                memory.load_balancer_id
                for memory in memories
                if is_glance_enough(memory, self._count)
                and self.monitoring.answers(memory.load_balancer_id)
                and self._host.glance(memory.load_balancer_id) == memory.host.glance
            }
        except Exception:  # noqa: BLE001 it is noted; everything is looked at all the same
            self.faults.note("resync")
            return set()

    def _list_what_is_here(self) -> list[str]:
        try:
            return self._host.load_balancer_ids()
        except HostError as error:
            log.warning("cannot list what is here", reason=str(error))
        except Exception:  # noqa: BLE001 it is noted; what is assigned is looked after all the same
            self.faults.note("resync")
        return []

    def _tell_findings(self) -> None:
        """Once when they come, and when they go."""
        try:
            found = frozenset(self._host.findings())
        except HostError as error:
            log.warning("cannot look for what stands in the way", reason=str(error))
            return
        except Exception:  # noqa: BLE001 it is noted; everything is looked after all the same
            self.faults.note("resync")
            return
        for each in sorted(found - self._findings):
            log.error("the host stands in the way", finding=each)
        for each in sorted(self._findings - found):
            log.info("no longer in the way", finding=each)
        self._findings = found

    def _ask_what_is_assigned(self) -> dict[str, int] | None:
        try:
            return self._server.assignments()
        except ServerUnavailable as error:
            log.warning("server is away", reason=str(error))
        except Exception:  # noqa: BLE001 it is noted; what is here is looked after all the same
            self.faults.note("resync")
        return None

    def _fetch_batch(self, load_balancer_ids: Sequence[str]) -> dict[str, Answer]:
        """Nothing where the server could not be reached: each round asks for itself then."""
        asked_at = self._clock.monotonic()
        try:
            found = self._server.fetch(load_balancer_ids)
        except ServerUnavailable as error:
            log.warning("server is away", reason=str(error))
            return {}
        except Exception:  # noqa: BLE001 it is noted; each round asks for itself
            self.faults.note("resync")
            return {}
        now = self._clock.monotonic()
        return {key: Answer(document=each, asked_at=asked_at, answered_at=now) for key, each in found.items()}

    def _resync_and_wait(self) -> bool:
        if not self._stopping.is_set():
            self.resync()
            self._stopping.wait(self._settings.resync_interval)
        return not self._stopping.is_set()

    def _died(self, load_balancer_id: str) -> None:
        self._add(load_balancer_id, Task(observe=True))

    def _drifted(self, load_balancer_id: str) -> None:
        """Who changes a network by hand seldom does it by one step."""
        log.warning("network was changed from outside", load_balancer=load_balancer_id)
        self._tidings.note(
            HostEvent(
                kind=EventKind.NETWORK,
                at=self._clock.now(),
                state="changed",
                load_balancer_id=load_balancer_id,
                reason="somebody else did it; it is put right",
            )
        )
        self._add(load_balancer_id, Task(observe=True), _DRIFT_PAUSE)

    def _judged(self, load_balancer_id: str, verdict: Verdict) -> None:
        log.info("ping", load_balancer=load_balancer_id, member=verdict.member, up=verdict.up, reason=verdict.reason)
        self._counting.add("probe_verdicts_total", ("up" if verdict.up else "down",))
        self._memories.keep_verdict(load_balancer_id, verdict)
        self._add(load_balancer_id, Task())

    def _silent(self, load_balancer_id: str) -> None:
        """Another look, which waits for an answer, too."""
        self._add(load_balancer_id, Task(observe=True), urgent=False)

    def _vetoed(self, load_balancer_id: str) -> None:
        """What a round finds in HAProxy then is newer than what made somebody ask for it."""
        self._add(load_balancer_id, Task())
