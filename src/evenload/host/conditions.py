"""Looks at what this machine grants and how much of it is used, for people. Changes nothing."""

import ctypes
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evenload.host import haproxy_process, netns
from evenload.host.aliases import Aliases
from evenload.host.files import StateFiles, names_load_balancer
from evenload.host.haproxy_arguments import named_file
from evenload.host.sysctl import read_sysctl

_LISTENING = "0A"
_OPEN_FILES = re.compile(r"^Max open files\s+(\S+)\s+(\S+)", re.MULTILINE)
_UNSYNCHRONISED = 0x40
_TIMEX_SIZE = 1024
"""Bytes; more than any kernel's struct timex."""
_STATUS_AT = 40
"""Of ``status`` in it, where a long has eight bytes: after modes, offset, freq, maxerror and esterror."""
_PREFIX = "qlbaas-"


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens on a TCP port. ``address``: as the kernel has it, in hexadecimal."""

    pid: int
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Use:
    """``limit`` None: there is none."""

    used: int
    limit: int | None


def read_open_files_of(pid: int) -> int | None:
    """How many that process may open at most; None for no limit, or no such process."""
    try:
        found = _OPEN_FILES.search(Path(f"/proc/{pid}/limits").read_text())
    except OSError:
        return None
    return int(found[2]) if found is not None and found[2].isdigit() else None


def read_process_use() -> Use:
    """Processes and threads of the machine, against the ids that there are for them."""
    limits = [int(found) for name in ("kernel/pid_max", "kernel/threads-max") if (found := read_sysctl(name))]
    used = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    return Use(used, min(limits) if limits else None)


def read_task_use(pid: int) -> Use | None:
    """Of the control group of that process, and those above it: the one with the least room. None where there is none
    with a limit."""
    try:
        line = next(each for each in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if each.startswith("0::"))
    except (OSError, StopIteration):
        return None
    found = None
    place = Path("/sys/fs/cgroup") / line.removeprefix("0::/")
    for directory in (place, *place.parents):
        with suppress(OSError, ValueError):
            use = Use(int((directory / "pids.current").read_text()), int((directory / "pids.max").read_text()))
            if found is None or (use.limit or 0) - use.used < (found.limit or 0) - found.used:
                found = use
        if directory == Path("/sys/fs/cgroup"):
            break
    return found


def read_namespace_limit() -> int | None:
    found = read_sysctl("user/max_net_namespaces")
    return None if found is None else int(found)


def read_tracked() -> Use | None:
    """Connections that this host's packet filter tracks; None where it tracks none."""
    used, limit = (read_sysctl(f"net/netfilter/nf_conntrack_{name}") for name in ("count", "max"))
    return None if used is None or limit is None else Use(int(used), int(limit))


def is_clock_synchronised() -> bool | None:
    """By something that keeps the kernel's clock; None where the kernel does not say."""
    if ctypes.sizeof(ctypes.c_long) != 8:
        return None
    timex = ctypes.create_string_buffer(_TIMEX_SIZE)  # modes 0: a look
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return None
    return not ctypes.c_int.from_buffer(timex, _STATUS_AT).value & _UNSYNCHRONISED


def find_listeners(port: int) -> list[Listener]:
    """Who listens on that TCP port in this network namespace."""
    sockets: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                address, _, number = words[1].rpartition(":")
                if words[3] == _LISTENING and int(number, 16) == port:
                    sockets[f"socket:[{words[9]}]"] = address
    found = []
    for pid in processes() if sockets else ():
        held = {link for link in _links_of(pid) if link in sockets}
        found += [Listener(pid, name_of(pid), sockets[link]) for link in sorted(held)]
    return found


def find_strange_haproxies(binary: str) -> list[int]:
    """Processes of that binary in this network namespace, such as those of Debian's haproxy.service; none is a load
    balancer's."""
    here = haproxy_process.namespace_of(os.getpid())
    return [
        pid
        for pid in processes()
        if (words := haproxy_process.arguments_of(pid))
        and words[0] == binary
        and named_file(words) is None
        and haproxy_process.namespace_of(pid) == here
    ]


@dataclass(frozen=True, slots=True)
class Processes:
    """``own``: pids of HAProxy by load balancer. ``foreign``: the namespaces, by inode, in which there is a load
    balancer's HAProxy of another installation."""

    own: Mapping[str, Sequence[int]]
    foreign: frozenset[int]


def find_haproxies(files: StateFiles) -> Processes:
    aliases = Aliases(files)
    own: dict[str, list[int]] = {}
    foreign = set()
    for pid in processes():
        named = named_file(haproxy_process.arguments_of(pid))
        if named is None:
            continue
        if named.parent.parent != files.state_dir:
            foreign.add(haproxy_process.namespace_of(pid) or 0)
            continue
        identifier = aliases.load_balancer_of(named.parent.name) or named.parent.name
        if names_load_balancer(identifier):
            own.setdefault(identifier, []).append(pid)
    return Processes(own, frozenset(foreign))


def find_namespaces(netns_dir: Path, foreign: Collection[int]) -> list[str]:
    """The load balancers that have a named namespace, but for those ``foreign`` ones."""
    try:
        names = sorted(os.listdir(netns_dir))
    except FileNotFoundError:
        return []
    ours = [name for name in names if name.startswith(_PREFIX) and netns.inode(netns_dir / name) not in foreign]
    return [identifier for name in ours if names_load_balancer(identifier := name.removeprefix(_PREFIX))]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return "?"


def processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _links_of(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{name}")
