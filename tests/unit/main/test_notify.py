"""What a service manager hears: over a real socket, as systemd makes one."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import NET

from evenload.main.control import Control, make_line
from evenload.main.notify import Notifier

# A role that serves. The server of the first start says no more than that, the others go on saying so.
ROLE = """
import os, socket, sys, time
number, _ = os.environ["EVENLOAD_CONTROL"].split(":")
line = socket.socket(fileno=int(number))
line.recv(100)
line.send(b"ready")
first = not os.path.exists(sys.argv[-1])
if sys.argv[1] == "server":
    open(sys.argv[-1], "w").close()
while True:
    time.sleep(0.05)
    if not (first and sys.argv[1] == "server"):
        line.send(b"alive")
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(NET)
        yield receiver


def told(environment: dict[str, str]) -> tuple[Notifier, dict[str, str]]:
    return Notifier.from_environment(environment), environment


def test_it_says_what_systemd_expects(manager: socket.socket) -> None:
    notifier, left = told({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000", "HOME": "/"})
    assert left == {"HOME": "/"}  # a role, or HAProxy, is not to speak for the supervisor
    assert notifier.interval == pytest.approx(15.0)
    notifier.ready("server and agent are at work")
    notifier.alive()
    notifier.stopping()
    heard = [manager.recv(100) for _ in range(3)]
    assert heard == [b"READY=1\nSTATUS=server and agent are at work", b"WATCHDOG=1", b"STOPPING=1"]


class Watch:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def received(manager: socket.socket) -> list[bytes]:
    manager.setblocking(False)
    found = []
    while True:
        try:
            found.append(manager.recv(100))
        except BlockingIOError:
            return found


def test_it_lives_no_oftener_than_asked(manager: socket.socket) -> None:
    """Whatever wakes the supervisor: signals, words of the roles, deaths."""
    watch = Watch()
    notifier = Notifier(manager.getsockname(), 15.0, monotonic=watch)
    for _ in range(1000):
        notifier.alive()
        watch.time += 0.1
    assert received(manager) == [b"WATCHDOG=1"] * 7
    assert notifier.due == pytest.approx(205.0, abs=1.0)


def test_what_the_manager_cannot_take_is_said_again_soon(tmp_path: Path) -> None:
    watch = Watch()
    notifier = Notifier(str(tmp_path / "later"), 15.0, monotonic=watch)
    notifier.alive()
    assert notifier.due == pytest.approx(101.5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "later"))
        notifier.alive()
        watch.time += 1.5
        notifier.alive()
        assert received(manager) == [b"WATCHDOG=1"]
    assert notifier.due == pytest.approx(116.5)


def test_an_abstract_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0evenload-test-{os.getpid()}")
        receiver.settimeout(NET)
        Notifier(f"@evenload-test-{os.getpid()}").stopping()
        heard = receiver.recv(100)
    assert heard == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "30000000"},  # nobody listens
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},  # another process is meant
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
    ],
)
def test_nobody_is_told_how_often_where_nobody_asks(environment: dict[str, str]) -> None:
    notifier, _ = told(environment)
    assert notifier.interval is None
    notifier.ready("nobody hears it")
    notifier.alive()


def test_a_role_without_a_supervisor_speaks_for_itself(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    control, ended = Control.from_environment(), threading.Event()
    assert "NOTIFY_SOCKET" not in os.environ  # what the role starts is not to speak for it
    control.ready("at work")
    serving = threading.Thread(target=control.serve_until, args=(ended,))
    serving.start()
    try:
        heard = [manager.recv(100) for _ in range(4)]
    finally:
        ended.set()
        serving.join()
    assert heard == [b"READY=1\nSTATUS=at work", *[b"WATCHDOG=1"] * 3]
    assert received(manager)[-1] == b"STOPPING=1"


def test_a_supervised_role_says_nothing_to_the_manager(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    ours, theirs = make_line()
    with ours:
        monkeypatch.setenv("EVENLOAD_CONTROL", f"{theirs.detach()}:{os.getpid()}")
        Control.from_environment().ready()
        said = ours.recv(100)  # a packet
    assert (said, received(manager)) == (b"ready", [])


def test_a_stuck_role_is_replaced_and_the_manager_hears_from_the_supervisor(
    manager: socket.socket, tmp_path: Path
) -> None:
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n[api]\nbind_port = {free_port()}\n")
    (tmp_path / "role.py").write_text(ROLE)
    code = (
        "import sys\nfrom evenload.main import supervisor\nsupervisor._LONGEST_SILENCE = 3.0\n"
        f"command = [sys.executable, {str(tmp_path / 'role.py')!r}]\n"
        f"arguments = ['--config-file', {str(config)!r}, {str(tmp_path / 'stuck')!r}]\n"
        "supervisor.read_basics = lambda given: read(given[:2])\n"
    )
    code = code.replace("import sys\n", "import sys\nfrom evenload.main.basics import read_basics as read\n")
    process = subprocess.Popen(
        [sys.executable, "-c", code + "sys.exit(supervisor.Supervisor(arguments, command).run())"],
        env={**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "300000"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        heard = [manager.recv(200)]
        while not heard[-1].startswith(b"READY=1"):
            heard.append(manager.recv(200))
        assert set(heard[:-1]) <= {b"WATCHDOG=1"}
        lines = iter(process.stderr.readline, "")
        assert next(line for line in lines if "is stuck and is killed" in line).count("role=server") == 1
        assert "end='signal 9'" in next(line for line in lines if "is started again" in line)
        while manager.recv(200) != b"WATCHDOG=1":
            pass
        process.send_signal(signal.SIGTERM)
        while manager.recv(200) != b"STOPPING=1":
            pass
        assert process.wait(NET) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def free_port() -> int:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        return int(finder.getsockname()[1])
