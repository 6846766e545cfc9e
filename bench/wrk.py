"""Runs of wrk, in the client's namespace or beside the service: started, stopped or ended by themselves, counted."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.room import Room

_SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """``failed``: connections refused or broken, answers that did not come or were no 2xx or 3xx."""

    requests: int
    failed: int


class Run:
    """One bounded run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> Count:
        """Ends it the way Ctrl-C does, after which wrk sums up."""
        self._process.send_signal(signal.SIGINT)
        output, errors = self._process.communicate(timeout=10)
        if self._process.returncode:
            raise RuntimeError(f"wrk ended with code {self._process.returncode}: {errors}")
        return read_count(output)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def loading(
    room: Room, url: str, *, seconds: int, close: bool, connections: int = CONNECTIONS, host: str | None = None
) -> Iterator[Run]:
    """``close``: a new connection for each request, instead of kept ones. ``host``: the name that is asked for, where
    it is not the URL's."""
    header = ["-H", "Connection: close"] if close else []
    header += [] if host is None else ["-H", f"Host: {host}"]
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT), *header, url]
    process = subprocess.Popen(
        ["ip", "netns", "exec", room.client_namespace, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    run = Run(process)
    try:
        yield run
    finally:
        if not run.over:
            run.kill()


def on_loopback(url: str, *, connections: int, seconds: int) -> Count:
    """A run to its end against what listens on 127.0.0.1, over kept connections."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT), url]
    return read_count(subprocess.run(words, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout)


def read_count(output: str) -> Count:
    """What ``wrk.lua`` printed at the end. Raises ValueError where it did not."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise ValueError(f"no count in wrk's output: {output!r}")
    counted = json.loads(lines[0])
    failed = sum(counted[kind] for kind in ("connect", "read", "write", "status", "timeout"))
    return Count(requests=counted["requests"], failed=failed)
