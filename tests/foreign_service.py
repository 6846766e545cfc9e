"""Another project's service for tests: a process of its own on loopback, from the environment that tools/setup made."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.service import free_port
from tests.waiting import NET, eventually

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class ForeignService:
    """``name``: of it, of its environment and of its configuration file. ``serve`` is run by the Python there, with the
    directory and the port; ``probe``: the path that answers when it is ready. It begins with a copy of the template."""

    def __init__(self, name: str, directory: Path, serve: Path, probe: str) -> None:
        self._environment = ROOT / ".clients" / name
        template = self._environment / "template"
        assert (template / "complete").exists(), f"{self._environment} is missing: run tools/setup test"
        shutil.copytree(template, directory, dirs_exist_ok=True)
        self._name = name
        self._directory = directory
        self._serve = serve
        self._probe = probe
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def configuration(self) -> str:
        """As it is to be at the next start."""
        raise NotImplementedError

    def start(self) -> None:
        """Returns when it answers."""
        (self._directory / f"{self._name}.conf").write_text(self.configuration())
        python = str(self._environment / "bin" / "python")
        command = [python, "-P", str(self._serve), str(self._directory), str(self.port)]
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log)
        answers = eventually(lambda: process.poll() is not None or self._answers())
        assert process.poll() is None, f"{self._name} ended: {self.tail()}"
        assert answers, f"{self._name} does not answer: {self.tail()}"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections, and says nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @property
    def log(self) -> Path:
        return self._directory / f"{self._name}.log"

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=NET)
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            response = connection.getresponse()
            content = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            is_json = "json" in found.get("content-type", "")
            return Answer(response.status, found, (json.loads(content) if is_json else content) if content else None)
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.request("GET", self._probe).status in (200, 300)
        except OSError:
            return False


@contextmanager
def in_memory(name: str) -> Iterator[Path]:
    """A directory: what is lost with the machine need not go to a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix=f"evenload-{name}-", dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)
