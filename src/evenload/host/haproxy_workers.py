"""The HAProxy processes of each load balancer as the state directory and /proc have them.

Worker n leaves ``haproxy-<n>.cfg`` (what it was started with), ``haproxy-<n>.pid`` and ``haproxy-<n>.sock``. The pid
file is HAProxy's own, written as soon as it listens, so that a process which the agent started without living to
record it is found all the same.
"""

import os
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from evenload.host import haproxy_process, netns
from evenload.host.aliases import Aliases, is_alias
from evenload.host.files import StateFiles, names_load_balancer
from evenload.host.haproxy_arguments import named_file
from evenload.host.refusal import refusal
from evenload.host.succession import Worker
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

LIVE = "haproxy.cfg"
STATES = "servers.state"
CURRENT_SOCKET = "haproxy.sock"
"""A link to the socket of the worker that serves."""
_FILE = re.compile(r"haproxy-([0-9]+)\.(cfg|pid|sock)\Z")


class Workers:
    def __init__(self, files: StateFiles, netns_dir: Path, chroot: Path | None = None) -> None:
        """``chroot``: what workers are locked into."""
        self._files = files
        self._netns_dir = netns_dir
        self._roots = [Path("/")] + ([] if chroot is None else [chroot])
        self._aliases = Aliases(files)

    def namespace_path(self, load_balancer_id: str) -> Path:
        return self._netns_dir / f"qlbaas-{load_balancer_id}"

    def namespace(self, load_balancer_id: str) -> int | None:
        return netns.inode(self.namespace_path(load_balancer_id))

    def file(self, load_balancer_id: str, number: int, suffix: str) -> Path:
        return self._files.path(load_balancer_id, f"haproxy-{number}.{suffix}")

    def directory(self, load_balancer_id: str) -> Path:
        return self._files.path(load_balancer_id)

    def current(self, load_balancer_id: str) -> int | None:
        """The number of the worker to whose socket ``haproxy.sock`` leads, None where it leads nowhere."""
        try:
            match = _FILE.match(os.readlink(self._files.path(load_balancer_id, CURRENT_SOCKET)))
        except OSError:
            return None
        return int(match[1]) if match is not None and match[2] == "sock" else None

    def living(self, load_balancer_id: str) -> list[Worker]:
        """The newest last, in whatever namespace they are. Numbers are not reliable for that: see ``move_aside``."""
        found = []
        for number, suffixes in self._numbers(load_balancer_id).items():
            if "pid" in suffixes:
                worker = self._living(load_balancer_id, number)
                if worker is not None:
                    found.append(worker)
        return sorted(found, key=lambda worker: (worker.start_time, worker.number))

    def sockets(self, load_balancer_id: str) -> list[int]:
        """The workers that have left a socket, the living and the dead."""
        numbers = self._numbers(load_balancer_id)
        return sorted(number for number, suffixes in numbers.items() if "sock" in suffixes)

    def numbers(self, load_balancer_id: str) -> set[int]:
        """Of the workers that have left files, the living and the dead."""
        return set(self._numbers(load_balancer_id))

    def sweep(self, load_balancer_id: str, dead: Collection[int]) -> None:
        """Removes what these workers left."""
        for number in dead:
            for suffix in ("cfg", "pid", "sock"):
                self._files.remove(load_balancer_id, f"haproxy-{number}.{suffix}")

    def move_aside(self, load_balancer_id: str, number: int) -> int:
        """Gives a living worker's files another number, which is returned: a new worker is to have this one."""
        numbers = self._numbers(load_balancer_id)
        other = max(numbers, default=0) + 1
        for suffix in sorted(numbers.get(number, set())):
            source, target = (self.file(load_balancer_id, each, suffix) for each in (number, other))
            try:
                os.rename(source, target)
            except OSError as error:
                raise refusal(f"rename {source}", error) from error
        return other

    def orphans(self, load_balancer_id: str) -> list[int]:
        """HAProxy processes of this load balancer that left no pid file, found by looking at every process there is."""
        return self.orphans_among(load_balancer_id, _processes())

    def all_orphans(self) -> dict[str, set[int]]:
        """The load balancers that have such processes, with their pids, by one look at every process. Sweeps up aliases
        that no process names."""
        found: dict[str, set[int]] = {}
        named_aliases = set()
        for pid in _processes():
            named = named_file(haproxy_process.arguments_of(pid))
            if named is None or named.parent.parent != self._files.state_dir:
                continue
            named_aliases.add(named.parent.name)
            load_balancer_id = self._aliases.load_balancer_of(named.parent.name) or named.parent.name
            if not names_load_balancer(load_balancer_id):  # anybody may give a process what arguments he likes
                continue
            # The common case first: a worker stands in the pid file that it names.
            recorded = (self._files.read(load_balancer_id, named.name) or "").strip() == str(pid)
            if not recorded and pid in self.orphans_among(load_balancer_id, [pid]):
                found.setdefault(load_balancer_id, set()).add(pid)
        self._aliases.sweep(named_aliases)
        return found

    def orphans_among(self, load_balancer_id: str, pids: Iterable[int]) -> list[int]:
        recorded = {worker.pid for worker in self.living(load_balancer_id)}
        return [
            pid
            for pid in pids
            if pid not in recorded
            and self.named_file(load_balancer_id, pid) is not None
            and haproxy_process.lives_here(pid, self._roots)
        ]

    def end(self, load_balancer_id: str, pid: int) -> None:
        """Kills a process that ``living`` or ``orphans`` named."""
        named = self.named_file(load_balancer_id, pid)
        if named is not None:
            haproxy_process.end(pid, named)
            self._aliases.remove(named.parent.name)

    def let_finish(self, load_balancer_id: str, pid: int) -> None:
        """Tells a process that ``living`` named to listen no more."""
        named = self.named_file(load_balancer_id, pid)
        if named is not None:
            haproxy_process.let_finish(pid, named)

    def resume_stopped(self, load_balancer_id: str, number: int) -> bool:
        """Lets a worker go on that somebody has stopped (SIGSTOP); whether it was stopped. Its connections wait
        meanwhile, and nothing else would ever wake it."""
        worker = self._living(load_balancer_id, number)
        named = None if worker is None else self.named_file(load_balancer_id, worker.pid)
        if worker is None or named is None or not haproxy_process.is_stopped(worker.pid):
            return False
        log.warning("HAProxy was stopped and goes on", load_balancer=load_balancer_id, pid=worker.pid)
        haproxy_process.resume(worker.pid, named)
        return True

    def _numbers(self, load_balancer_id: str) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        try:
            names = os.listdir(self._files.path(load_balancer_id))
        except (FileNotFoundError, NotADirectoryError):
            return found
        for name in names:
            if match := _FILE.match(name):
                found.setdefault(int(match[1]), set()).add(match[2])
        return found

    def _living(self, load_balancer_id: str, number: int) -> Worker | None:
        name = f"haproxy-{number}.pid"
        content = self._files.read(load_balancer_id, name)
        if content is None:
            return None
        pid = int(content) if content.strip().isdigit() else self._unwritten(load_balancer_id, name)
        if pid is None:
            return None
        started = haproxy_process.start_time(pid)
        if started is None or self.named_file(load_balancer_id, pid) is None:
            return None
        return Worker(number=number, pid=pid, start_time=started, namespace=haproxy_process.namespace_of(pid))

    def _unwritten(self, load_balancer_id: str, name: str) -> int | None:
        """The process that serves although it could not write its pid file: the disk was full. It is written for it as
        soon as there is room. One that is starting, for us or for an agent that was killed, has not detached itself:
        it writes its daemon's pid there in a moment."""
        named = {pid: self.named_file(load_balancer_id, pid) for pid in _processes()}
        found = {pid for pid, path in named.items() if path is not None and path.name == name}
        found = {pid for pid in found if haproxy_process.lives_here(pid, self._roots)}
        own = [pid for pid in found if haproxy_process.has_detached(pid)]
        if len(own) != 1:
            return None
        with suppress(HostError):
            self._files.write(load_balancer_id, name, f"{own[0]}\n")
        return own[0]

    def named_file(self, load_balancer_id: str, pid: int) -> Path | None:
        """The pid file in this load balancer's directory that the process was started with, as the process names it.

        One that was begun before its load balancer was known names an alias. Where somebody removed that, the namespace
        says whose the process is.
        """
        named = named_file(haproxy_process.arguments_of(pid))
        if named is None or named.parent == self._files.path(load_balancer_id):
            return named
        if named.parent.parent != self._files.state_dir or not is_alias(named.parent.name):
            return None
        led_to = self._aliases.load_balancer_of(named.parent.name)
        if led_to is None:
            inside = haproxy_process.namespace_of(pid)
            return named if inside is not None and inside == self.namespace(load_balancer_id) else None
        return named if led_to == load_balancer_id else None


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
