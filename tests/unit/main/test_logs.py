"""What the log looks like for people and for journald, and that journald itself understands it."""

import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.main.journal_reader import read_entry
from tests.waiting import NET

from evenload.main.journal import Journal, field_name, is_journal
from evenload.main.logs import choose_sink

PROGRAM = """
import logging, sys
from evenload.main import logs
logs.configure(debug=False)
import structlog
log = structlog.get_logger("evenload.audit")
log.info("audit", status=201, project="blue", kind="process", name='a "b"\\nc', load_balancer="lb-1")
log.debug("never")
structlog.get_logger("evenload.x").warning("member down\\nPRIORITY=0", long="x" * int(sys.argv[1]))
logging.getLogger("lib").error("of a library")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("a fault")
"""
FAULTS = r"""
import logging
from evenload.main import logs
logs.configure(debug=False)
import structlog
try:
    raise ValueError("x\n2026-01-01T00:00:00Z info audit user=root\r\x1b[31m\u202e")
except ValueError:
    structlog.get_logger("evenload").exception("a fault")
    logging.getLogger("lib").exception("a fault")
"""


NOBODY_LISTENS = "from evenload.main import journal\njournal.Journal.__init__.__defaults__ = ('/nonexistent/socket',)\n"


def run(environment: dict[str, str], stderr: int, long: int = 3, program: str = PROGRAM) -> str:
    command = [sys.executable, "-c", program, str(long)]
    done = subprocess.run(command, env={**os.environ, **environment}, stderr=stderr, text=True, timeout=NET, check=True)
    return done.stderr or ""


def stream_of(descriptor: int) -> str:
    there = os.fstat(descriptor)
    return f"{there.st_dev}:{there.st_ino}"


def test_for_people_a_line_has_its_moment_level_and_fields() -> None:
    first, second, third, *rest = run({"JOURNAL_STREAM": "1:2"}, subprocess.PIPE).splitlines()
    moment, level, said = first.split(" ", 2)
    assert moment.endswith("Z")
    assert (level, said) == (
        "info",
        r"""audit status=201 project=blue kind=process name='a "b"\nc' load_balancer=lb-1""",
    )
    assert second.split(" ", 1)[1] == r"warning 'member down\nPRIORITY=0' long=xxx"
    assert third.split(" ", 1)[1] == "error lib: of a library"
    assert rest[0].split(" ", 1)[1] == "error a fault"
    assert rest[-1] == "  ZeroDivisionError: division by zero"


def test_where_journald_cannot_be_reached_lines_have_its_prefix(tmp_path: Path) -> None:
    """As in a root of its own: nobody listens at the socket."""
    with (tmp_path / "log").open("w+") as log:
        environment = {"JOURNAL_STREAM": stream_of(log.fileno())}
        run(environment, log.fileno(), program=NOBODY_LISTENS + PROGRAM)
        log.seek(0)
        lines = log.read().splitlines()
    assert lines[0].startswith("<6>audit status=201")
    assert lines[1].startswith("<4>")
    assert all(line.startswith("<3>") for line in lines[2:])


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(NET)
        yield listening


def test_an_entry_of_journalds_protocol(listener: socket.socket) -> None:
    journal = Journal(listener.getsockname())
    journal.send([("MESSAGE", "one\ntwo"), ("PRIORITY", "4"), (field_name("load balancer-é"), "x=y")])
    content, _, _, _ = listener.recvmsg(10_000)
    two = b"MESSAGE\n" + struct.pack("<Q", 7) + b"one\ntwo\n"
    assert content == two + b"PRIORITY=4\nEVENLOAD_LOAD_BALANCER__=x=y\n"
    assert read_entry(content) == {"MESSAGE": "one\ntwo", "PRIORITY": "4", "EVENLOAD_LOAD_BALANCER__": "x=y"}
    journal.close()


def test_a_long_entry_travels_as_a_sealed_file(listener: socket.socket) -> None:
    journal = Journal(listener.getsockname())
    journal.send([("MESSAGE", "x" * 3_000_000)])
    content, control, _, _ = listener.recvmsg(10, socket.CMSG_SPACE(4))
    assert content == b""
    [(level, kind, data)] = control
    assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
    [descriptor] = struct.unpack("i", data)
    with open(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        assert read_entry(file.read()) == {"MESSAGE": "x" * 3_000_000}
        with pytest.raises(OSError, match="not permitted"):
            os.write(file.fileno(), b"y")
    journal.close()


def test_a_journald_that_was_started_anew_is_found(listener: socket.socket, tmp_path: Path) -> None:
    journal = Journal(listener.getsockname())
    listener.close()
    (tmp_path / "socket").unlink()
    with pytest.raises(OSError):  # noqa: PT011 whatever the kernel says
        journal.send([("MESSAGE", "lost")])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(tmp_path / "socket"))
        again.settimeout(NET)
        journal.send([("MESSAGE", "found")])
        entry = again.recv(100)  # a datagram: whole
        assert entry == b"MESSAGE=found\n"
    journal.close()


def test_the_supervisors_lines_have_a_priority_under_journald(tmp_path: Path) -> None:
    """It is light, and speaks no protocol."""
    program = "from evenload.main.supervisor import say; say('error', 'a role has ended', role='agent')"
    for under in (True, False):
        with (tmp_path / "log").open("w+") as log:
            environment = {**os.environ, "JOURNAL_STREAM": stream_of(log.fileno()) if under else "1:2"}
            subprocess.run([sys.executable, "-c", program], env=environment, stderr=log, timeout=NET, check=True)
            log.seek(0)
            line = log.read()
        assert line.startswith("<3>a role has ended") is under
        assert line.endswith("a role has ended role=agent\n")
        assert ("Z error a role" in line) is not under


def test_whose_stderr_is_journalds() -> None:
    here = stream_of(0)
    assert is_journal({"JOURNAL_STREAM": here}, 0)
    assert not is_journal({"JOURNAL_STREAM": "1:2"}, 0)
    assert not is_journal({}, 0)
    assert not is_journal({"JOURNAL_STREAM": here}, -1)


def test_a_stream_without_descriptor_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    choose_sink({"JOURNAL_STREAM": "1:2"})


PAGE = Path(__file__).parents[3] / "docs/events.md"
JOURNALD = "/lib/systemd/systemd-journald"
ALONE = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/log/journal
echo 0123456789abcdef0123456789abcdef > /run/machine-id
mount --bind /run/machine-id /etc/machine-id
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup  # it does not start without one
"$1" >/dev/null 2>&1 & journald=$!
for _ in $(seq 600); do [ -S /run/systemd/journal/socket ] && break; sleep 0.1; done
exec 3>/run/stream
export JOURNAL_STREAM="$(stat -L -c %d:%i /run/stream)"
"$2" -c "$3" 300000 2>&3
for _ in $(seq 600); do journalctl -q LOGGER=evenload.audit PRIORITY=3 | grep -q . && break; sleep 0.1; done
journalctl -q -o json --all SYSLOG_IDENTIFIER=evenload
export ID=lb-1 PROJECT=blue
printf '%s\n' "$4" | while read -r line; do
    eval "$line -q --no-pager" | grep -q . || { echo "nothing by: $line" >&2; exit 1; }
done
kill $journald
wait $journald || true
"""


@pytest.mark.root
def test_journald_itself_has_the_fields_and_priorities() -> None:
    """One that runs in a mount namespace of its own, started and ended here; as docs/events.md asks it."""
    assert Path(JOURNALD).exists(), "no journald is installed: tools/setup test"
    typed = re.findall(r"^    (journalctl .*)$", PAGE.read_text(), re.MULTILINE)
    assert len(typed) > 3
    command = ["unshare", "-m", "bash", "-c", ALONE, "bash", JOURNALD, sys.executable, PROGRAM, "\n".join(typed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NET, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert first["MESSAGE"] == r"""audit status=201 project=blue kind=process name='a "b"\nc' load_balancer=lb-1"""
    assert (first["PRIORITY"], first["LOGGER"], first["_TRANSPORT"]) == ("6", "evenload.audit", "journal")
    assert (first["EVENLOAD_LOAD_BALANCER"], first["EVENLOAD_STATUS"]) == ("lb-1", "201")
    assert first["EVENLOAD_NAME"] == 'a "b"\nc'
    assert (second["PRIORITY"], len(second["EVENLOAD_LONG"])) == ("4", 300_000)
    assert (third["PRIORITY"], third["MESSAGE"]) == ("3", "lib: of a library")
    assert fourth["MESSAGE"].endswith("ZeroDivisionError: division by zero")


def test_what_an_error_says_passes_for_no_line_of_its_own() -> None:
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=NET, check=True, encoding="utf-8")
    ours = [line for line in done.stderr.split("\n") if line and not line.startswith("  ")]
    assert [line.split(" ", 1)[1] for line in ours] == ["error a fault", "error lib: a fault"]
    assert done.stderr.replace("\n", "").isprintable()
    assert done.stderr.count("  2026-01-01T00:00:00Z info audit user=root\n") == 2
