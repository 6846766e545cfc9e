"""Evenload itself as a process: its configuration file, start, readiness, end and log.

The demo and the end-to-end tests run the service with this, exactly as a user does: the installed command and a
configuration file.
"""

import http.client
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from demo.lab import Lab, Process

Sections = Mapping[str, Mapping[str, str | int | float]]

PREFERRED_PORT = 9876
START_TIMEOUT = 180.0
_LISTENING = "0A"
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_UNPRIVILEGED = 1024
_ATTEMPTS = 100


class ServiceError(Exception):
    """The service did not start, or died; carries the end of its log."""


class PortTaken(ServiceError):
    """Somebody else was quicker to listen on the port; another port helps."""


class Service:
    """One Evenload on 127.0.0.1 with its state in the lab's directory, working on the lab's bridge.

    ``sections`` adds to the configuration file or replaces lines of it: section → option → value.
    """

    def __init__(self, lab: Lab, *, name: str = "evenload", port: int | None = None, sections: Sections | None = None):
        self._lab = lab
        self._name = name
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = lab.directory / f"{name}.conf"
        self.config.write_text(_render(self._sections(sections or {})))
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def roles(self) -> dict[str, int]:
        """The pid of each role that runs: server, agent."""
        return read_roles(self.pid)

    @property
    def log(self) -> Path:
        return self._lab.directory / f"{self._name}.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.exit_code() is None

    def start(self) -> float:
        """Returns the seconds until it answered. Raises ServiceError."""
        command = Path(sys.executable).with_name("evenload")
        if not command.exists():
            raise ServiceError(f"{command} is missing: run `make demo` once, or install the package")
        begun = time.monotonic()
        self._process = self._lab.spawn(self._name, [str(command), "--config-file", str(self.config)])
        while not self._answers():
            code = self._process.exit_code()
            if code is not None:
                reason = PortTaken if read_listeners(self.port) else ServiceError
                raise reason(f"the service ended with code {code} at its start\n{self.tail()}")
            if time.monotonic() - begun > START_TIMEOUT:
                raise ServiceError(f"the service did not answer within {START_TIMEOUT:.0f} s\n{self.tail()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._running().stop()

    def kill(self) -> None:
        """SIGKILL, as a crash or the kernel would."""
        self._running().kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile none of its processes gets time to run, so that it can mend nothing."""
        pids = [self.pid, *self.roles().values()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def tail(self, lines: int = 25) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _running(self) -> Process:
        if self._process is None:
            raise ServiceError("the service was never started")
        return self._process

    def _answers(self) -> bool:
        if not read_listeners(self.port) & _sockets_of(self.pid):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _sections(self, extra: Sections) -> dict[str, dict[str, str | int | float]]:
        sections: dict[str, dict[str, str | int | float]] = {
            "DEFAULT": {"state_path": str(self._lab.state), "host": self._lab.bridge},
            "api": {"bind_host": "127.0.0.1", "bind_port": self.port},
            "networks": {"bridge_mappings": f"physnet1:{self._lab.bridge}"},
        }
        for section, options in extra.items():
            sections.setdefault(section, {}).update(options)
        return sections


def read_roles(supervisor: int) -> dict[str, int]:
    """What the supervisor with that pid started, by the word behind the command's name."""
    found = {}
    for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        found.update({word: int(pid) for word in words if word in ("server", "agent")})
    return found


def free_port(preferred: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: the preferred one when it is free.

    Below those that the kernel gives to outgoing connections: one of them may be another's by the time at which the
    service is started, for the first time or again.
    """
    outgoing = int(_OUTGOING.read_text().split()[0])
    below = range(_UNPRIVILEGED, outgoing)
    others = random.sample(below, min(_ATTEMPTS, len(below)))
    for wanted in ([] if preferred is None else [preferred]) + others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return wanted
    raise ServiceError("no free TCP port on 127.0.0.1")


def read_listeners(port: int) -> set[str]:
    """The inodes of the sockets that listen on that TCP port, of whatever process and IPv4 address."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
            found.add(words[9])
    return found


def _sockets_of(pid: int) -> set[str]:
    """The inodes of a process' sockets."""
    links = []
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            links.append(os.readlink(descriptor))
    except FileNotFoundError:
        pass  # closed meanwhile, or the process has ended
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:[")}


def _render(sections: Mapping[str, Mapping[str, str | int | float]]) -> str:
    blocks = []
    for section, options in sections.items():
        blocks.append("\n".join([f"[{section}]", *(f"{key} = {value}" for key, value in options.items())]))
    return "\n\n".join(blocks) + "\n"
