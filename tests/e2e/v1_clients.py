"""The real clients of LBaaS v1, each in its environment: the ``neutron`` command and neutronclient's bindings."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.lab import bridge_ports
from tests.e2e.world import World, printed_values

_ROOT = Path(__file__).parents[2]
_NEUTRON = _ROOT / ".clients/neutronclient-9/bin/neutron"
_PYTHON = _ROOT / ".clients/neutronclient-14/bin/python"
_CALLS = _ROOT / "tests/clients/v1_calls.py"
_NOTICE = "neutron CLI is deprecated"


class Neutron:
    """The ``neutron`` command, given lines as people type them. Starting it costs more than a second of CPU."""

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        assert _NEUTRON.exists(), f"{_NEUTRON} is missing: run tools/setup clients"
        plain = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        access = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}
        if user:
            access.update(OS_AUTH_TYPE="http_basic", OS_USERNAME=user, OS_PASSWORD=password)
        self._environment = {**plain, **access}

    def say(self, line: str) -> str:
        """What it prints."""
        done = self._run(shlex.split(line))
        assert done.returncode == 0, f"neutron {line}: {done.stdout}{done.stderr}"
        return done.stdout

    def read(self, line: str) -> Any:
        """What it prints, asked for as JSON."""
        return json.loads(self.say(f"{line} -f json"))

    def say_all(self, *lines: str) -> str:
        """Several commands in one process, which reads them from its standard input; it ignores quotes there."""
        done = self._run([], "\n".join(lines) + "\n")
        complaints = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(_NOTICE)]
        assert not complaints, f"{lines}: {done.stdout}{done.stderr}"
        return done.stdout

    def read_all(self, *lines: str) -> list[Any]:
        return printed_values(self.say_all(*(f"{line} -f json" for line in lines)))

    def refused(self, line: str) -> str:
        """What it complains about, when it is meant to fail."""
        done = self._run(shlex.split(line))
        assert done.returncode == 1, f"neutron {line} was meant to fail: {done.stdout}{done.stderr}"
        return "\n".join(line for line in done.stderr.splitlines() if not line.startswith(_NOTICE))

    def _run(self, words: list[str], typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(_NEUTRON), *words],
            input=typed,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    kinds: list[str]
    """The exception's class and those it derives from."""
    status: int
    message: str


class Bindings:
    """neutronclient's ``v2_0.client.Client`` in a process of its own; ``called`` has the methods used so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.called: set[str] = set()

    def call(self, method: str, *arguments: Any, **filters: Any) -> Any:
        """The client's answer; None where it has none (a deletion)."""
        written = self._ask(method, arguments, filters)
        assert "answer" in written, f"{method}{arguments}: {written}"
        return written["answer"] or None

    def refused(self, method: str, *arguments: Any, **filters: Any) -> Refusal:
        """The exception that the client made of the service's refusal."""
        written = self._ask(method, arguments, filters)
        assert "kinds" in written, f"{method}{arguments} was meant to fail: {written}"
        return Refusal(**written)

    def _ask(self, method: str, arguments: tuple[Any, ...], filters: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.called.add(method)
        self._process.stdin.write(json.dumps([method, arguments, filters]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{method}{arguments}: the client's process ended"
        written: dict[str, Any] = json.loads(line)
        return written


@contextmanager
def bindings(url: str, *who: str) -> Iterator[Bindings]:
    """``who``: a user and a password, or nothing."""
    assert _PYTHON.exists(), f"{_PYTHON} is missing: run tools/setup clients"
    command = [str(_PYTHON), "-I", str(_CALLS), url, *who]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Bindings(process)
        finally:
            process.kill()


def show(world: World, path: str) -> dict[str, Any]:
    """A v1 object without a client: for looking often."""
    reply = world.ask("GET", f"/v2.0/lb/{path}")
    assert reply.status == 200, reply
    shown: dict[str, Any] = next(iter(reply.body.values()))
    return shown


def clear(world: World) -> None:
    """Deletes every v1 object; a test that passed has left none."""
    for collection in ("vips", "members", "pools", "health_monitors"):
        for item in world.ask("GET", f"/v2.0/lb/{collection}").body[collection]:
            reply = world.ask("DELETE", f"/v2.0/lb/{collection}/{item['id']}")
            assert reply.status in (204, 404), reply


def wait_host_empty(world: World) -> None:
    """Nothing of any load balancer is left: no state directory, no device on the bridge. What stands ready for the
    next one may be there."""
    states = world.lab.state / "load_balancers"
    machines = {machine.device for machine in world.lab.machines.values()}
    world.wait(
        lambda: (
            not [each for each in states.iterdir() if not each.name.startswith("spare")]
            and set(bridge_ports(world.lab.bridge)) <= machines
        ),
        "the host without load balancers",
    )
