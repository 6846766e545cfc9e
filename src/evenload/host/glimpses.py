"""Looks at processes from outside, for people: since when, how much memory, and what a HAProxy says of itself.

For the commands that show things; nothing is changed, and what is gone meanwhile is None.
"""

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy_runtime import Conversation
from evenload.model.errors import HostError

_SOCKET = "haproxy.sock"
_RECORD = "running.json"
_PATIENCE = 1.0
_INFO = "show info"
_TICKS = os.sysconf("SC_CLK_TCK")
_RESIDENT = re.compile(rb"^VmRSS:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGlimpse:
    """``memory``: resident bytes."""

    pid: int
    since: datetime
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyGlimpse:
    """``version`` and ``connections``: None where it gives no answer."""

    process: ProcessGlimpse
    worker: int
    version: str | None = None
    connections: int | None = None


def read_process(pid: int) -> ProcessGlimpse | None:
    ticks = haproxy_process.start_time(pid)
    if ticks is None:
        return None
    try:
        found = _RESIDENT.search(Path(f"/proc/{pid}/status").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return None
    since = datetime.fromtimestamp(_boot_time() + ticks / _TICKS, UTC)
    return ProcessGlimpse(pid=pid, since=since, memory=int(found[1]) * 1024 if found else 0)


def read_haproxy(files: StateFiles, load_balancer_id: str) -> HaproxyGlimpse | None:
    """The process that is recorded as the one that serves; None where it is gone, or none is recorded. Raises HostError
    where nobody may look."""
    record = _record(files.read(load_balancer_id, _RECORD))
    if record is None:
        return None
    pid, worker, ticks = record
    process = read_process(pid)
    if process is None or haproxy_process.start_time(pid) != ticks:  # the pid is another's by now
        return None
    try:
        with Conversation(files.path(load_balancer_id, _SOCKET), timeout=_PATIENCE) as conversation:
            said = parse_info(conversation.ask(_INFO))
    except HostError:
        said = {}
    connections = said.get("CurrConns", "")
    return HaproxyGlimpse(
        process=process,
        worker=worker,
        version=said.get("Version"),
        connections=int(connections) if connections.isdigit() else None,
    )


def parse_info(answer: str) -> dict[str, str]:
    """``show info``: a name and a value in each line."""
    pairs = (line.partition(":") for line in answer.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _record(content: str | None) -> tuple[int, int, int] | None:
    try:
        found = json.loads(content or "")
        return int(found["pid"]), int(found["worker"]), int(found["start_time"])
    except (ValueError, KeyError, TypeError):
        return None


def _boot_time() -> float:
    """In seconds since 1970, as the kernel reckons it now."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise HostError("the kernel does not say when it was started")
