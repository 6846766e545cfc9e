"""The command line that we start HAProxy with, and by which its processes are recognised. Pure.

HAProxy opens its configuration files one after the other. The last one is its standard input, an empty pipe: it has
read everything else by then, and waits. The first one of a spare is its standard output, another empty pipe: it has
read nothing at all yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HOLD = "/dev/stdout"
_GATE = "/dev/stdin"
_MEMORY = "-dMno-poison,no-tag"
"""No tag behind each object of a pool: with it Debian 13's HAProxy finds faults of its own, for 0.23 MiB a process."""
_PID_FILE = re.compile(r"haproxy-[0-9]+\.pid\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The process that a new one takes over from, by pid and start time; ``socket``: of its runtime API, None where it
    is not asked for its listening sockets."""

    pid: int
    start_time: int
    socket: Path | None

    @property
    def arguments(self) -> list[str]:
        asked = [] if self.socket is None else ["-x", str(self.socket)]
        return [*asked, "-sf", str(self.pid)]


def command_line(
    binary: str, config: Path, pid_file: Path, takeover: Takeover | None, *, held: bool = False
) -> list[str]:
    """``held``: reads its standard output to the end before it opens the configuration."""
    files = ["-f", _HOLD, "-p", str(pid_file), "-f", str(config)] if held else ["-f", str(config), "-p", str(pid_file)]
    return [binary, "-D", *files, "-f", _GATE, _MEMORY, *(takeover.arguments if takeover is not None else [])]


def named_file(arguments: Sequence[str]) -> Path | None:
    """The pid file of a worker, where the arguments are a ``command_line``. An editor, a pager or a tracer that names
    such a file is none."""
    if len(arguments) < 6 or arguments[1:3] != ["-D", "-f"] or arguments[4] != "-p":
        return None
    config, pid_file = arguments[3], Path(arguments[5])
    if config == _HOLD:
        if len(arguments) < 8 or arguments[6] != "-f":
            return None
        config = arguments[7]
    ours = _PID_FILE.match(pid_file.name) is not None and Path(config).parent == pid_file.parent
    return pid_file if ours else None
