"""Which processes are taken for ours."""

from pathlib import Path

import pytest

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy_arguments import Takeover, command_line, named_file
from evenload.host.haproxy_workers import Workers

DIRECTORY = "/var/lib/evenload/load_balancers/8a1c2a10-0000-4000-8000-000000000001"


def test_a_worker_names_its_files() -> None:
    arguments = ["/usr/sbin/haproxy", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"]
    assert named_file([*arguments, "-x", f"{DIRECTORY}/haproxy-2.sock", "-sf", "7", ""]) == Path(arguments[5])
    assert named_file([*arguments, ""]) == Path(arguments[5])


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("takeover", [None, Takeover(pid=7, start_time=1, socket=Path(DIRECTORY, "haproxy-2.sock"))])
def test_what_we_start_is_recognised(takeover: Takeover | None, held: bool) -> None:
    config, pid_file = (Path(DIRECTORY, f"haproxy-3.{suffix}") for suffix in ("cfg", "pid"))
    arguments = command_line("/usr/sbin/haproxy", config, pid_file, takeover, held=held)
    assert named_file([*arguments, ""]) == pid_file
    assert arguments[-4:] == ["-x", f"{DIRECTORY}/haproxy-2.sock", "-sf", "7"] or takeover is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["vim", "-p", f"{DIRECTORY}/haproxy-3.pid", f"{DIRECTORY}/haproxy.cfg"],
        ["less", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.cfg"],
        ["strace", "/usr/sbin/haproxy", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"],
        ["/usr/sbin/haproxy", "-D", "-f", "/etc/haproxy/haproxy.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"],
        ["/usr/sbin/haproxy", "-D", "-f", "/dev/stdout", "-p", f"{DIRECTORY}/haproxy-3.pid"],
        ["/usr/sbin/haproxy", "-D", "-f", "/dev/stdout", "-p", f"{DIRECTORY}/haproxy-3.pid", "-f", "/etc/x.cfg"],
        [],
    ],
)
def test_others_are_left_alone(arguments: list[str]) -> None:
    assert named_file(arguments) is None


@pytest.mark.parametrize("name", [".x", "..", "somebody"])
def test_a_process_that_lies_about_its_arguments_does_no_harm(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Arguments are whatever the one who starts a process says; it need not be root.
    lie = ["haproxy", "-D", "-f", f"{tmp_path}/{name}/haproxy-1.cfg", "-p", f"{tmp_path}/{name}/haproxy-1.pid"]
    monkeypatch.setattr(haproxy_process, "arguments_of", lambda pid: lie)
    assert Workers(StateFiles(tmp_path), tmp_path).all_orphans() == {}
