"""Every second: statistics of all load balancers, turned into statuses and totals; what changed is reported.

Those at rest are looked at less often (``pace``), in between the others as well. A thread of its own beside the rounds;
it reads what they remember and changes nothing on the host but the file that keeps the counters (``kept_counters``).
``health``, ``news``, ``counters``, ``vetoes`` and ``pace`` do the thinking.
"""

import secrets
import threading
from collections.abc import Callable

import structlog

from evenload.agent.account import (
    Account,
    Look,
    Rows,
    count_clients,
    is_at_rest,
    is_finishing,
    rests,
    rows_of_serving,
)
from evenload.agent.counters import count
from evenload.agent.health import Judged, judge
from evenload.agent.kept_counters import is_save_due, save_counters, take_up_counters
from evenload.agent.memory import Memories, Memory, Serving
from evenload.agent.news import begin_anew, choose_news, is_void, note_said
from evenload.agent.pace import EARLY, choose_pause
from evenload.agent.settings import AgentSettings
from evenload.agent.tidings import Tidings
from evenload.agent.trail import Seen
from evenload.agent.vetoes import plan_vetoes
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.interfaces.host import Host
from evenload.model.desired import Health
from evenload.model.errors import HostError, ServerUnavailable
from evenload.model.verdict import Verdicts
from evenload.render.haproxy_room import is_crowded
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_PATIENCE = 2
"""Looks without an answer from a process before it counts as dead, or at one that accepts no connections before that is
said: one that was just replaced is no news."""
_SLOW = 0.25
_REST = 15
"""A process that let so many seconds pass without an answer, and counts as dead, is left alone for that many times as
long: a few that hang must not make the statuses of all others late."""
_STOP_TIMEOUT = 10.0
_TIDINGS_REST = 5.0


class Monitoring:
    """Inert until ``start``; ``look`` may be called without a thread. ``on_veto`` is called with a load balancer's id
    while its HAProxy has to be told of what further monitors say, ``on_silence`` when it begins to give no answer."""

    def __init__(
        self,
        server: Server,
        host: Host,
        clock: Clock,
        settings: AgentSettings,
        memories: Memories,
        on_veto: Callable[[str], None],
        on_silence: Callable[[str], None],
        faults: Faults,
        tidings: Tidings,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._server = server
        self._host = host
        self._clock = clock
        self._settings = settings
        self._memories = memories
        self._on_veto = on_veto
        self._on_silence = on_silence
        self._faults = faults
        self._tidings = tidings
        self._tidings_rest_until = 0.0
        self._new_epoch = new_epoch
        self._accounts: dict[str, Account] = {}
        self._stopping = threading.Event()
        self._thread: LastingThread | None = None
        self._away = False
        self._between = False

    def start(self) -> None:
        self._stopping.clear()
        self._thread = LastingThread("agent-monitoring", self._look_and_wait, self._faults)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None
        for memory in self._memories.all():
            account = self._accounts.get(memory.load_balancer_id)
            if account is not None and memory.host.serving is not None:
                self._save(memory, account, self._clock.monotonic())

    def answers(self, load_balancer_id: str) -> bool:
        """Whether the process of that load balancer answered the last look; False where it was not looked at yet."""
        account = self._accounts.get(load_balancer_id)
        return account is not None and account.last is not None and not account.unanswered

    def seen(self, load_balancer_id: str) -> Seen | None:
        """What the last looks found; None where there was none yet."""
        account = self._accounts.get(load_balancer_id)
        return None if account is None else account.trail.seen

    def count_workers(self, load_balancer_id: str) -> int:
        """How many of its processes answered the last look."""
        account = self._accounts.get(load_balancer_id)
        return 0 if account is None or account.last is None else len(account.last.rows)

    def look(self, *, only_resting: bool = False) -> None:
        """One look at everything that is due, and one message to the server at most. ``only_resting``: whatever is not
        at rest waits for the next look."""
        memories = self._memories.all()
        for gone in self._accounts.keys() - {memory.load_balancer_id for memory in memories}:
            del self._accounts[gone]
        due = [(memory, serving) for memory in memories if (serving := self._due(memory, only_resting)) is not None]
        self._host.ask_statistics([memory.load_balancer_id for memory, _ in due])
        news = []
        for memory, serving in due:
            try:
                health = self._look_at(memory, serving)
            except Exception:  # noqa: BLE001 one load balancer must not keep the others from being looked at
                self._faults.note("monitoring", load_balancer=memory.load_balancer_id)
                continue
            if health is not None:
                news.append(health)
        if news:
            self._report(news)
        self._tell_events()

    def _tell_events(self) -> None:
        """Those that no report has taken along. A server that did not take them is not asked again at once."""
        now = self._clock.monotonic()
        events = self._tidings.take() if now >= self._tidings_rest_until else ()
        if not events:
            return
        try:
            self._server.events(events)
        except ServerUnavailable as error:
            log.debug("events are not told yet", reason=str(error))
            self._tidings.put_back(events)
            self._tidings_rest_until = now + _TIDINGS_REST

    def _look_and_wait(self) -> bool:
        if self._stopping.is_set():
            return False
        started = self._clock.monotonic()
        self.look(only_resting=self._between)
        self._between = not self._between
        spent = self._clock.monotonic() - started
        return not self._stopping.wait(max(0.05, self._settings.statistics_interval / 2 - spent))

    def _due(self, memory: Memory, only_resting: bool) -> Serving | None:
        """What is to be looked at, None for nothing."""
        serving, account = memory.host.serving, self._accounts.get(memory.load_balancer_id)
        if serving is None or account is None:
            return None if only_resting else serving
        if not rests(account, serving, memory.probes.verdicts):
            return None if only_resting else serving
        early = self._settings.statistics_interval * EARLY
        if self._clock.monotonic() + early < account.resting_until or (only_resting and not account.resting_until):
            return None
        return serving

    def _look_at(self, memory: Memory, serving: Serving) -> Health | None:
        now = self._clock.monotonic()
        account, verdicts = self._accounts.get(serving.desired.id), memory.probes.verdicts
        look = Look(serving, self._read(serving), verdicts)
        if account is None:
            counters, kept = take_up_counters(self._host, serving, look.rows, now, self._new_epoch)
            account = self._accounts[serving.desired.id] = Account(counters, kept)
        after, refresh_interval = memory.reports.acknowledged, self._settings.refresh_interval
        void = is_void(account.said, serving.desired, after, now, refresh_interval)
        if account.quiet_looks and account.last is not None and account.last.equals(look) and not void:
            health, quiet = None, True
            account.trail.note_still(now)
            self._save_in_time(memory, account, now)
        else:
            health, quiet = self._evaluate(memory, look, account, now)
        account.last = look
        account.quiet_looks = account.quiet_looks + 1 if quiet else 0
        spent = self._clock.monotonic() - now
        hangs = account.unanswered >= _PATIENCE and spent >= _SLOW
        pause = choose_pause(serving.desired, account.quiet_looks, self._settings.statistics_interval)
        rest = spent * _REST if hangs else pause
        account.resting_until = now + rest if rest else 0.0
        return health

    def _evaluate(self, memory: Memory, look: Look, account: Account, now: float) -> tuple[Health | None, bool]:
        """What the server has to hear of, and whether nothing goes on."""
        serving, rows = look.serving, look.rows
        current = memory.host.serving
        listeners = [listener.id for listener in serving.desired.listeners]
        newer = [] if current is None else [listener.id for listener in current.desired.listeners]
        # Always: a worker that is finishing may have given its last numbers just now.
        account.counters = count(account.counters, rows, {*listeners, *newer})
        if current is not serving:  # changed meanwhile: the rows may belong to either
            return None, False
        self._save_in_time(memory, account, now)
        vetoes = plan_vetoes(serving.desired, rows_of_serving(serving, rows), look.verdicts)
        if vetoes:
            self._on_veto(serving.desired.id)
        if not memory.process.crowded and is_crowded(count_clients(serving, rows), serving.room):
            memory.process.crowded = True  # until a round has made room
            self._on_veto(serving.desired.id)
        judged = self._judge(serving, account, rows, look.verdicts)
        mine = rows_of_serving(serving, rows)
        account.trail.note(
            now,
            account.counters,
            mine,
            judged,
            look.verdicts,
            answered=not account.unanswered,
            workers=len(rows),
        )
        memory.process.silent = account.unanswered
        if 0 < account.unanswered <= _PATIENCE:
            self._on_silence(serving.desired.id)
        said, after = account.said, memory.reports.acknowledged
        if is_void(said, serving.desired, after, now, self._settings.refresh_interval):
            begin_anew(said, serving.desired, after, now, self._settings.refresh_interval)
        totals = account.counters.totals(listeners)
        health = choose_news(said, serving.desired.id, judged, totals, account.counters.epoch)
        return health, health is None and not vetoes and is_at_rest(serving, rows, account)

    def _save_in_time(self, memory: Memory, account: Account, now: float) -> None:
        if is_save_due(account.kept, account.counters, now):
            self._save(memory, account, now)

    def _save(self, memory: Memory, account: Account, now: float) -> None:
        serves = memory.host.serving is not None
        save_counters(self._host, memory.load_balancer_id, account.kept, account.counters, now, serves=serves)

    def _read(self, serving: Serving) -> Rows:
        try:
            return self._host.read_statistics(serving.desired.id)
        except HostError as error:  # shows as a process that does not answer
            log.debug("no statistics", load_balancer=serving.desired.id, reason=str(error))
            return {}

    def _judge(
        self,
        serving: Serving,
        account: Account,
        rows: Rows,
        verdicts: Verdicts,
    ) -> Judged:
        if serving.worker is None or serving.worker in rows:
            account.unanswered = 0
            current = rows[serving.worker] if serving.worker is not None else ()
            account.finishing = account.finishing + 1 if is_finishing(current) else 0
            if 0 < account.finishing < _PATIENCE:  # a round may be about to put another one in its place
                return Judged({}, {})
            return judge(serving.desired, current, verdicts)
        account.unanswered += 1
        return judge(serving.desired, (), verdicts) if account.unanswered >= _PATIENCE else Judged({}, {})

    def _report(self, news: list[Health]) -> None:
        try:
            self._server.health(news)
        except ServerUnavailable as error:
            if not self._away:
                log.warning("health is not reported", reason=str(error))
            self._away = True
            return
        self._away = False
        for health in news:
            note_said(self._accounts[health.load_balancer_id].said, health)
