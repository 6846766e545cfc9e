"""What one load balancer has on this host, and the proof that nothing of it is left.

Looks with the plain means any operator has (``/proc``, ``/sys``, the directory tree, ARP on the wire), not with the
code that did the removing.
"""

import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from demo.lab import NETNS, Lab, Machine
from evenload.host import netns

_ARP, _IPV4, _ETHERNET = 0x0806, 0x0800, 1
_REQUEST, _REPLY = 1, 2
_ARP_WAIT = 0.4
_PATIENCE = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """``namespace_number`` is the inode by which a namespace lives on even where its name is gone."""

    load_balancer_id: str
    namespace: Path
    namespace_number: int
    device: str
    processes: dict[int, str]
    """pid → command."""
    directory: Path
    address: str
    answers_arp: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``left`` is what is still there; empty is what everybody hopes for."""

    subject: str
    looked_at: str
    left: tuple[str, ...]


def observe_footprint(lab: Lab, load_balancer_id: str, port_id: str, address: str, client: Machine) -> Footprint:
    """Of a load balancer that is there."""
    namespace = NETNS / f"qlbaas-{load_balancer_id}"
    number = namespace.stat().st_ino
    return Footprint(
        load_balancer_id=load_balancer_id,
        namespace=namespace,
        namespace_number=number,
        device=f"tap{port_id[:11]}",
        processes=read_processes(number),
        directory=lab.state / "load_balancers" / load_balancer_id,
        address=address,
        answers_arp=answers_arp(client, address, _PATIENCE),
    )


def read_findings(footprint: Footprint, lab: Lab, client: Machine) -> list[Finding]:
    running = find_processes(footprint)
    cables = [name for name in os.listdir("/sys/class/net") if name == footprint.device]
    names = [name for name in os.listdir(NETNS) if footprint.load_balancer_id in name]
    files = [str(path) for path in lab.state.rglob(f"*{footprint.load_balancer_id}*")]
    answering = ["answers"] if answers_arp(client, footprint.address) else []
    return [
        _finding("namespace", str(footprint.namespace), names),
        _finding("link", footprint.device, cables),
        _finding("process", _numbers(footprint.processes), [f"{pid} {name}" for pid, name in running.items()]),
        _finding("file", str(footprint.directory), files),
        _finding("address", f"{footprint.address} (ARP)", answering),
    ]


def find_processes(footprint: Footprint) -> dict[int, str]:
    """pid → command of what is left. The kernel gives the number of a namespace that is gone to the next one that is
    made, in which a HAProxy may wait for another load balancer."""
    inside = read_processes(footprint.namespace_number)
    running = {pid: name for pid, name in inside.items() if not _names_another(pid, footprint.directory)}
    running.update(_mentioning(footprint.load_balancer_id))
    running.update({pid: name for pid, name in footprint.processes.items() if read_command(pid) == name})
    return running


def _names_another(pid: int, directory: Path) -> bool:
    """Whether the pid file that the process was started with lies in the directory of another load balancer, or of
    none yet."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    named = [Path(word).parent for word in words if word.endswith(".pid") and Path(word).is_absolute()]
    return any(each.parent == directory.parent and each.exists() and each.resolve() != directory for each in named)


def read_processes(namespace_number: int) -> dict[int, str]:
    """pid → command of what runs in a namespace, whether it has a name or not."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}/ns/net").st_ino == namespace_number and (command := read_command(int(name))):
                    found[int(name)] = command
            except OSError:
                continue  # ended meanwhile
    return found


def read_command(pid: int) -> str | None:
    """None where no such process runs; one that has ended and waits for its parent's notice does not run."""
    try:
        number_and_name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    return None if rest.split()[0] in "ZX" else number_and_name.partition("(")[2]


def read_haproxy_pids(load_balancer_id: str) -> set[int]:
    """Of the processes that serve."""
    return {pid for pid in _read_all_haproxy_pids(load_balancer_id) if not _is_root(pid)}


def read_spare_pids(load_balancer_id: str) -> set[int]:
    """Of those that wait for their configuration: until they have read it they are root."""
    return {pid for pid in _read_all_haproxy_pids(load_balancer_id) if _is_root(pid)}


def _read_all_haproxy_pids(load_balancer_id: str) -> set[int]:
    number = netns.inode(NETNS / f"qlbaas-{load_balancer_id}")
    return set() if number is None else {pid for pid, name in read_processes(number).items() if name == "haproxy"}


def _is_root(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False  # ended meanwhile
    return "\nUid:\t0\t" in status


def answers_arp(asking: Machine, address: str, patience: float = _ARP_WAIT) -> bool:
    """Whether anybody on the machine's network says, within so many seconds, that the IPv4 address is its own."""
    own = socket.inet_aton(asking.addresses[0].partition("/")[0])
    with netns.visit(asking.namespace):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP))
    with wire:
        wire.bind(("eth0", _ARP))
        mac = wire.getsockname()[4]
        header = b"\xff" * 6 + mac + struct.pack("!H", _ARP)
        question = struct.pack("!HHBBH", _ETHERNET, _IPV4, 6, 4, _REQUEST) + mac + own
        wire.send(header + question + bytes(6) + socket.inet_aton(address))
        deadline = time.monotonic() + patience
        while True:
            # What has come in is read to the end, however late it is.
            wire.settimeout(max(deadline - time.monotonic(), 0.0))
            try:
                frame = wire.recv(1500)
            except (TimeoutError, BlockingIOError):
                break
            if frame[20:22] == struct.pack("!H", _REPLY) and frame[28:32] == socket.inet_aton(address):
                return True
    return False


def _mentioning(identifier: str) -> dict[int, str]:
    """Processes that have the identifier on their command line."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                if identifier.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                    found[int(name)] = read_command(int(name)) or "?"
            except OSError:
                continue
    return found


def _finding(subject: str, looked_at: str, left: list[str]) -> Finding:
    return Finding(subject=subject, looked_at=looked_at, left=tuple(left))


def _numbers(processes: dict[int, str]) -> str:
    return ", ".join(f"{name} {pid}" for pid, name in sorted(processes.items())) or "none"
