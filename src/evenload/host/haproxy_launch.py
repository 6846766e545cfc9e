"""Starts HAProxy processes in two steps: a begun one loads, reads its configuration and waits; it binds nothing and
takes nothing over before it is let go on.

Loading alone takes most of a start, and needs nothing of the load balancer's network. A begun process waits because the
last of its configuration files is its standard input, an empty pipe that we hold: it reads to the end, which comes when
we close our end, or end ourselves. Where a spare stands ready for that very start, the process has loaded before.
"""

import os
import re
import threading
from dataclasses import dataclass

import structlog

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy_arguments import Takeover, command_line
from evenload.host.haproxy_process import Begun, Ended
from evenload.host.haproxy_runtime import LONGEST_PATH
from evenload.host.haproxy_spares import Spares
from evenload.host.haproxy_workers import Workers
from evenload.host.refusal import refusal
from evenload.host.settings import HaproxySettings
from evenload.host.succession import Worker
from evenload.model.errors import Hopeless, HostError, InvalidConfiguration
from evenload.model.slot import SlotKind, slots_in
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

_ALERT = re.compile(r"\[ALERT\]\s+\([0-9]+\) : (.*)")
_ROOM = 65536
"""Bytes, beside what is as long as the text: the pid file, a state file, a record."""

_A_CERTIFICATE = 0.02
"""Seconds: ten times what HAProxy 2.6 with OpenSSL 3 needs on a processor of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launch:
    worker: int
    text: str
    process: Begun


class Launcher:
    """At most one begun process per load balancer; different ones in parallel."""

    def __init__(
        self, settings: HaproxySettings, files: StateFiles, workers: Workers, counting: Counting = UNCOUNTED
    ) -> None:
        self._settings = settings
        self._counting = counting
        self._files = files
        self._workers = workers
        self.spares = Spares(settings.binary, files, workers)
        self._launches: dict[str, _Launch] = {}
        self._starting: dict[str, int] = {}
        self._lock = threading.Lock()

    def starting(self) -> dict[str, int]:
        """The load balancers whose process is begun, as a spare too, or going on, with the worker's number."""
        with self._lock:
            starting = dict(self._starting)
        return self.spares.workers() | starting

    def launching(self) -> set[str]:
        """The load balancers whose process is begun for a start that is at hand, or going on."""
        with self._lock:
            return set(self._starting)

    def pids(self) -> set[int]:
        """Of the processes that are begun and held back, as spares too."""
        with self._lock:
            held = {launch.process.pid for launch in self._launches.values()}
        return self.spares.pids() | held

    def has_begun(self, load_balancer_id: str, text: str, worker: int) -> bool:
        with self._lock:
            launch = self._launches.get(load_balancer_id)
        return launch is not None and (launch.worker, launch.text) == (worker, text)

    def write(self, load_balancer_id: str, text: str, worker: int, takeover: Takeover | None = None) -> None:
        """The worker's own file, which HAProxy judges itself before it binds anything. A spare that was begun for
        something else must not find it, and ends first.

        Raises HostError where the disk has no room for what the worker and we write while it starts: one that cannot
        write its pid file serves, and nobody can find it.
        """
        if len(str(self._workers.file(load_balancer_id, worker, "sock"))) > LONGEST_PATH:
            raise Hopeless(f"the state directory {self._files.state_dir} is too long a path for a unix socket in it")
        self._ensure_chroot()
        self.spares.drop_unfit(load_balancer_id, worker, takeover)
        with self._lock:
            self._starting[load_balancer_id] = worker
        try:
            self._files.ensure_room(load_balancer_id, _ROOM + 4 * len(text))
            self._files.write(load_balancer_id, f"haproxy-{worker}.cfg", text)
        except BaseException:
            self.forget(load_balancer_id, worker)
            raise

    def begin(self, load_balancer_id: str, text: str, worker: int, takeover: Takeover | None = None) -> None:
        """After ``write``."""
        config, pid_file = (self._workers.file(load_balancer_id, worker, suffix) for suffix in ("cfg", "pid"))
        try:
            spare = self.spares.take(load_balancer_id, worker, takeover)
            process = spare or haproxy_process.begin(
                command_line(self._settings.binary, config, pid_file, takeover),
                self._workers.namespace_path(load_balancer_id),
            )
            self._counting.add("haproxy_launches_total", ("new" if spare is None else "spare",))
        except BaseException:
            self.forget(load_balancer_id, worker)
            raise
        with self._lock:
            self._launches[load_balancer_id] = _Launch(worker=worker, text=text, process=process)

    def finish(self, load_balancer_id: str) -> Worker:
        """Lets the begun process go on, and waits until it listens. After a failure nothing of it is left."""
        with self._lock:
            launch = self._launches.pop(load_balancer_id)
        worker = launch.worker
        try:
            patience = self._settings.start_timeout + choose_extra_patience(launch.text)
            ended = haproxy_process.finish(launch.process, patience)
            if ended.code != 0:
                raise _start_failure(ended)
            living = self._workers.living(load_balancer_id)
            started = next((each for each in living if each.number == worker), None)
            if started is None:
                raise HostError(f"HAProxy started and ended at once: {alerts_of(ended)}")
        except BaseException:
            haproxy_process.abandon(launch.process)
            self.forget(load_balancer_id, worker)
            raise
        with self._lock:
            self._starting.pop(load_balancer_id, None)
        return started

    def abandon(self, load_balancer_id: str) -> None:
        """Ends a process that was begun and not let go on; quiet where there is none."""
        with self._lock:
            launch = self._launches.pop(load_balancer_id, None)
        if launch is not None:
            haproxy_process.abandon(launch.process)
            self.forget(load_balancer_id, launch.worker)

    def close(self) -> None:
        self.spares.close()
        with self._lock:
            begun = list(self._launches)
        for load_balancer_id in begun:
            self.abandon(load_balancer_id)

    def forget(self, load_balancer_id: str, worker: int) -> None:
        """A process that came up although its starter was too slow goes, too, and so do its files."""
        self.spares.drop(load_balancer_id)
        try:
            for other in self._workers.living(load_balancer_id):
                if other.number == worker:
                    self._workers.end(load_balancer_id, other.pid)
            self._workers.sweep(load_balancer_id, [worker])
        finally:
            with self._lock:
                self._starting.pop(load_balancer_id, None)

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


def choose_extra_patience(text: str) -> float:
    """Seconds beside those that any start may take: for each certificate of each bind line."""
    certificates = sum(_count_certificates(section) for section in text.split("\nfrontend ")[1:])
    return _A_CERTIFICATE * certificates


def _count_certificates(section: str) -> int:
    kinds = (SlotKind.CERTIFICATE, SlotKind.LISTED_CERTIFICATE)
    certificates = [slot for slot in slots_in(section).values() if slot.kind in kinds]
    return section.count(" crt-list ") * len(certificates)


def alerts_of(ended: Ended) -> str:
    """HAProxy's own words about why, without its process ids; warnings are left out where there are alerts. Some of
    3.0's take several lines."""
    alerts: list[str] = []
    inside = False
    for line in ended.output.splitlines():
        match = _ALERT.match(line)
        inside = match is not None or (inside and not line.startswith("["))
        if match is not None:
            alerts.append(match[1].strip())
        elif inside and line.strip():
            alerts[-1] += f" {line.strip()}"
    return "; ".join(alerts) or ended.output.strip() or f"it ended with {ended.code} and said nothing"


def _start_failure(ended: Ended) -> HostError:
    """A configuration stays wrong however often it is tried; an address that is not there yet may come."""
    alerts = alerts_of(ended)
    if any(line.startswith("config : ") for line in alerts.split("; ")):
        return InvalidConfiguration(f"HAProxy refuses the configuration: {alerts}")
    return HostError(f"HAProxy does not start: {alerts}")
