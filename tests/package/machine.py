"""A whole Debian of its own on this machine, booted by systemd: what is installed, started and removed there is real.

The bare system that ``tools/setup test`` makes lies below; what happens in the machine is in memory and ends with
it. It has processes, mounts, a network and cgroups of its own; nothing leads out of its network. Commands run in it as
those of root do who has logged in.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.lab import Machine as Place
from tests.e2e.world import Reply, ask
from tests.waiting import NET, eventually

from evenload.host import netns

ROOT = Path(__file__).parents[2]
BARE = ROOT / ".clients" / "debian"
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT = r"""
set -e
root=$1/root
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/run"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%%:*}" "$root/dev/${stream#*:}"; done
ip link set lo up
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd \
    --log-target=console --show-status=no --unit=multi-user.target
"""


class Machine:
    """``pid``: of its systemd."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    @property
    def network(self) -> Path:
        return Path(f"/proc/{self.pid}/ns/net")

    @property
    def place(self) -> Place:
        """Where a client in the machine's own network is."""
        return Place(name="host", namespace=self.network, device="lo", addresses=())

    def attempt(self, command: str, *, cwd: str = "/root") -> subprocess.CompletedProcess[str]:
        inside = f"cd {shlex.quote(cwd)} && {command}"
        return subprocess.run([*self._entry(), "sh", "-ec", inside], capture_output=True, text=True, timeout=NET)

    def say(self, command: str) -> str:
        """What it prints; it must succeed."""
        done = self.attempt(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def begin(self, command: str) -> "subprocess.Popen[bytes]":
        """It ends with the machine."""
        return subprocess.Popen(
            [*self._entry(), "sh", "-c", f"exec {command}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def put(self, path: str, content: str) -> None:
        (self.root / path.lstrip("/")).write_text(content)

    def has(self, path: str) -> bool:
        return os.path.lexists(self.root / path.lstrip("/"))

    def unit(self, name: str) -> dict[str, str]:
        """What systemd says of it."""
        return dict(line.split("=", 1) for line in self.say(f"systemctl show {name}").splitlines() if "=" in line)

    def api(self, method: str, path: str, body: Any = None) -> Reply:
        with netns.visit(self.network):
            return ask(9876, method, path, body)

    def haproxies(self) -> list[int]:
        """The processes that serve load balancers, by their pids in the machine."""
        found = self.attempt("pgrep -f '[h]aproxy -D .*/load_balancers/'").stdout
        return sorted(map(int, found.split()))

    def _entry(self) -> list[str]:
        entry = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-C", "-i", "-u", "-r", "-w"]
        return [*entry, "env", "-i", _PATH, "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]


@contextmanager
def booted(directory: Path) -> Iterator[Machine]:
    """``directory``: an empty one, where its root is put together; the log of its start lies beside it."""
    assert BARE.is_dir(), "tools/setup test makes it"
    log = directory.with_name(f"{directory.name}.log")
    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--net", "--cgroup"]
    command += ["--ipc", "--uts", "bash", "-c", _BOOT, "boot", str(directory), str(BARE)]
    with log.open("wb") as output:
        parent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        assert eventually(lambda: parent.poll() is not None or _systemd(parent.pid) is not None)
        pid = _systemd(parent.pid)
        assert pid is not None, log.read_text()
        machine = Machine(pid)
        assert eventually(lambda: parent.poll() is not None or _is_up(machine)), log.read_text()
        assert parent.poll() is None, log.read_text()
        yield machine
    finally:
        if parent.poll() is None:
            parent.send_signal(
                signal.SIGKILL
            )  # the kernel ends the machine's systemd with it, and all others with that
        parent.wait()


def _systemd(parent: int) -> int | None:
    """The machine's first process, as soon as it is systemd."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return next((int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"), None)
    except OSError:
        return None


def _is_up(machine: Machine) -> bool:
    return machine.attempt("systemctl is-system-running").stdout.strip() in ("running", "degraded")


def commands_of(page: str, name: str) -> str:
    """What a page of docs/ tells its reader to type: the indented block after ``<!-- run: NAME -->``."""
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(rf"<!-- run: {name} -->\n\n((?:    .*\n)+)", text)
    assert len(found) == 1, f"{page} has {len(found)} blocks {name}"
    return "\n".join(line[4:] for line in found[0].splitlines())


def repack(package: Path, into: Path, version: str, change: str, *words: str) -> Path:
    """The same package with another version, and with what the commands make of its root directory, where they run."""
    root = into / f"root-{version}"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(root)], check=True)
    control = root / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    subprocess.run(["bash", "-euo", "pipefail", "-c", change, "change", *words], cwd=root, check=True)
    made = into / f"evenload_{version}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made
