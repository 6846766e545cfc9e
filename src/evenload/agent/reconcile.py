"""One round with one load balancer: fetch, observe, plan, apply, report, and what to remember of it.

``round`` never runs twice at once for the same load balancer. Whatever goes wrong here ends in a named result and a
moment for the next attempt; traffic is never touched because the server is silent.
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from evenload.agent.actions import Plan
from evenload.agent.apply import Attempt, apply
from evenload.agent.backoff import choose_backoff, is_hopeless, recent
from evenload.agent.causes import choose_count, describe_process
from evenload.agent.documents import Documents
from evenload.agent.liveness import count_unanswered, hangs, has_died, is_missing
from evenload.agent.memory import Memories, Memory, Serving
from evenload.agent.orphans import Orphans
from evenload.agent.plan import plan, plan_aftermath
from evenload.agent.planning import Planner
from evenload.agent.probing import OnVerdict, Probing
from evenload.agent.report import Reporter
from evenload.agent.requeue import Requeue, RoundEnd, choose_requeue, requeue_backoff, requeue_fault, requeue_unknown
from evenload.agent.schedule import Task
from evenload.agent.secrets import Secrets
from evenload.agent.settings import AgentSettings
from evenload.agent.tidings import Tidings
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.interfaces.host import Host
from evenload.model.desired import Change, Desired, Gone, Outcome
from evenload.model.errors import Hopeless, HostError
from evenload.model.event import EventKind, HostEvent, capped
from evenload.model.observed import Observed
from evenload.render.haproxy import count_checks
from evenload.render.haproxy_room import find_shortage, most_connections, room_of
from evenload.render.options import RenderOptions
from evenload.tally import UNCOUNTED, Counting
from evenload.threads import Faults

log = structlog.get_logger(__name__)


def _deaths(number: int) -> str:
    return "its process is gone, and nobody here ended it" + (f"; {number} times of late" if number > 1 else "")


class Reconciler:
    """``on_death`` and ``on_verdict`` are called from threads of the host."""

    def __init__(
        self,
        server: Server,
        host: Host,
        options: RenderOptions,
        clock: Clock,
        settings: AgentSettings,
        memories: Memories,
        orphans: Orphans,
        faults: Faults,
        tidings: Tidings,
        *,
        on_death: Callable[[str], None],
        on_verdict: OnVerdict,
        counting: Counting = UNCOUNTED,
    ) -> None:
        self._counting = counting
        self._host = host
        self._options = options
        self._clock = clock
        self._settings = settings
        self._memories = memories
        self._tidings = tidings
        self._on_death = on_death
        self._documents = Documents(server, clock, orphans, faults)
        self._secrets = Secrets(server)
        self._planner = Planner(options, clock)
        self._probing = Probing(host, memories, on_verdict)
        self._reporter = Reporter(server, clock, faults, tidings)

    def round(self, load_balancer_id: str, task: Task) -> Requeue | None:
        """Returns None where nothing is left to do until somebody asks again."""
        started = self._clock.monotonic()
        memory = self._memories.of(load_balancer_id)
        fetched = self._documents.bring_up_to_date(memory, task)
        try:
            observed = self._observe(memory, task)
            desired = memory.desired.document or observed.applied
            if desired is None:
                self._counting.add("rounds_total", ("nothing",))
                return self._unknown(memory, task, observed)
            memory.desired.document = desired
            wait = self._backoff(memory, desired, observed)
            if wait:
                self._counting.add("rounds_total", ("backoff",))
                return requeue_backoff(wait, fetched=fetched, hinted=task.hinted)
            attempt = self._attempt(memory, desired, observed)
        except HostError as error:
            outcome = Outcome.GIVE_UP if isinstance(error, Hopeless) else Outcome.RETRY
            attempt = Attempt(outcome=outcome, change=Change.NOTHING, reason=str(error))
        self._remember(memory, attempt)
        outcome = self._outcome(memory, attempt)
        self._counting.add("rounds_total", (outcome.value,))
        self._counting.observe("round_duration_seconds", (attempt.change.value,), self._clock.monotonic() - started)
        self._log(memory, outcome, attempt, task, started)
        return self._end(memory, task, outcome, attempt, fetched=fetched)

    def broken(self, load_balancer_id: str, task: Task, error: Exception) -> Requeue | None:
        """After a fault of the program itself in a round: told like any other failure, and tried again."""
        memory = self._memories.of(load_balancer_id)
        attempt = Attempt(outcome=Outcome.GIVE_UP, change=Change.NOTHING, reason=f"internal fault: {error!r}")
        self._remember(memory, attempt)
        return self._end(memory, task, Outcome.GIVE_UP, attempt, fetched=True)

    def _observe(self, memory: Memory, task: Task) -> Observed:
        before = memory.host.observed
        if before is not None and not task.observe:
            return before
        desired = memory.desired.document
        port = desired.port if isinstance(desired, Desired) else None
        memory.host.glance = self._host.glance(memory.load_balancer_id)  # before: what changes meanwhile makes another
        observed = self._host.observe(memory.load_balancer_id, port)
        process = memory.process
        process.unanswered = count_unanswered(process.unanswered, process.silent, observed)
        if not process.unanswered:
            process.silent = 0
        return observed

    def _unknown(self, memory: Memory, task: Task, observed: Observed) -> Requeue | None:
        """The server is away, or said what cannot be read, and the host does not remember what was desired."""
        if memory.desired.unreadable is not None:
            self._report(memory, task, Outcome.GIVE_UP, Change.NOTHING, None)
            return requeue_fault(task, self._settings)
        if observed.nothing and task.hinted is None:
            self._memories.forget(memory.load_balancer_id, self._clock.monotonic())
            return None
        if memory.desired.held_back:  # the next resync counts it again
            return None
        return requeue_unknown(memory.desired.failures, task.hinted, self._settings)

    def _backoff(self, memory: Memory, desired: Desired | Gone, observed: Observed) -> float:
        """Seconds to wait where a process that ran is dead and has died too often of late."""
        if not is_missing(desired, observed):
            return 0.0
        now, process, before = self._clock.monotonic(), memory.process, memory.host.observed
        if observed is not before and has_died(desired, before, observed):
            process.dead = True
            process.deaths = (*recent(process.deaths, now), now)
            process.backoff_until = now + choose_backoff(process.deaths, now)
            memory.host.observed = None
            self._counting.add("haproxy_deaths_total")
            log.warning(
                "HAProxy has died",
                load_balancer=memory.load_balancer_id,
                deaths=len(process.deaths),
                wait=round(process.backoff_until - now, 3),
            )
            self._note(memory.load_balancer_id, EventKind.PROCESS, "died", _deaths(len(process.deaths)))
        return max(0.0, process.backoff_until - now)

    def _attempt(self, memory: Memory, desired: Desired | Gone, observed: Observed) -> Attempt:
        if isinstance(desired, Gone):
            self._release(memory)
        else:
            self._secrets.ensure(memory, desired, observed.files)
        process = memory.process
        planned = self._planner.plan(memory, desired, observed)
        attempt = apply(planned, self._host)
        refused = attempt.reason if attempt.refused else None
        if attempt.refused and isinstance(desired, Desired):
            log.info("reload instead", load_balancer=desired.id, reason=attempt.reason)
            observed = self._host.observe(desired.id, desired.port)
            planned = plan(
                desired,
                observed,
                self._options,
                secrets=memory.secrets,
                last_worker=process.worker,
                runtime=False,
                kept=memory.host.lines,
            )
            attempt = apply(planned, self._host)
        if attempt.pid is not None:
            self._counting.add(*choose_count(planned, process, refused=refused is not None))
        if attempt.outcome is not Outcome.DONE or not isinstance(desired, Desired):
            return attempt
        done = describe_process(
            planned,
            desired,
            observed,
            died=process.dead,
            hung=hangs(process.unanswered),
            crowded=process.crowded,
            refused=refused,
        )
        if done is not None:
            self._note(desired.id, EventKind.PROCESS, *done)
        self._settle(memory, desired, planned, attempt)
        shortage = find_shortage(desired, self._options, count_checks(desired))
        return attempt if shortage is None else replace(attempt, outcome=Outcome.GIVE_UP, reason=shortage)

    def _note(self, load_balancer_id: str, kind: EventKind, state: str, reason: str) -> None:
        now = self._clock.now()
        self._tidings.note(
            HostEvent(kind=kind, at=now, state=state, load_balancer_id=load_balancer_id, reason=capped(reason))
        )

    def _settle(self, memory: Memory, desired: Desired, planned: Plan, attempt: Attempt) -> None:
        """After a success: what the host has now, and the watching and probing that go with it."""
        process = memory.process
        memory.secrets = {}  # they lie in files now
        if attempt.pid is not None:
            process.unanswered, process.silent, process.dead = 0, 0, False
        memory.host.observed = after = plan_aftermath(planned, attempt.pid)
        haproxy = after.haproxy.process
        worker = haproxy.worker if haproxy is not None else None
        process.worker = max(process.worker, worker or 0)
        if attempt.pid is not None and process.first_own is None:
            process.first_own = worker
        process.crowded = False
        room = 0 if haproxy is None else room_of(haproxy.text)
        room = room if room < most_connections(desired, self._options, count_checks(desired)) else 0
        memory.host.serving = Serving(desired=desired, worker=worker, first_own=process.first_own, room=room)
        pid = haproxy.pid if haproxy is not None else None
        # A new process may have got the pid of the one that was watched.
        if pid is not None and (attempt.pid is not None or pid != process.pid):
            self._host.watch(desired.id, self._on_death)
        process.pid = pid
        self._host.expect_network(desired.id, desired.port, after.network)
        if planned.actions:
            # A process that has just been started works by its file to the letter; one that was told otherwise is
            # looked at again.
            started = planned.change is Change.START
            memory.host.glance = self._host.glance(desired.id) if started else None
        self._probing.ensure(memory, desired, haproxy, planned.change)

    def _release(self, memory: Memory) -> None:
        memory.host.serving, memory.host.observed, memory.host.glance = None, None, None
        memory.process.pid, memory.process.unanswered = None, 0
        self._probing.remove(memory)

    def _remember(self, memory: Memory, attempt: Attempt) -> None:
        if attempt.outcome is Outcome.DONE:
            memory.host.failures = 0
        else:
            if memory.host.failures == 0:
                memory.host.failing_since = self._clock.monotonic()
            memory.host.failures += 1
            memory.host.reason = attempt.reason
            memory.host.observed = memory.host.glance = None

    def _outcome(self, memory: Memory, attempt: Attempt) -> Outcome:
        failing_for = self._clock.monotonic() - memory.host.failing_since
        failures, limit = memory.host.failures, self._settings.give_up_after
        if attempt.outcome is not Outcome.RETRY:
            return attempt.outcome
        hopeless = is_hopeless(failures, limit, waits=attempt.waits, failing_for=failing_for)
        return Outcome.GIVE_UP if hopeless else Outcome.RETRY

    def _end(self, memory: Memory, task: Task, outcome: Outcome, attempt: Attempt, *, fetched: bool) -> Requeue | None:
        """Reports, and says when the next round is due."""
        reported = self._report(memory, task, outcome, attempt.change, attempt.reason) if fetched else True
        requeue = choose_requeue(
            RoundEnd(
                outcome=outcome,
                fetched=fetched,
                report_owed=not reported,
                failures=memory.host.failures,
                unavailable=max(memory.desired.failures, memory.reports.failures),
                unresponsive=memory.process.unanswered > 0,
                hinted=task.hinted,
            ),
            self._settings,
        )
        if requeue is None and isinstance(memory.desired.document, Gone):
            self._memories.forget(memory.load_balancer_id, self._clock.monotonic())
        return requeue

    def _report(self, memory: Memory, task: Task, outcome: Outcome, change: Change, reason: str | None) -> bool:
        """False where the report is owed. A document that could not be read is what the server has to hear of then."""
        unreadable, document, hinted = memory.desired.unreadable, memory.desired.document, task.hinted is not None
        if unreadable is not None:
            return self._reporter.report(
                memory, unreadable.generation, Outcome.GIVE_UP, Change.NOTHING, unreadable.reason, hinted=hinted
            )
        if document is None or document.generation is None or memory.desired.held_back:
            return True
        return self._reporter.report(memory, document.generation, outcome, change, reason, hinted=hinted)

    def _log(self, memory: Memory, outcome: Outcome, attempt: Attempt, task: Task, started: float) -> None:
        desired, acknowledged = memory.desired.document, memory.reports.acknowledged
        generation = desired.generation if desired is not None else None
        # A hint is sent again and again while the server waits for an answer.
        fresh = task.hinted is not None and (acknowledged is None or acknowledged.generation != generation)
        quiet = outcome is Outcome.DONE and attempt.change is Change.NOTHING and not fresh
        write = log.debug if quiet else log.info if outcome is Outcome.DONE else log.warning
        write(
            "reconciled",
            load_balancer=memory.load_balancer_id,
            generation=generation,
            outcome=outcome.value,
            change=attempt.change.value,
            milliseconds=round((self._clock.monotonic() - started) * 1000, 1),
            **({"reason": attempt.reason} if attempt.reason else {}),
        )
