"""Owns a ``probe`` process in a namespace; the parts ask it to watch, act, and then take the moment it saw it.

Must not interpret what is measured.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_PROBE = Path(__file__).with_name("probe.py")


class NotSeen(Exception):
    """What a part waited for did not happen in time."""


class Observer:
    """One watch at a time: ``watch_*`` returns when the probe looks, ``seen`` when it saw it."""

    def __init__(self, namespace: str | None = None) -> None:
        self._namespace = namespace
        self._process: subprocess.Popen[str] | None = None
        self._what = ""

    def __enter__(self) -> "Observer":
        inside = ["ip", "netns", "exec", self._namespace] if self._namespace else []
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-S", str(_PROBE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._process = None

    def watch_http(self, address: str, port: int, *, body: str = "", timeout: float = 10.0) -> None:
        """For the first 200 of a GET; with ``body`` for one whose answer has that in it."""
        self._watch(
            f"a 200 {body} of {address} port {port}",
            kind="http", address=address, port=port, body=body, timeout=timeout,
        )  # fmt: skip

    def watch_https(self, address: str, port: int, timeout: float = 10.0) -> None:
        """For the first 200 of a GET in TLS."""
        self._watch(f"a 200 in TLS of {address} port {port}", kind="https", address=address, port=port, timeout=timeout)

    def watch_runtime(self, socket: Path, command: str, pattern: str, timeout: float = 10.0) -> None:
        """For an answer of HAProxy's runtime socket that matches."""
        self._watch(
            f"{pattern!r} in the answer to {command!r}",
            kind="runtime", path=str(socket), command=command, pattern=pattern, timeout=timeout,
        )  # fmt: skip

    def seen(self) -> int:
        """The moment, CLOCK_MONOTONIC in nanoseconds. Raises NotSeen."""
        answer = self._read()
        if answer["at"] is None:
            raise NotSeen(f"{self._what} did not come in time; instead: {answer['seen']}")
        return int(answer["at"])

    def _watch(self, what: str, **request: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._what = what
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe ended while it watched for {self._what}")
        answer: dict[str, Any] = json.loads(line)
        return answer
