"""A room in which commands of a page are typed as root, as they stand: ``br-evenload``, port 9876, ``/etc/evenload``.

It has a network, processes, mounts, ``/run``, ``/etc`` and ``/var`` of its own (what is written there is written
over the machine's). All of it is gone when the room is left, whatever was started in it.
"""

import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.pages.reading import ROOT
from tests.waiting import NET, eventually

_FURNISH = """
mount --make-rprivate / 2>/dev/null
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/room/etc /run/room/etc-work /run/room/var /run/room/var-work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/room/etc,workdir=/run/room/etc-work /etc
mount -t overlay overlay -o lowerdir=/var,upperdir=/run/room/var,workdir=/run/room/var-work /var
mount -t sysfs sysfs /sys
rm -rf /etc/evenload /var/lib/evenload
ip link set lo up
touch /run/room/ready
sleep infinity &
wait
"""
_FORKS = ROOT / "tests" / "clients" / "forks.py"
_SYSTEMCTL = """
systemctl() {
    case "$1 $2" in
        "stop evenload") kill "$(cat /run/evenload.pid)" && tail --pid="$(cat /run/evenload.pid)" -f /dev/null ;;
        "start evenload")
            nohup evenload --config-file /etc/evenload/evenload.conf </dev/null >/run/evenload.log 2>&1 &
            echo $! >/run/evenload.pid
            disown
            until grep -q " serving " /run/evenload.log && grep -q " working " /run/evenload.log; do
                [ -e /proc/$(cat /run/evenload.pid) ] || { cat /run/evenload.log; return 1; }
                sleep 0.05
            done ;;
        "restart evenload") [ ! -e /run/evenload.pid ] || systemctl stop evenload; systemctl start evenload ;;
        "reload-or-restart haproxy")
            mkdir -p /run/haproxy && haproxy -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid ;;
        *) echo "systemctl $*: not in this room"; return 1 ;;
    esac
}
"""
"""What systemd does for an operator, as much of it as pages ask for."""


class Shell:
    """One bash, which keeps variables, functions and jobs from command to command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, command: str, typed: str = "") -> tuple[int, str]:
        """Exit code, and what it printed. ``typed``: what is typed while it asks."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = f"@@{secrets.token_hex(8)}"
        asked = f"<<< {shlex.quote(typed)}" if typed else "</dev/null"
        self._process.stdin.write(f"eval {shlex.quote(command)} {asked}\nprintf '\\n%s %s\\n' {mark} $?\n")
        self._process.stdin.flush()
        patience = threading.Timer(NET, self._process.kill)
        patience.start()
        try:
            lines: list[str] = []
            while not (line := self._process.stdout.readline()).startswith(mark):
                assert line, f"the shell ended in: {command}\n{''.join(lines)}"
                lines.append(line)
        finally:
            patience.cancel()
        return int(line.split()[1]), "".join(lines).removesuffix("\n")


class Room:
    """``home``: the directory of whoever types."""

    def __init__(self, pid: int, home: Path) -> None:
        self._pid = pid
        self.home = home
        self._clients: dict[str, Path] = {}
        self.import_client("openstack", sys.executable, "openstackclient.shell")

    def import_client(self, name: str, python: str | Path, module: str) -> None:
        """For the shells that are opened then: the command is a fork of a client that this Python has imported."""
        socket = self._clients[name] = self.home / name
        serving = self.terminal(f"exec {python} {_FORKS} serve {socket} {module}")
        assert eventually(lambda: serving.read_text().endswith("ready\n")), serving.read_text()

    @contextmanager
    def shell(self, environment: Mapping[str, str] | None = None, *, at: Path = ROOT) -> Iterator[Shell]:
        with subprocess.Popen(
            self._inside(at, "bash"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(environment),
            start_new_session=True,
        ) as process:
            try:
                shell = Shell(process)
                assert shell.run(_SYSTEMCTL) == (0, "")
                for name, socket in self._clients.items():
                    assert shell.run(f'{name}() {{ {sys.executable} -ISs {_FORKS} {socket} "$@"; }}') == (0, "")
                yield shell
            finally:
                process.kill()

    def terminal(self, command: str, *, at: Path = ROOT) -> Path:
        """Starts what goes on in a terminal of its own; returns where it prints."""
        printed = self.home / f"terminal-{secrets.token_hex(4)}"
        with printed.open("wb") as output:
            subprocess.Popen(
                self._inside(at, "bash", "-c", command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(None),
                start_new_session=True,
            )
        return printed

    def say(self, command: str) -> str:
        """A command of the test's own, which has to succeed."""
        done = subprocess.run(
            self._inside(ROOT, "bash", "-c", command),
            capture_output=True,
            text=True,
            env=self._environment(None),
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def path(self, path: str) -> Path:
        """A path of the room, as it is reached from outside."""
        return Path(f"/proc/{self._pid}/root{path}")

    def _inside(self, at: Path, *words: str) -> list[str]:
        entering = ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--root", "--wd"]
        return [*entering, "bash", "-c", 'cd "$0" && exec "$@"', str(at), *words]

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTEST_"))}
        return {
            **plain,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            **(more or {}),
        }


@contextmanager
def open_room() -> Iterator[Room]:
    words = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-ec", _FURNISH]
    with (
        tempfile.TemporaryDirectory(prefix="evl-room-") as home,
        tempfile.TemporaryFile("w+") as trouble,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=trouble, stderr=trouble) as process,
    ):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            Path(home).chmod(0o755)
            assert eventually(lambda: children.read_text().split() or process.poll() is not None)
            [pid] = children.read_text().split()
            ready = Path(f"/proc/{pid}/root/run/room/ready")
            assert eventually(lambda: ready.exists() or process.poll() is not None)
            trouble.seek(0)
            assert process.poll() is None, trouble.read()
            yield Room(int(pid), Path(home))
        finally:
            process.kill()  # and with it the room's first process, and so every one
