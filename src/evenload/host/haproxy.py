"""HAProxy on this host: one process per load balancer, started, changed and replaced without losing a connection.

Part of the Host (interfaces.py), which says what each operation promises; ARCHITECTURE.md names the files. What the
configuration says is none of its business. It touches no network beyond being inside the namespace when it starts a
process, and holds no state but the conversations with workers that are finishing.
"""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy_launch import Launcher
from evenload.host.haproxy_runtime import (
    LONGEST_PATH,
    SERVER_STATISTICS,
    SERVERS,
    STATISTICS,
    Conversation,
    Finishing,
    Unreachable,
    parse_servers,
    parse_statistics,
)
from evenload.host.haproxy_workers import LIVE, STATES, Running, Worker, Workers
from evenload.host.listening import anything_listens
from evenload.host.settings import HostSettings
from evenload.model.desired import ProxyStatistics
from evenload.model.errors import Hopeless, HostError
from evenload.model.observed import HaproxyObserved, HaproxyProcess

log = structlog.get_logger(__name__)

_OLDEST = (2, 6)
_VERSION = re.compile(r"version ([0-9]+)\.([0-9]+)")
_FRONTEND = "FRONTEND"
_STATISTICS_TIMEOUT = 1.0
_CLOSING_TIMEOUT = 1.0
_FINISHING_AT_MOST = 16
"""Workers of one load balancer, 3 MiB or more each: who changes it every second and keeps a connection open to each
former worker must not take the memory of the whole host. The oldest gives way."""
_NO_STATES = "1\n"
"""A state file that says nothing: just the version of its format."""


@dataclass(frozen=True, slots=True)
class _Former:
    """The worker that a begun one shall take over from. ``last_words``: None where it could not be asked."""

    worker: Worker
    last_words: Conversation | None
    hangs: bool


class Haproxy:
    """Different load balancers may be worked on in parallel; statistics may be read at any time."""

    def __init__(self, settings: HostSettings, files: StateFiles) -> None:
        self._settings = settings.haproxy
        self._files = files
        self._workers = Workers(files, settings.netns_dir)
        self._finishing: dict[tuple[str, int], Conversation] = {}
        self._launcher = Launcher(settings.haproxy, files, self._workers)
        self._former: dict[str, _Former] = {}
        self._orphans: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def prepare(self) -> list[str]:
        """Raises Hopeless where the binary is too old or the state directory's path too long."""
        self._check_version()
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
        ends one that nobody knows of beside the one that serves: an agent that is killed while it starts a process
        may start a second one after that."""
        living = self._sweep(load_balancer_id)
        config = self._files.read(load_balancer_id, LIVE)
        worker = self._last(load_balancer_id, living)
        process = None if worker is None else self._observe(load_balancer_id, worker)
        return HaproxyObserved(config=config, process=process, orphan=self.has_orphan(load_balancer_id))

    def _observe(self, load_balancer_id: str, worker: Worker) -> HaproxyProcess | None:
        try:
            with Conversation(self._socket(load_balancer_id, worker)) as conversation:
                servers = parse_servers(conversation.ask(SERVERS))
        except Finishing:
            return None
        except (HostError, ValueError) as error:
            log.warning("HAProxy does not answer", load_balancer=load_balancer_id, reason=str(error))
            servers = None
        if servers is not None and self.has_orphan(load_balancer_id):
            self._end_orphans(load_balancer_id)  # the ports belong to the one that answers
        text = self._text(load_balancer_id, worker)
        return HaproxyProcess(pid=worker.pid, worker=worker.number, text=text, servers=servers)

    def find_orphans(self) -> frozenset[str]:
        """The load balancers that have a HAProxy of which nothing is recorded here; kept for ``has_orphan``. One look
        at all processes of the machine: for a resync, not for each load balancer."""
        found = frozenset(self._workers.with_orphans() - self._launcher.starting().keys())
        with self._lock:
            self._orphans = found
        return found

    def has_orphan(self, load_balancer_id: str) -> bool:
        with self._lock:
            return load_balancer_id in self._orphans

    def current_pid(self, load_balancer_id: str) -> int | None:
        """Of the worker that was started last, for watching."""
        worker = self._last(load_balancer_id, self._workers.living(load_balancer_id))
        return None if worker is None else worker.pid

    # Changes

    def write_config(self, load_balancer_id: str, text: str) -> None:
        self._files.write(load_balancer_id, LIVE, text)

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        """A start leaves workers that are finishing to it; any other one of this load balancer is ended first."""
        self.abandon_haproxy(load_balancer_id)
        if takeover:
            self._begin_takeover(load_balancer_id, text, worker)
            return
        self._make_room(load_balancer_id, worker)
        self._files.write(load_balancer_id, STATES, _NO_STATES)
        self._launcher.write(load_balancer_id, text, worker)  # nothing ends where the disk refuses this
        try:
            for other in self._workers.living(load_balancer_id):
                if not self._is_finishing(load_balancer_id, other):
                    self._workers.end(load_balancer_id, other.pid)
            self._end_orphans(load_balancer_id)
        except BaseException:
            self._launcher.forget(load_balancer_id, worker)
            raise
        self._launcher.begin(load_balancer_id, text, worker)

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        self._launcher.abandon(load_balancer_id)
        with self._lock:
            former = self._former.pop(load_balancer_id, None)
        if former is not None and former.last_words is not None:
            former.last_words.close()

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        if not self._launcher.has_begun(load_balancer_id, text, worker):
            self.begin_haproxy(load_balancer_id, text, worker, takeover=False)
        return self._finish(load_balancer_id, text)

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        if not self._launcher.has_begun(load_balancer_id, text, worker):
            self.abandon_haproxy(load_balancer_id)
            self._begin_takeover(load_balancer_id, text, worker)
        try:
            self._files.write(load_balancer_id, STATES, server_states or _NO_STATES)
            pid = self._finish(load_balancer_id, text)
        except BaseException:
            self.abandon_haproxy(load_balancer_id)
            raise
        with self._lock:
            former = self._former.pop(load_balancer_id)
            if former.last_words is not None:
                self._finishing[load_balancer_id, former.worker.number] = former.last_words
        if former.hangs:
            self._workers.end(load_balancer_id, former.worker.pid)
        return pid

    def finish_haproxy(self, load_balancer_id: str) -> None:
        if self.has_orphan(load_balancer_id):
            self._end_orphans(load_balancer_id)
        worker = self._last(load_balancer_id, self._sweep(load_balancer_id))
        if worker is not None:
            try:
                last_words = Conversation(self._socket(load_balancer_id, worker))
            except HostError as error:
                log.warning("HAProxy is ended without a word", load_balancer=load_balancer_id, reason=str(error))
                self._workers.end(load_balancer_id, worker.pid)
            else:
                with self._lock:
                    self._finishing[load_balancer_id, worker.number] = last_words
                self._workers.let_finish(load_balancer_id, worker.pid)
                if not self._closes(load_balancer_id, worker):
                    log.warning("HAProxy does not stop listening", load_balancer=load_balancer_id)
                    self._workers.end(load_balancer_id, worker.pid)
                    self._end_orphans(load_balancer_id)
        self._workers.forget_running(load_balancer_id)

    def stop_haproxy(self, load_balancer_id: str) -> None:
        self.abandon_haproxy(load_balancer_id)
        for worker in self._workers.living(load_balancer_id):
            self._workers.end(load_balancer_id, worker.pid)
        self._end_orphans(load_balancer_id)
        self._workers.sweep(load_balancer_id, self._workers.numbers(load_balancer_id))
        self._workers.forget_running(load_balancer_id)
        with self._lock:
            gone = [key for key in self._finishing if key[0] == load_balancer_id]
        for key in gone:
            self._hang_up(*key)

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        worker = self._last(load_balancer_id, self._workers.living(load_balancer_id))
        if worker is None:
            raise HostError("cannot change HAProxy: none is running")
        with Conversation(self._socket(load_balancer_id, worker)) as conversation:
            return [conversation.ask(command) for command in commands]

    def record_running(self, load_balancer_id: str, text: str) -> None:
        worker = self._last(load_balancer_id, self._workers.living(load_balancer_id))
        if worker is None:
            raise HostError("cannot record what HAProxy runs: none is running")
        self._record(load_balancer_id, worker, text)

    # Statistics

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        """A finishing worker without connections is let go when its last numbers have been read."""
        found = {}
        for number in self._workers.sockets(load_balancer_id):
            with self._lock:
                last_words = self._finishing.get((load_balancer_id, number))
            try:
                if last_words is None:
                    path = self._workers.file(load_balancer_id, number, "sock")
                    with Conversation(path, timeout=_STATISTICS_TIMEOUT) as conversation:
                        found[number] = parse_statistics(conversation.ask(STATISTICS))
                else:
                    found[number] = rows = parse_statistics(last_words.ask(STATISTICS))
                    if not any(row.statistics.active_connections for row in rows if row.server == _FRONTEND):
                        self._hang_up(load_balancer_id, number)
            except (HostError, ValueError) as error:
                self._hang_up(load_balancer_id, number)
                log.debug("no statistics", load_balancer=load_balancer_id, worker=number, reason=str(error))
        return found

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        [answer] = self.runtime(load_balancer_id, [SERVER_STATISTICS])
        try:
            return parse_statistics(answer)
        except ValueError as error:
            raise HostError(f"HAProxy's answer to {SERVER_STATISTICS} is {error}") from error

    def close(self) -> None:
        """Ends the conversations; the processes run on."""
        self._launcher.close()
        with self._lock:
            conversations = list(self._finishing.values())
            self._finishing.clear()
        for conversation in conversations:
            conversation.close()

    # Inside

    def _begin_takeover(self, load_balancer_id: str, text: str, worker: int) -> None:
        """A process that does not answer cannot be asked for its listening sockets: the new one shares the ports with
        it for a moment. One that only lost its socket finishes what it has; one that hangs would keep its connections,
        and the new ones that the kernel gives it, for ever."""
        self._make_room(load_balancer_id, worker)
        old = self._last(load_balancer_id, self._workers.living(load_balancer_id))
        if old is None:
            raise HostError("cannot reload HAProxy: none is running")
        last_words, hangs = None, False
        try:
            last_words = Conversation(self._socket(load_balancer_id, old))
        except HostError as error:
            log.warning("HAProxy is replaced without a word", load_balancer=load_balancer_id, reason=str(error))
            hangs = not isinstance(error, Unreachable)
        handover = [] if last_words is None else ["-x", str(self._socket(load_balancer_id, old))]
        try:
            self._launcher.write(load_balancer_id, text, worker)
            self._launcher.begin(load_balancer_id, text, worker, [*handover, "-sf", str(old.pid)])
        except BaseException:
            if last_words is not None:
                last_words.close()
            raise
        with self._lock:
            self._former[load_balancer_id] = _Former(old, last_words, hangs)

    def _finish(self, load_balancer_id: str, text: str) -> int:
        """The worker's file becomes the live one when the process listens: whatever fails, the live file was not
        touched."""
        started = self._launcher.finish(load_balancer_id)
        self._files.write(load_balancer_id, LIVE, text)
        self._record(load_balancer_id, started, text)
        self._workers.point_at(load_balancer_id, started.number)
        return started.pid

    def _sweep(self, load_balancer_id: str) -> list[Worker]:
        """The living, after removing what dead ones left. In this order, so that a worker that is being started
        meanwhile loses nothing: whoever had files is starting or living when it is asked for that."""
        numbers = self._workers.numbers(load_balancer_id)
        starting = self._launcher.starting().get(load_balancer_id)
        living = self._workers.living(load_balancer_id)
        dead = numbers - {starting} - {worker.number for worker in living}
        self._workers.sweep(load_balancer_id, dead)
        for number in dead:
            self._hang_up(load_balancer_id, number)
        return living

    def _make_room(self, load_balancer_id: str, number: int) -> None:
        """An agent that lost count may ask for a number that an older worker has; and there may be too many."""
        living = self._sweep(load_balancer_id)
        for oldest in living[:-_FINISHING_AT_MOST]:
            log.warning("too many workers are finishing", load_balancer=load_balancer_id, ended=oldest.number)
            self._workers.end(load_balancer_id, oldest.pid)
        if any(worker.number == number for worker in living[-_FINISHING_AT_MOST:]):
            other = self._workers.move_aside(load_balancer_id, number)
            with self._lock:
                conversation = self._finishing.pop((load_balancer_id, number), None)
                if conversation is not None:
                    self._finishing[load_balancer_id, other] = conversation

    def _last(self, load_balancer_id: str, living: list[Worker]) -> Worker | None:
        """The newest worker in the load balancer's present namespace."""
        namespace = self._workers.namespace(load_balancer_id)
        inside = [worker for worker in living if namespace is not None and worker.namespace == namespace]
        return inside[-1] if inside else None

    def _text(self, load_balancer_id: str, worker: Worker) -> str:
        """What the worker works by: as recorded, or, where the agent died before it could, as it was started."""
        running = self._workers.read_running(load_balancer_id)
        if running is not None and (running.pid, running.start_time) == (worker.pid, worker.start_time):
            return running.text
        return self._files.read(load_balancer_id, f"haproxy-{worker.number}.cfg") or ""

    def _record(self, load_balancer_id: str, worker: Worker, text: str) -> None:
        running = Running(worker=worker.number, pid=worker.pid, start_time=worker.start_time, text=text)
        self._workers.write_running(load_balancer_id, running)

    def _socket(self, load_balancer_id: str, worker: Worker) -> Path:
        return self._workers.file(load_balancer_id, worker.number, "sock")

    def _is_finishing(self, load_balancer_id: str, worker: Worker) -> bool:
        if worker.namespace != self._workers.namespace(load_balancer_id):
            return False  # it serves nobody where it is
        try:
            Conversation(self._socket(load_balancer_id, worker)).close()
        except Finishing:
            return True
        except HostError:
            return False
        return False

    def _end_orphans(self, load_balancer_id: str) -> None:
        """A process whose state directory was lost would share the VIP's ports with the next one, or live for ever
        where its namespace lost its name too. Looking through all processes is slow on a full host, so that is done
        only where somebody listens although nobody should, or where the last resync found one."""
        namespace = self._workers.namespace_path(load_balancer_id)
        listens = self._workers.namespace(load_balancer_id) is not None and anything_listens(namespace)
        if not listens and not self.has_orphan(load_balancer_id):
            return
        with self._lock:
            self._orphans -= {load_balancer_id}
        for pid in self._workers.orphans(load_balancer_id):
            log.warning("ending a HAProxy without a record", load_balancer=load_balancer_id, pid=pid)
            self._workers.end(load_balancer_id, pid)

    def _closes(self, load_balancer_id: str, worker: Worker) -> bool:
        """Whether a worker that was let finish listens no more, in good time. It closes all its listening sockets at
        once, that of its runtime API among them."""
        deadline = time.monotonic() + _CLOSING_TIMEOUT
        while not self._is_finishing(load_balancer_id, worker):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def _hang_up(self, load_balancer_id: str, number: int) -> None:
        with self._lock:
            conversation = self._finishing.pop((load_balancer_id, number), None)
        if conversation is not None:
            conversation.close()

    def _check_version(self) -> None:
        ended = haproxy_process.run([self._settings.binary, "-v"], None, self._settings.start_timeout)
        match = _VERSION.search(ended.output)
        if ended.code != 0 or match is None:
            raise Hopeless(f"{self._settings.binary} is no HAProxy")
        if (int(match[1]), int(match[2])) < _OLDEST:
            raise Hopeless(f"{self._settings.binary} is HAProxy {match[1]}.{match[2]}; 2.6 is the oldest that will do")
