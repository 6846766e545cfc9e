"""A private network on this machine: one bridge, machines as network namespaces on it, a directory, processes.

The demo and the end-to-end tests stand on it. Owns all that it made and removes it again, also what a service that was
killed left behind on the bridge. Names carry a token, so that several labs stand side by side. Knows nothing of load
balancers but the names their namespaces and devices have.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from evenload.host import netns
from evenload.model.errors import HostError

NETNS = Path("/run/netns")
T = TypeVar("T")


class LabError(Exception):
    """The lab could not be built or not be removed entirely; says what was attempted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``device`` is the bridge's end of its cable. ``addresses`` carry the prefix length, as ``10.0.0.5/24``."""

    name: str
    namespace: Path
    device: str
    addresses: tuple[str, ...]


class Process:
    """A process that the lab started, with its output in ``log``."""

    def __init__(self, popen: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self._popen = popen
        self.name = name
        self.log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)

    def stop(self, timeout: float = 60.0) -> int:
        """SIGTERM, and SIGKILL for one that does not listen; returns the exit code."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                return self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._popen.wait()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def tail(self, lines: int = 20) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


class Lab:
    """``build`` first, ``remove`` in the end, or as a context. ``directory`` has a short path: sockets live there.

    ``vlans``: the kernel lets the bridge tell VLANs apart.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(2)
        while Path(f"/run/evl{self.token}").exists():
            self.token = secrets.token_hex(2)
        self.bridge = f"evl{self.token}"
        self.directory = Path("/run") / self.bridge
        self.state = self.directory / "state"
        self.vlans = False
        self.machines: dict[str, Machine] = {}
        self._processes: list[Process] = []
        self._balancers: set[str] = set()

    def __enter__(self) -> "Lab":
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def build(self) -> None:
        self.directory.mkdir(mode=0o755)
        run_ip([f"link add {self.bridge} type bridge stp_state 0 forward_delay 0"])
        try:
            run_ip([f"link set {self.bridge} type bridge vlan_filtering 1"])
            self.vlans = True
        except LabError:  # a kernel without; everything but VLANs works
            self.vlans = False
        run_ip([f"link set {self.bridge} up"])

    def machine(self, name: str, *addresses: str, vlan: int | None = None) -> Machine:
        """A namespace with a cable to the bridge; with ``vlan`` the cable's port is an access port of that VLAN."""
        namespace = f"{self.bridge}-{name}"
        cable = f"{self.bridge}-{len(self.machines) + 1}"
        machine = Machine(name=name, namespace=NETNS / namespace, device=cable, addresses=addresses)
        self.machines[name] = machine
        run_ip([f"netns add {namespace}"])
        run_ip(
            [
                f"link add {cable} type veth peer name eth0 netns {namespace}",
                f"link set {cable} master {self.bridge} up",
            ]
        )
        if vlan is not None:
            _run(["bridge", "vlan", "del", "dev", cable, "vid", "1"])
            _run(["bridge", "vlan", "add", "dev", cable, "vid", str(vlan), "pvid", "untagged"])
        inside = ["link set lo up", "link set eth0 up"]
        for address in addresses:
            nodad = " nodad" if ":" in address else ""
            inside.append(f"addr add {address} dev eth0{nodad}")
        run_ip(inside, namespace=namespace)
        return machine

    def spawn(self, name: str, command: Sequence[str], *, machine: Machine | None = None) -> Process:
        """Starts a process, in the machine where one is given; it is not the terminal's to interrupt."""
        log = self.directory / f"{name}.log"
        with self._inside(machine), log.open("ab") as output:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                start_new_session=True,
            )
        process = Process(popen, name, log)
        self._processes.append(process)
        return process

    def adopt(self, load_balancer_id: str) -> None:
        """Whatever happens, ``remove`` removes this load balancer's namespace as well."""
        self._balancers.add(load_balancer_id)

    def remove(self) -> None:
        """Removes everything, goes on after a failure; raises LabError with what could not be removed."""
        failures: list[str] = []
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            process.stop()
        balancers = self.state / "load_balancers"
        if balancers.is_dir():
            self._balancers.update(entry.name for entry in balancers.iterdir() if entry.is_dir())
        for identifier in sorted(self._balancers):
            _attempt(failures, _remove_namespace, NETNS / f"qlbaas-{identifier}")
        for machine in self.machines.values():
            _attempt(failures, _remove_namespace, machine.namespace)
        for link in bridge_ports(self.bridge):
            _attempt(failures, _remove_link, link)
        _attempt(failures, _remove_link, self.bridge)
        if self.directory.exists():
            _attempt(failures, shutil.rmtree, self.directory)
        if failures:
            raise LabError("; ".join(failures))

    def leftovers(self) -> list[str]:
        """What bears this lab's name and still is there; empty after a successful ``remove``."""
        found = [
            f"process {process.pid} ({process.name})" for process in self._processes if process.exit_code() is None
        ]
        found += [f"namespace {name}" for name in os.listdir(NETNS) if name.startswith(self.bridge)]
        found += [f"link {name}" for name in os.listdir("/sys/class/net") if name.startswith(self.bridge)]
        return found + ([f"directory {self.directory}"] if self.directory.exists() else [])

    @contextmanager
    def _inside(self, machine: Machine | None) -> Iterator[None]:
        if machine is None:
            yield
        else:
            with netns.visit(machine.namespace):
                yield


def run_ip(commands: Sequence[str], *, namespace: str | None = None) -> None:
    """Runs lines of ``ip`` in one process, in a namespace where one is named. Raises LabError at the first failure."""
    words = ["ip", *(("-n", namespace) if namespace else ()), "-batch", "-"]
    _run(words, "\n".join(commands) + "\n")


def _run(words: Sequence[str], lines: str = "") -> None:
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        attempted = " ".join(words) + (f" ({'; '.join(lines.splitlines())})" if lines else "")
        raise LabError(f"{attempted}: {done.stderr.strip()}")


def bridge_ports(bridge: str) -> list[str]:
    """The devices plugged into a bridge; none where there is no such bridge."""
    try:
        return sorted(os.listdir(f"/sys/class/net/{bridge}/brif"))
    except FileNotFoundError:
        return []


def _attempt(failures: list[str], action: Callable[[T], object], subject: T) -> None:
    try:
        action(subject)
    except (OSError, LabError, HostError) as error:
        failures.append(f"{subject}: {error}")


def _remove_namespace(path: Path) -> None:
    number = netns.inode(path)
    if number is not None:
        netns.end_processes(number)
    netns.remove(path)


def _remove_link(name: str) -> None:
    deadline = time.monotonic() + 30
    while os.path.exists(f"/sys/class/net/{name}"):  # the kernel may still be removing it with its namespace
        try:
            run_ip([f"link del {name}"])
        except LabError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
