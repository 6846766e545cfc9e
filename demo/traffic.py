"""HTTP requests out of a machine of the lab, in this process: no request forks anything.

Only the opening of a connection happens inside the machine's namespace; a socket stays in the namespace where it was
made, whoever reads it.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.lab import Machine
from evenload.host import netns


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def backend(self) -> str:
        """Which back end answered; empty where none did."""
        return self.headers.get("x-backend", "")

    def json(self) -> Any:
        return json.loads(self.body)


class Connection(http.client.HTTPConnection):
    """An HTTP connection whose socket belongs to the machine's namespace."""

    def __init__(self, machine: Machine, address: str, port: int, timeout: float) -> None:
        super().__init__(address, port, timeout=timeout)
        self._machine = machine

    def connect(self) -> None:
        with netns.visit(self._machine.namespace):
            super().connect()

    def ask(self, path: str = "/", *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Raises OSError or HTTPException where no whole answer comes."""
        self.request(method, path, headers=dict(headers or {}))
        response = self.getresponse()
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(status=response.status, headers=found, body=response.read())


FAILURES = (OSError, http.client.HTTPException)
_FIRST_ATTEMPT, _LONGEST_ATTEMPT = 0.5, 8.0


PATIENCE = 180.0
"""Seconds after which an answer, or the first good one, is given up: a net, no promise."""


class Client:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def open(self, address: str, port: int = 80, *, timeout: float = PATIENCE) -> Connection:
        """A connection to be kept open by the caller."""
        connection = Connection(self.machine, address, port, timeout)
        connection.connect()
        return connection

    def get(
        self,
        address: str,
        port: int = 80,
        path: str = "/",
        *,
        timeout: float = PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = Connection(self.machine, address, port, timeout)
        try:
            return connection.ask(path, headers=headers)
        finally:
            connection.close()

    def spread(self, address: str, port: int = 80, *, requests: int) -> Counter[str]:
        """How many requests each back end answered; answers other than 200 count under their status."""
        answers = (self.get(address, port) for _ in range(requests))
        return Counter(answer.backend if answer.status == 200 else str(answer.status) for answer in answers)

    def first(
        self, address: str, port: int = 80, *, status: int = 200, backend: str | None = None, timeout: float = PATIENCE
    ) -> float | None:
        """Asks until that status comes (from that back end); returns the moment (monotonic), None after the timeout."""
        deadline = time.monotonic() + timeout
        attempt = _FIRST_ATTEMPT
        while time.monotonic() < deadline:
            answer = None
            try:
                answer = self.get(address, port, timeout=attempt)
            except TimeoutError:
                attempt = min(2 * attempt, _LONGEST_ATTEMPT)  # the machine may be slower than that
            except FAILURES:
                pass
            if answer is not None and answer.status == status and backend in (None, answer.backend):
                return time.monotonic()
            time.sleep(0.0005)
        return None


class FirstAnswer:
    """Asks in a thread of its own from the moment it is made, while the caller goes on."""

    def __init__(self, client: Client, address: str, port: int = 80, *, backend: str | None = None) -> None:
        self._moment: float | None = None
        self._client = client
        self._target = (address, port, backend)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def moment(self) -> float | None:
        """Waits; None where no good answer came in time."""
        self._thread.join()
        return self._moment

    def _run(self) -> None:
        address, port, backend = self._target
        self._moment = self._client.first(address, port, backend=backend)


class Load:
    """A request on a new connection every ``pause`` seconds, counted, until the end of the ``with`` block.

    How many that are depends on the machine: who wants some to pass during or after something waits with
    ``await_more``.
    """

    def __init__(self, client: Client, address: str, port: int = 80, *, pause: float = 0.002) -> None:
        self._client = client
        self._target = (address, port)
        self._pause = pause
        self._stopping = threading.Event()
        self._ended = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def await_more(self, count: int) -> None:
        """Returns when ``count`` requests have ended that began after this call. Raises TimeoutError."""
        with self._ended:
            wanted = self.requests + 1 + count  # the one that is under way began before
            if not self._ended.wait_for(lambda: self.requests >= wanted, PATIENCE):
                raise TimeoutError(f"{self.requests} requests to {self._target}, {wanted} wanted")

    @property
    def requests(self) -> int:
        return self.answers.total() + len(self.failures)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            backend, failure = self._ask()
            with self._ended:
                if failure is None:
                    self.answers[backend] += 1
                else:
                    self.failures.append(failure)
                self._ended.notify_all()

    def _ask(self) -> tuple[str, str | None]:
        """The back end that answered, and what was wrong where something was."""
        try:
            answer = self._client.get(*self._target)
        except FAILURES as error:
            return "", f"{type(error).__name__}: {error}"
        return answer.backend, None if answer.status == 200 else f"status {answer.status}"
