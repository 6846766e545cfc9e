"""One round with one load balancer: fetch, observe, plan, apply, report, and what to remember of it.

The loop calls ``round`` from its threads, never twice at once for the same load balancer. Whatever goes wrong here
ends in a named result and a moment for the next attempt; traffic is never touched because the server is silent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from evenload.agent.actions import Plan
from evenload.agent.apply import Attempt, apply
from evenload.agent.delays import choose_brake, choose_retry_delay, recent
from evenload.agent.memory import Memories, Memory, ServerKey, Serving
from evenload.agent.pings import choose_ping_targets, plan_verdicts
from evenload.agent.plan import plan, plan_aftermath, servers_of
from evenload.agent.plan_servers import leftovers_of
from evenload.agent.report import Reporter
from evenload.agent.schedule import Ask
from evenload.agent.settings import AgentSettings
from evenload.agent.vetoes import plan_vetoes, vetoes_are_possible
from evenload.interfaces import Clock, Host, Server
from evenload.model.desired import Change, Desired, Gone, HaproxyState, Observed, Outcome, PingTarget, Unreadable
from evenload.model.errors import Hopeless, HostError, ServerUnavailable
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.options import RenderOptions
from evenload.render.runtime_commands import refused

log = structlog.get_logger(__name__)

_DEAF_LOOKS = 3
_DEAF_PAUSE = 5.0
"""A process that does not answer so many looks in a row, so many seconds apart, hangs and is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The load balancer wants another round after so many seconds; not ``urgent`` where there is little hope."""

    delay: float
    ask: Ask
    urgent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the host shall call from threads of its own."""

    died: Callable[[str], None]
    pinged: Callable[[str, PingTarget, bool], None]


class Reconciler:
    def __init__(
        self,
        server: Server,
        host: Host,
        options: RenderOptions,
        clock: Clock,
        settings: AgentSettings,
        memories: Memories,
        callbacks: Callbacks,
    ) -> None:
        self._server = server
        self._host = host
        self._options = options
        self._clock = clock
        self._settings = settings
        self._memories = memories
        self._callbacks = callbacks
        self._reporter = Reporter(server, clock)

    def round(self, load_balancer_id: str, ask: Ask) -> Later | None:
        """Returns None where nothing is left to do until somebody asks again."""
        started = self._clock.monotonic()
        memory = self._memories.of(load_balancer_id)
        away = self._fetch(memory) if ask.fetch or memory.wish is None else None
        try:
            observed = self._observe(memory, ask)
            if observed is not memory.known:
                deaf = observed.haproxy is not None and observed.haproxy.servers is None
                memory.deaf = memory.deaf + 1 if deaf else 0
            wish = memory.wish or observed.applied
            if wish is None:
                return self._unknown(memory, ask, observed)
            memory.wish = wish
            wait = self._brake(memory, wish, observed)
            if wait:
                return Later(delay=wait, ask=Ask(look=True, fetch=away is not None, hinted=ask.hinted))
            attempt = self._attempt(memory, wish, observed)
        except HostError as error:
            outcome = Outcome.GIVE_UP if isinstance(error, Hopeless) else Outcome.RETRY
            attempt = Attempt(outcome=outcome, change=Change.NOTHING, reason=str(error))
        self._remember(memory, attempt)
        outcome = self._outcome(memory, attempt)
        self._log(memory, outcome, attempt, ask, started)
        return self._ended(memory, ask, outcome, attempt, away)

    def broken(self, load_balancer_id: str, ask: Ask, error: Exception) -> Later | None:
        """After a fault of the program itself in a round: told like any other failure, and tried again."""
        memory = self._memories.of(load_balancer_id)
        attempt = Attempt(outcome=Outcome.GIVE_UP, change=Change.NOTHING, reason=f"internal fault: {error!r}")
        self._remember(memory, attempt)
        return self._ended(memory, ask, Outcome.GIVE_UP, attempt, None)

    def _fetch(self, memory: Memory) -> ServerUnavailable | None:
        """Brings the wish up to date. Whatever the server answers is the wish: rounds of one load balancer follow each
        other, so no answer can overtake another, and a lower generation stems from a database that was put back."""
        try:
            answer = self._server.fetch([memory.load_balancer_id])[memory.load_balancer_id]
        except ServerUnavailable as error:
            return error
        if isinstance(answer, Unreadable):  # what was applied last stands
            log.error("document refused", load_balancer=memory.load_balancer_id, reason=answer.reason)
            self._reporter.report(
                memory, answer.generation, Outcome.GIVE_UP, Change.NOTHING, answer.reason, hinted=True
            )
            return None
        if answer != memory.wish:
            memory.wish = answer
            memory.said = None  # that was about another wish, even where the number is the same
            memory.failures = 0
            memory.braked_until = 0.0
        return None

    def _observe(self, memory: Memory, ask: Ask) -> Observed:
        if memory.known is not None and not ask.look:
            return memory.known
        port = memory.wish.port if isinstance(memory.wish, Desired) else None
        return self._host.observe(memory.load_balancer_id, port)

    def _unknown(self, memory: Memory, ask: Ask, observed: Observed) -> Later | None:
        """The server is away, and the host does not remember what was wished."""
        if observed.nothing and ask.hinted is None:
            self._memories.forget(memory.load_balancer_id)
            return None
        memory.unheard += 1
        return Later(delay=self._delay(memory.unheard), ask=Ask(fetch=True, look=True, hinted=ask.hinted))

    def _attempt(self, memory: Memory, wish: Desired | Gone, observed: Observed) -> Attempt:
        if isinstance(wish, Gone):
            self._let_go(memory)
        overdue = self._overdue(memory, observed)
        hangs = memory.deaf >= _DEAF_LOOKS
        planned = plan(wish, observed, self._options, last_worker=memory.worker, runtime=not hangs, overdue=overdue)
        attempt = apply(planned, self._host)
        if attempt.refused and isinstance(wish, Desired):
            log.info("reload instead", load_balancer=wish.id, reason=attempt.reason)
            observed = self._host.observe(wish.id, wish.port)
            planned = plan(wish, observed, self._options, last_worker=memory.worker, runtime=False)
            attempt = apply(planned, self._host)
        if attempt.outcome is Outcome.DONE and isinstance(wish, Desired):
            self._settle(memory, wish, observed, planned, attempt)
        return attempt

    def _brake(self, memory: Memory, wish: Desired | Gone, observed: Observed) -> float:
        """Seconds to wait where a process that ran is dead and has died too often of late."""
        now = self._clock.monotonic()
        dead = observed.haproxy is None and isinstance(wish, Desired) and bool(listeners_in_service(wish))
        if not dead:
            return 0.0
        if memory.known is not None and memory.known.haproxy is not None and observed is not memory.known:
            memory.deaths = (*recent(memory.deaths, now), now)
            memory.known = None
            memory.braked_until = now + choose_brake(memory.deaths, now)
            log.warning(
                "HAProxy has died",
                load_balancer=memory.load_balancer_id,
                deaths=len(memory.deaths),
                wait=round(memory.braked_until - now, 3),
            )
        return max(0.0, memory.braked_until - now)

    def _overdue(self, memory: Memory, observed: Observed) -> set[ServerKey]:
        """Removed servers that have been busy for as long as a process may finish after a reload."""
        if observed.haproxy is None or observed.haproxy.servers is None:
            return set()
        now = self._clock.monotonic()
        memory.leaving = {key: memory.leaving.get(key, now) for key in leftovers_of(observed.haproxy)}
        return {key for key, since in memory.leaving.items() if now - since >= self._options.hard_stop_after}

    def _settle(self, memory: Memory, wish: Desired, observed: Observed, planned: Plan, attempt: Attempt) -> None:
        """After a success: what is known now, and the watching and pinging that go with it."""
        former = observed.haproxy.pid if observed.haproxy is not None else None
        memory.deaf = 0 if attempt.pid is not None else memory.deaf
        memory.known = known = plan_aftermath(wish, planned, attempt.pid if attempt.pid is not None else former)
        worker = known.haproxy.worker if known.haproxy is not None else None
        memory.worker = max(memory.worker, worker or 0)
        memory.serving = Serving(desired=wish, worker=worker)
        pid = known.haproxy.pid if known.haproxy is not None else None
        # A new process may have got the pid of the one that was watched.
        if pid is not None and (attempt.pid is not None or pid != memory.watched):
            self._host.watch(wish.id, self._callbacks.died)
        memory.watched = pid
        targets = choose_ping_targets(wish)
        if targets != memory.targets:
            self._host.ping(wish.id, targets, self._callbacks.pinged)
            memory.targets = targets
            self._memories.keep_verdicts(wish.id, {(target.monitor, target.member) for target in targets})
        self._tell_verdicts(memory, wish, known.haproxy, planned.change)
        if known.haproxy is not None and not memory.deaf and vetoes_are_possible(wish):
            self._tell(wish.id, plan_vetoes(wish, self._host.read_servers(wish.id), memory.verdicts))

    def _tell_verdicts(self, memory: Memory, wish: Desired, haproxy: HaproxyState | None, change: Change) -> None:
        """Brings the process's idea of the pinged members to what the pings say."""
        if haproxy is None:
            memory.process, memory.told, memory.down = None, {}, set()
            return
        if memory.process != haproxy.pid:
            if change is Change.START:
                memory.down = set()
            elif memory.process is None:  # adopted: what a former agent told it is not known
                memory.down = set(servers_of(haproxy.text))
            memory.process, memory.told = haproxy.pid, {}
        if not (memory.verdicts or memory.told or memory.down):
            return
        planned = plan_verdicts(wish, servers_of(haproxy.text), memory.verdicts, memory.told, memory.down)
        self._tell(wish.id, planned.commands)
        memory.told, memory.down = planned.told, planned.down

    def _tell(self, load_balancer_id: str, commands: tuple[str, ...]) -> None:
        answers = self._host.runtime(load_balancer_id, commands) if commands else []
        for command, answer in zip(commands, answers, strict=True):
            if refused(command, answer):
                raise HostError(f"HAProxy refuses “{command}”: {answer}")

    def _let_go(self, memory: Memory) -> None:
        memory.serving, memory.known, memory.watched = None, None, None
        if memory.targets:
            self._host.ping(memory.load_balancer_id, (), self._callbacks.pinged)
            memory.targets = ()

    def _remember(self, memory: Memory, attempt: Attempt) -> None:
        if attempt.outcome is Outcome.DONE:
            memory.failures = 0
        else:
            memory.failures += 1
            memory.known = None

    def _outcome(self, memory: Memory, attempt: Attempt) -> Outcome:
        if attempt.outcome is Outcome.RETRY and memory.failures >= self._settings.give_up_after:
            return Outcome.GIVE_UP
        return attempt.outcome

    def _ended(
        self, memory: Memory, ask: Ask, outcome: Outcome, attempt: Attempt, away: ServerUnavailable | None
    ) -> Later | None:
        """Reports, and says when the next round is due."""
        wish, hinted = memory.wish, ask.hinted
        owed = away is not None
        memory.unheard += away is not None
        if away is None and wish is not None and wish.generation is not None:
            owed = not self._reporter.report(
                memory, wish.generation, outcome, attempt.change, attempt.reason, hinted=hinted is not None
            )
        if outcome is Outcome.DONE:
            if owed:
                return Later(delay=self._delay(memory.unheard), ask=Ask(fetch=away is not None, hinted=hinted))
            if isinstance(wish, Gone):
                self._memories.forget(memory.load_balancer_id)
            return Later(delay=_DEAF_PAUSE, ask=Ask(look=True)) if memory.deaf else None
        hopeless = outcome is Outcome.GIVE_UP
        delay = self._settings.resync_interval if hopeless else self._delay(memory.failures)
        again = Ask(fetch=away is not None, look=True, hinted=hinted if owed else None)
        # What fails again and again, and may take long to do so, must not keep all hands from the others' hints.
        return Later(delay=delay, ask=again, urgent=not hopeless)

    def _delay(self, failures: int) -> float:
        return choose_retry_delay(max(1, failures), self._settings.retry_delays, self._settings.resync_interval)

    def _log(self, memory: Memory, outcome: Outcome, attempt: Attempt, ask: Ask, started: float) -> None:
        quiet = outcome is Outcome.DONE and attempt.change is Change.NOTHING and ask.hinted is None
        write = log.debug if quiet else log.info if outcome is Outcome.DONE else log.warning
        write(
            "reconciled",
            load_balancer=memory.load_balancer_id,
            generation=memory.wish.generation if memory.wish is not None else None,
            outcome=outcome.value,
            change=attempt.change.value,
            milliseconds=round((self._clock.monotonic() - started) * 1000, 1),
            **({"reason": attempt.reason} if attempt.reason else {}),
        )
