"""The agent: takes hints, resyncs, and lets rounds run in threads, one at a time per load balancer.

``main`` builds it, starts and stops it; the bus calls ``hint``. What a round does stands in ``reconcile``, what comes
next in ``schedule``; here are the threads and the moments alone.

What happens on errors, by moment. Start: a host that lacks something essential stops the start (Hopeless). Change: a
failed round is tried again, ever later, and at each resync. Watch: a dead process is an urgent round. Server away:
everything goes on by what is remembered. Stop: what runs runs on.
"""

import threading

import structlog

from evenload.agent.memory import Memories
from evenload.agent.monitoring import Monitoring
from evenload.agent.reconcile import Callbacks, Reconciler
from evenload.agent.schedule import Ask, Schedule
from evenload.agent.settings import AgentSettings
from evenload.interfaces import Clock, Host, Server
from evenload.model.desired import Desired, PingTarget
from evenload.model.errors import HostError, ServerUnavailable
from evenload.render.options import RenderOptions

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 15.0


class Agent:
    """Inert until ``start``. Everything public may be called from any thread."""

    def __init__(
        self,
        server: Server,
        host: Host,
        options: RenderOptions,
        clock: Clock,
        settings: AgentSettings | None = None,
    ) -> None:
        self._server = server
        self._host = host
        self._clock = clock
        self._settings = settings or AgentSettings()
        self._memories = Memories()
        self._schedule = Schedule(routine_limit=max(1, self._settings.workers // 2))
        self._condition = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._synced = False
        self._reconciler = Reconciler(
            server,
            host,
            options,
            clock,
            self._settings,
            self._memories,
            Callbacks(died=self._died, pinged=self._pinged),
        )
        self.monitoring = Monitoring(server, host, clock, self._settings, self._memories, self._vetoed)

    def start(self) -> None:
        """Prepares the host and begins with a resync. Raises HostError where the host is not fit for it."""
        for warning in self._host.prepare():
            log.warning("preflight", finding=warning)
        self._stopping.clear()
        targets = [("resync", self._resync_for_ever)]
        targets += [(f"worker-{number}", self._work) for number in range(self._settings.workers)]
        self._threads = [threading.Thread(target=target, name=f"agent-{name}", daemon=True) for name, target in targets]
        for thread in self._threads:
            thread.start()
        self.monitoring.start()

    def stop(self) -> None:
        """Lets the rounds that run come to their end; what runs on the host runs on."""
        self._stopping.set()
        with self._condition:
            self._condition.notify_all()
        deadline = self._clock.monotonic() + _STOP_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        self._threads = []
        self.monitoring.stop()
        self._host.close()

    def hint(self, load_balancer_id: str, generation: int) -> None:
        """The server has a newer wish. Returns at once."""
        self._ask(load_balancer_id, Ask(fetch=True, hinted=generation))

    def resync(self) -> None:
        """Asks for a look at everything: what is assigned here, and what is here.

        What is here and not assigned may be an orphan: it is fetched, and only Gone removes it. Without the server,
        everything here is kept as it was last applied. A generation that differs is fetched, be it a lower one: the
        server's database may have been put back to an earlier state.
        """
        memories = {memory.load_balancer_id: memory for memory in self._memories.all()}
        try:
            here = self._host.known()
        except HostError as error:
            log.warning("cannot see what is here", reason=str(error))
            here = []
        try:
            assigned = self._server.assignments()
        except ServerUnavailable as error:
            log.warning("server is away", reason=str(error))
            assigned = None
        everything = sorted({*here, *memories, *(assigned or ())})
        spread = self._settings.resync_interval / 2 if self._synced else 0.0
        now = self._clock.monotonic()
        for number, load_balancer_id in enumerate(everything):
            memory = memories.get(load_balancer_id)
            wish = memory.wish if memory is not None else None
            if assigned is None:
                fetch = changed = False
            else:
                generation = assigned.get(load_balancer_id)
                changed = generation is not None and isinstance(wish, Desired) and generation != wish.generation
                fetch = changed or generation is None or not isinstance(wish, Desired)
            due = now if changed or wish is None else now + spread * number / len(everything)
            self._ask(load_balancer_id, Ask(fetch=fetch, look=True), due, urgent=changed)
        self._synced = True

    def settled(self) -> bool:
        """Nothing waits and nothing runs, not even a later attempt."""
        with self._condition:
            return self._schedule.idle

    def run_due(self) -> bool:
        """Performs the next due round in the calling thread; False where none is due. For tests and single steps."""
        with self._condition:
            taken = self._schedule.take(self._clock.monotonic())
        if taken is None:
            return False
        self._round(*taken)
        return True

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._stopping.is_set():
                    now = self._clock.monotonic()
                    taken = self._schedule.take(now)
                    if taken is not None:
                        break
                    due = self._schedule.next_due()
                    self._condition.wait(None if due is None else max(0.001, due - now))
                else:
                    return
            self._round(*taken)

    def _round(self, load_balancer_id: str, ask: Ask) -> None:
        try:
            later = self._reconciler.round(load_balancer_id, ask)
        except Exception as error:
            log.exception("internal fault", load_balancer=load_balancer_id)
            later = self._reconciler.broken(load_balancer_id, ask, error)
        finally:
            with self._condition:
                self._schedule.finished(load_balancer_id)
                self._condition.notify()
        if later is not None:
            self._ask(load_balancer_id, later.ask, self._clock.monotonic() + later.delay, urgent=later.urgent)

    def _ask(self, load_balancer_id: str, ask: Ask, due: float | None = None, *, urgent: bool = True) -> None:
        with self._condition:
            moment = self._clock.monotonic() if due is None else due
            self._schedule.ask(load_balancer_id, ask, moment, urgent=urgent)
            self._condition.notify()

    def _resync_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                self.resync()
            except Exception:
                log.exception("internal fault in a resync")
            self._stopping.wait(self._settings.resync_interval)

    def _died(self, load_balancer_id: str) -> None:
        self._ask(load_balancer_id, Ask(look=True))

    def _pinged(self, load_balancer_id: str, target: PingTarget, up: bool) -> None:
        log.info("ping", load_balancer=load_balancer_id, member=target.member, up=up)
        self._memories.judge(load_balancer_id, (target.monitor, target.member), up)
        self._ask(load_balancer_id, Ask())

    def _vetoed(self, load_balancer_id: str) -> None:
        """What a round finds in HAProxy then is newer than what made somebody ask for it."""
        self._ask(load_balancer_id, Ask())
