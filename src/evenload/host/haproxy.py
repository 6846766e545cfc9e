"""HAProxy on this host: one process per load balancer, started, changed and replaced without losing a connection.

Part of the Host (interfaces.py), which says what each operation promises; ARCHITECTURE.md names the files. What the
configuration says is none of its business. It touches no network beyond being inside the namespace when it starts a
process, and holds no state but the conversations with workers that are finishing.
"""

import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy_process import Ended
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
from evenload.host.refusal import refusal
from evenload.host.settings import HostSettings
from evenload.model.desired import ProxyStatistics
from evenload.model.errors import Hopeless, HostError, InvalidConfiguration
from evenload.model.observed import HaproxyObserved, HaproxyProcess

log = structlog.get_logger(__name__)

_OLDEST = (2, 6)
_VERSION = re.compile(r"version ([0-9]+)\.([0-9]+)")
_ALERT = re.compile(r"\[ALERT\]\s+\([0-9]+\) : (.*)")
_FRONTEND = "FRONTEND"
_STATISTICS_TIMEOUT = 1.0
_CLOSING_TIMEOUT = 1.0
_FINISHING_AT_MOST = 16
"""Workers of one load balancer, 3 MiB or more each: who changes it every second and keeps a connection open to each
former worker must not take the memory of the whole host. The oldest gives way."""
_NO_STATES = "1\n"
"""A state file that says nothing: just the version of its format."""


class Haproxy:
    """Different load balancers may be worked on in parallel; statistics may be read at any time."""

    def __init__(self, settings: HostSettings, files: StateFiles) -> None:
        self._settings = settings.haproxy
        self._files = files
        self._workers = Workers(files, settings.netns_dir)
        self._finishing: dict[tuple[str, int], Conversation] = {}
        self._starting: set[tuple[str, int]] = set()
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
        with self._lock:
            starting = {load_balancer_id for load_balancer_id, _ in self._starting}
        found = frozenset(self._workers.with_orphans() - starting)
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

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        """Workers that are finishing are left to it; any other one of this load balancer is ended first."""
        living = self._workers.living(load_balancer_id)
        for other in living:
            if not self._is_finishing(load_balancer_id, other):
                self._workers.end(load_balancer_id, other.pid)
        self._end_orphans(load_balancer_id)
        self._make_room(load_balancer_id, worker)
        self._files.write(load_balancer_id, STATES, _NO_STATES)
        return self._launch(load_balancer_id, text, worker, [])

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        self._make_room(load_balancer_id, worker)
        old = self._last(load_balancer_id, self._workers.living(load_balancer_id))
        if old is None:
            raise HostError("cannot reload HAProxy: none is running")
        self._files.write(load_balancer_id, STATES, server_states or _NO_STATES)
        try:
            last_words = Conversation(self._socket(load_balancer_id, old))
        except HostError as error:
            return self._replace(load_balancer_id, text, worker, old, error)
        socket = str(self._socket(load_balancer_id, old))
        try:
            pid = self._launch(load_balancer_id, text, worker, ["-x", socket, "-sf", str(old.pid)])
        except BaseException:
            last_words.close()
            raise
        with self._lock:
            self._finishing[load_balancer_id, old.number] = last_words
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
        with self._lock:
            conversations = list(self._finishing.values())
            self._finishing.clear()
        for conversation in conversations:
            conversation.close()

    # Inside

    def _launch(self, load_balancer_id: str, text: str, worker: int, takeover: list[str]) -> int:
        """Starts the worker by a file of its own, which becomes the live one when the process listens: whatever
        fails, the live file was not touched. HAProxy judges the file itself before it binds anything."""
        with self._lock:
            self._starting.add((load_balancer_id, worker))
        try:
            started = self._spawn(load_balancer_id, text, worker, takeover)
        finally:
            with self._lock:
                self._starting.discard((load_balancer_id, worker))
        self._files.write(load_balancer_id, LIVE, text)
        self._record(load_balancer_id, started, text)
        self._workers.point_at(load_balancer_id, worker)
        return started.pid

    def _spawn(self, load_balancer_id: str, text: str, worker: int, takeover: list[str]) -> Worker:
        self._ensure_chroot()
        config = self._files.write(load_balancer_id, f"haproxy-{worker}.cfg", text)
        pid_file = self._workers.file(load_balancer_id, worker, "pid")
        if len(str(self._workers.file(load_balancer_id, worker, "sock"))) > LONGEST_PATH:
            raise Hopeless(f"the state directory {self._files.state_dir} is too long a path for a unix socket in it")
        arguments = [self._settings.binary, "-D", "-f", str(config), "-p", str(pid_file), *takeover]
        try:
            namespace = self._workers.namespace_path(load_balancer_id)
            ended = haproxy_process.run(arguments, namespace, self._settings.start_timeout)
            if ended.code != 0:
                raise _start_failure(ended)
            started = next(
                (each for each in self._workers.living(load_balancer_id) if each.number == worker),
                None,
            )
            if started is None:
                raise HostError(f"HAProxy started and ended at once: {_alerts(ended)}")
        except HostError:
            self._clear_away(load_balancer_id, worker)
            raise
        return started

    def _replace(self, load_balancer_id: str, text: str, worker: int, old: Worker, why: HostError) -> int:
        """A reload of a process that cannot be asked for its listening sockets: the new one shares the ports with it
        for a moment. One that only lost its socket finishes what it has; one that hangs would keep its connections,
        and the new ones that the kernel gives it, for ever."""
        log.warning("HAProxy is replaced without a word", load_balancer=load_balancer_id, reason=str(why))
        pid = self._launch(load_balancer_id, text, worker, ["-sf", str(old.pid)])
        if not isinstance(why, Unreachable):
            self._workers.end(load_balancer_id, old.pid)
        return pid

    def _sweep(self, load_balancer_id: str) -> list[Worker]:
        """The living, after removing what dead ones left. In this order, so that a worker that is being started
        meanwhile loses nothing: whoever had files is starting or living when it is asked for that."""
        numbers = self._workers.numbers(load_balancer_id)
        with self._lock:
            starting = {number for key, number in self._starting if key == load_balancer_id}
        living = self._workers.living(load_balancer_id)
        dead = numbers - starting - {worker.number for worker in living}
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

    def _clear_away(self, load_balancer_id: str, worker: int) -> None:
        """After a failed start; a process that came up although its starter was too slow goes too."""
        for other in self._workers.living(load_balancer_id):
            if other.number == worker:
                self._workers.end(load_balancer_id, other.pid)
        for suffix in ("cfg", "pid", "sock"):
            self._files.remove(load_balancer_id, f"haproxy-{worker}.{suffix}")

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

    def _ensure_chroot(self) -> None:
        chroot = self._settings.chroot
        try:
            chroot.mkdir(mode=0o555, parents=True, exist_ok=True)
            found = chroot.stat()
            if found.st_uid != 0 or found.st_mode & 0o777 != 0o555:
                os.chown(chroot, 0, 0)
                chroot.chmod(0o555)
        except OSError as error:
            raise refusal(f"make the empty directory {chroot}", error) from error

    def _check_version(self) -> None:
        ended = haproxy_process.run([self._settings.binary, "-v"], None, self._settings.start_timeout)
        match = _VERSION.search(ended.output)
        if ended.code != 0 or match is None:
            raise Hopeless(f"{self._settings.binary} is no HAProxy")
        if (int(match[1]), int(match[2])) < _OLDEST:
            raise Hopeless(f"{self._settings.binary} is HAProxy {match[1]}.{match[2]}; 2.6 is the oldest that will do")


def _alerts(ended: Ended) -> str:
    """HAProxy's own words about why, without its process ids; warnings are left out where there are alerts."""
    alerts = [match[1] for line in ended.output.splitlines() if (match := _ALERT.match(line))]
    return "; ".join(alerts) or ended.output.strip() or f"it ended with {ended.code} and said nothing"


def _start_failure(ended: Ended) -> HostError:
    """A configuration stays wrong however often it is tried; an address that is not there yet may come."""
    alerts = _alerts(ended)
    if any(line.startswith("config : ") for line in alerts.split("; ")):
        return InvalidConfiguration(f"HAProxy refuses the configuration: {alerts}")
    return HostError(f"HAProxy does not start: {alerts}")
