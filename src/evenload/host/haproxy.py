"""HAProxy on this host: one process per load balancer, started, changed and replaced without losing a connection.

Part of the Host (``interfaces``), which says what each operation promises; ARCHITECTURE.md names the files. What the
configuration says is none of its business. It touches no network beyond being inside the namespace when it starts a
process. The parts: which workers there are (``haproxy_crew``), how a new one comes (``haproxy_starts``), conversations
with those that are finishing (``haproxy_last_words``), processes without a record (``haproxy_orphans``), numbers
(``haproxy_statistics``); the decisions are in ``succession``.
"""

import time
from collections.abc import Callable, Collection, Sequence

import structlog

from evenload.host.aliases import Aliases
from evenload.host.files import StateFiles
from evenload.host.haproxy_answers import Answers
from evenload.host.haproxy_build import read_build, require_build
from evenload.host.haproxy_crew import Crew
from evenload.host.haproxy_cuts import Cut, Cuts
from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_launch import Launcher
from evenload.host.haproxy_orphans import Orphans
from evenload.host.haproxy_record import Record
from evenload.host.haproxy_runtime import LONGEST_PATH, SERVER_STATISTICS, SERVERS, Conversation, parse_servers
from evenload.host.haproxy_slots import SlotTalk
from evenload.host.haproxy_starts import Starts
from evenload.host.haproxy_statistics import StatisticsReader
from evenload.host.haproxy_table import parse_statistics
from evenload.host.haproxy_tickets import Tickets
from evenload.host.haproxy_workers import LIVE, Workers
from evenload.host.next_spare import NextSpare
from evenload.host.settings import HostSettings
from evenload.host.succession import Answer, Worker, choose_serving
from evenload.model.desired import ProxyStatistics
from evenload.model.errors import Hopeless, HostError
from evenload.model.observed import HaproxyObserved, HaproxyProcess, ServerState
from evenload.model.secret import SecretBytes
from evenload.model.slot import SlotChange, unsettled
from evenload.render.runtime_commands import shut_by
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

_CLOSING_TIMEOUT = 1.0


class Haproxy:
    """Different load balancers may be worked on in parallel; statistics may be read at any time.

    ``furnish`` makes a new namespace ready, inside of it. ``answers``: who keeps what the processes say of themselves.
    """

    def __init__(
        self,
        settings: HostSettings,
        files: StateFiles,
        furnish: Callable[[], None] | None = None,
        *,
        counting: Counting = UNCOUNTED,
        answers: Answers | None = None,
    ) -> None:
        self._settings = settings.haproxy
        self._files = files
        self._workers = Workers(files, settings.netns_dir, settings.haproxy.chroot)
        self._launcher = Launcher(settings.haproxy, files, self._workers, counting)
        self._next = NextSpare(
            settings.haproxy.binary, settings.netns_dir, furnish, Aliases(files), self._launcher.spares
        )
        self._last_words = LastWords(answers)
        self._record = Record(files)
        self._tickets = Tickets(files)
        self._cuts = Cuts(files, self._workers, counting)
        self._orphans = Orphans(self._workers, self._launcher, self._cuts)
        self._crew = Crew(self._workers, self._launcher, self._last_words, self._cuts)
        self._statistics = StatisticsReader(self._workers, self._last_words, self._cuts, answers)
        self._starts = Starts(
            files, self._workers, self._launcher, self._crew, self._orphans, self._record, self._last_words
        )

    def prepare(self) -> list[str]:
        """Raises Hopeless where the binary is too old or the state directory's path too long."""
        require_build(read_build(self._settings), self._settings)
        longest = self._workers.file("0" * 36, 99999, "sock")
        if len(str(longest)) > LONGEST_PATH:
            raise Hopeless(
                f"the state directory {self._files.state_dir} is too long a path for a unix socket in it:"
                f" at most {LONGEST_PATH - len(str(longest)) + len(str(self._files.state_dir))} characters"
            )
        return []

    # What there is

    def observe(self, load_balancer_id: str) -> HaproxyObserved:
        """The live file's text, and the process that serves. One that is finishing, or that lives in another
        namespace than the load balancer's present one, serves nobody. Sweeps up after workers that have ended, and
        ends an orphan beside the process that serves: an agent that is killed while it starts a process may start a
        second one after that."""
        living = self._crew.sweep(load_balancer_id)
        config = self._files.read(load_balancer_id, LIVE)
        worker = choose_serving(living, self._workers.namespace(load_balancer_id))
        process = None if worker is None else self._observe(load_balancer_id, worker)
        return HaproxyObserved(
            config=config,
            process=process,
            orphan=self._orphans.has(load_balancer_id),
            slots=self._files.links(load_balancer_id),
            tickets_due=self._tickets.are_due(load_balancer_id),
        )

    def _observe(self, load_balancer_id: str, worker: Worker) -> HaproxyProcess | None:
        text = self._record.text(load_balancer_id, worker)
        answer, conversation, reason = self._crew.greet(load_balancer_id, worker)
        servers: dict[tuple[str, str], ServerState] | None = None
        if conversation is not None:
            try:
                with conversation:
                    servers = parse_servers(conversation.ask(SERVERS))
                    text = unsettled(text, self._talk(load_balancer_id, conversation).find_strayed(text))
            except (HostError, ValueError) as error:
                answer, reason, servers = Answer.SILENT, str(error), None
        if answer is Answer.REFUSED:
            return None
        if servers is None:
            log.warning("HAProxy does not answer", load_balancer=load_balancer_id, reason=reason)
        elif self._orphans.has(load_balancer_id):
            self._orphans.end(load_balancer_id)  # the ports belong to the one that answers
        return HaproxyProcess(pid=worker.pid, worker=worker.number, text=text, servers=servers)

    def find_orphans(self) -> frozenset[str]:
        """The load balancers that have a HAProxy of which nothing is recorded here. One look at all processes of the
        machine: for a resync, not for each load balancer."""
        return self._orphans.find()

    def has_orphan(self, load_balancer_id: str) -> bool:
        """As the last ``find_orphans`` found."""
        return self._orphans.has(load_balancer_id)

    def current_pid(self, load_balancer_id: str) -> int | None:
        """Of the worker that was started last, for watching."""
        worker = self._crew.serving(load_balancer_id)
        return None if worker is None else worker.pid

    # Changes

    def write_config(self, load_balancer_id: str, text: str) -> None:
        self._files.write(load_balancer_id, LIVE, text, fleeting=True)

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        if takeover:
            self._starts.begin_takeover(load_balancer_id, text, worker)
        else:
            self._starts.begin(load_balancer_id, text, worker)

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        self._starts.abandon(load_balancer_id)

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        self._starts.begin_spare(load_balancer_id, worker, takeover=takeover)

    def end_spare(self, load_balancer_id: str) -> None:
        self._launcher.spares.end(load_balancer_id)

    def spares(self) -> dict[str, int]:
        return self._launcher.spares.workers()

    def ensure_next(self) -> None:
        self._next.ensure()

    def end_next(self) -> None:
        self._next.end()

    def give_next(self, load_balancer_id: str) -> bool:
        """Names a namespace with a waiting process for that load balancer; False where there is none."""
        return self._next.give(load_balancer_id, self._workers.namespace_path(load_balancer_id))

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        return self._starts.start(load_balancer_id, text, worker)

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        return self._starts.take_over(load_balancer_id, text, worker, server_states)

    def finish_haproxy(self, load_balancer_id: str) -> None:
        if self._orphans.has(load_balancer_id):
            self._orphans.end(load_balancer_id)
        living = self._crew.sweep(load_balancer_id)
        worker = choose_serving(living, self._workers.namespace(load_balancer_id))
        if worker is not None:
            self._let_finish(load_balancer_id, worker)
        self._record.forget(load_balancer_id)

    def _let_finish(self, load_balancer_id: str, worker: Worker) -> None:
        _, last_words, reason = self._crew.greet(load_balancer_id, worker)
        if last_words is None:
            log.warning("HAProxy is ended without a word", load_balancer=load_balancer_id, reason=reason)
            self._crew.end(load_balancer_id, worker, Cut.NO_ANSWER)
            return
        self._last_words.keep(load_balancer_id, worker.number, last_words)
        self._workers.let_finish(load_balancer_id, worker.pid)
        if not self._closes(load_balancer_id, worker):
            log.warning("HAProxy does not stop listening", load_balancer=load_balancer_id)
            self._crew.end(load_balancer_id, worker, Cut.NO_END)
            self._orphans.end(load_balancer_id)

    def _closes(self, load_balancer_id: str, worker: Worker) -> bool:
        """Whether a worker that was let finish listens no more, in good time. It closes all its listening sockets at
        once, that of its runtime API among them."""
        deadline = time.monotonic() + _CLOSING_TIMEOUT
        while self._crew.answer_of(load_balancer_id, worker) is not Answer.REFUSED:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def stop_haproxy(self, load_balancer_id: str) -> None:
        self._launcher.spares.end(load_balancer_id)
        self._starts.abandon(load_balancer_id)
        for worker in self._workers.living(load_balancer_id):
            self._crew.end(load_balancer_id, worker, Cut.REMOVED)
        self._orphans.end(load_balancer_id)
        self._workers.sweep(load_balancer_id, self._workers.numbers(load_balancer_id))
        self._record.forget(load_balancer_id)
        self._last_words.hang_up_all(load_balancer_id)
        self._statistics.forget(load_balancer_id)

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        worker = self._crew.serving(load_balancer_id)
        if worker is None:
            raise HostError("cannot change HAProxy: none is running")
        with self._crew.converse(load_balancer_id, worker) as conversation:
            cut = _sessions(conversation, shut_by(commands))
            answers = [conversation.ask(command) for command in commands]
        self._cuts.note(load_balancer_id, cut, Cut.OVERDUE)
        return answers

    def change_slots(self, load_balancer_id: str, changes: Sequence[SlotChange]) -> None:
        worker = self._crew.serving(load_balancer_id)
        if worker is None:
            raise HostError("cannot change HAProxy's files: none is running")

        with self._crew.converse(load_balancer_id, worker) as conversation:
            talk = self._talk(load_balancer_id, conversation)
            for change in changes:
                talk.change(change)

    def _talk(self, load_balancer_id: str, conversation: Conversation) -> SlotTalk:
        def content(fingerprint: str) -> SecretBytes:
            found = self._files.read_named(load_balancer_id, fingerprint)
            if found is None:
                raise HostError(f"the file {fingerprint} is gone")
            return found

        return SlotTalk(conversation, lambda name: str(self._files.slot(load_balancer_id, name)), content)

    def renew_tickets(self, load_balancer_id: str) -> None:
        key = self._tickets.renew(load_balancer_id)
        worker = self._crew.serving(load_balancer_id)
        if worker is None:
            return
        try:
            with self._crew.converse(load_balancer_id, worker) as conversation:
                self._tickets.tell(load_balancer_id, conversation, key)
        except HostError as error:  # what it has is good until the next time
            log.info("HAProxy takes no key of tickets", load_balancer=load_balancer_id, reason=str(error))

    def record_running(self, load_balancer_id: str, text: str) -> None:
        worker = self._crew.serving(load_balancer_id)
        if worker is None:
            raise HostError("cannot record what HAProxy runs: none is running")
        self._record.write(load_balancer_id, worker, text)

    # Statistics

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        return self._statistics.read(load_balancer_id)

    def ask_statistics(self, load_balancer_ids: Sequence[str]) -> None:
        self._statistics.ask_ahead(load_balancer_ids)

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        [answer] = self.runtime(load_balancer_id, [SERVER_STATISTICS])
        try:
            return parse_statistics(answer)
        except ValueError as error:
            raise HostError(f"HAProxy's answer to {SERVER_STATISTICS} is {error}") from error

    def close(self) -> None:
        """Ends the conversations; the processes run on."""
        self._next.end()
        self._launcher.close()
        self._last_words.close()
        self._statistics.close()


def _sessions(conversation: Conversation, servers: Collection[tuple[str, str]]) -> int:
    """How many connections these have; asked where there are any such servers only."""
    if not servers:
        return 0
    rows = parse_statistics(conversation.ask(SERVER_STATISTICS))
    return sum(row.statistics.active_connections for row in rows if (row.proxy, row.server) in servers)
