"""The demo as a user runs it: to its end, interrupted, and where something is missing."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import demo
from demo.lab import NETNS

_ROOT = Path(demo.__file__).parent.parent
_COMMAND = [sys.executable, "-m", "demo"]


def test_it_shows_everything_and_leaves_nothing() -> None:
    done = subprocess.run(_COMMAND, cwd=_ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "colours are for terminals"
    for line in (
        r"first 200 through VIP +\d+ ms",
        r"web1 +10  #{10}",
        r"member web2 ERROR +seen in the API \d+\.\d s",
        r"meanwhile +\d+ requests, 0 failed",
        r"member web2 ONLINE",
        r"HAProxy +pid (\d+) before, pid \1 after",
        r"load balancer +demo-lb +ONLINE +ACTIVE",
        r"done +in \d+ s, nothing left behind",
    ):
        assert re.search(line, done.stdout), f"{line} is not in\n{done.stdout}"
    assert done.stdout.count("none left") == 6
    _assert_nothing_left(done.stdout)


def test_the_status_of_the_picture_is_shown_and_leaves_nothing() -> None:
    done = subprocess.run([*_COMMAND[:-1], "demo.status"], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^! +shop .* DEGRADED +1/2 ", done.stdout, re.MULTILINE), done.stdout
    assert "$ evenload status shop" in done.stdout


def test_interrupted_it_cleans_up_and_says_so() -> None:
    running = subprocess.Popen(_COMMAND, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    guard = threading.Timer(600, running.kill)
    guard.start()
    try:
        assert running.stdout is not None
        seen = ""
        for line in running.stdout:
            seen += line
            if "web2 stops" in line:
                running.send_signal(signal.SIGINT)
        assert running.wait() == 130, seen
    finally:
        guard.cancel()
        running.wait()
    assert "interrupted" in seen
    _assert_nothing_left(seen)


def test_kept_it_prints_commands_that_work_and_ends_on_demand() -> None:
    running = subprocess.Popen(
        [*_COMMAND, "--keep"], cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    guard = threading.Timer(600, running.kill)
    guard.start()
    listed = ""
    try:
        assert running.stdout is not None
        seen = ""
        for line in running.stdout:
            seen += line
            if "to end it" in line:
                listed = _try_a_command(seen)
                running.send_signal(signal.SIGINT)
        assert running.wait() == 0, seen
    finally:
        guard.cancel()
        running.wait()
    assert "demo-lb" in listed
    _assert_nothing_left(seen)


def test_a_missing_program_is_named() -> None:
    empty = {**os.environ, "PATH": "/nonexistent"}
    code = "import demo.__main__ as m; m.shutil.which = lambda name: None; raise SystemExit(m.main())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, env=empty, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Debian package haproxy" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_root_it_says_so() -> None:
    code = "import demo.__main__ as m; m.os.geteuid = lambda: 65534; raise SystemExit(m.main())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "as root" in done.stderr
    assert "Traceback" not in done.stderr


def _try_a_command(seen: str) -> str:
    """One of the commands that were printed, in a shell, as a user would copy it."""
    exports = [line.strip() for line in seen.splitlines() if line.strip().startswith("export ")]
    assert len(exports) == 2, seen
    script = "; ".join([*exports, "openstack loadbalancer list -f value -c name"])
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=300, check=False).stdout


def _assert_nothing_left(output: str) -> None:
    match = re.search(r"bridge +(evl[0-9a-f]+)", output)
    assert match, output
    name = match.group(1)
    assert not Path("/run", name).exists()
    assert not [link for link in os.listdir("/sys/class/net") if link.startswith(name)]
    assert not [namespace for namespace in os.listdir(NETNS) if namespace.startswith(name)]
    running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _mentions(path, name)]
    assert not running
    for identifier in re.findall(r"demo-lb  VIP \S+ +([0-9a-f-]{36})", output):
        assert not (NETNS / f"qlbaas-{identifier}").exists()


def _mentions(path: Path, name: str) -> bool:
    try:
        return f"/run/{name}/".encode() in path.read_bytes()
    except OSError:
        return False
