"""Which processes are taken for ours."""

from pathlib import Path

import pytest

from evenload.host.haproxy_workers import named_file

DIRECTORY = "/var/lib/evenload/load_balancers/8a1c2a10-0000-4000-8000-000000000001"


def test_a_worker_names_its_files() -> None:
    arguments = ["/usr/sbin/haproxy", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"]
    assert named_file([*arguments, "-x", f"{DIRECTORY}/haproxy-2.sock", "-sf", "7", ""]) == Path(arguments[5])
    assert named_file([*arguments, ""]) == Path(arguments[5])


@pytest.mark.parametrize(
    "arguments",
    [
        ["vim", "-p", f"{DIRECTORY}/haproxy-3.pid", f"{DIRECTORY}/haproxy.cfg"],
        ["less", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.cfg"],
        ["strace", "/usr/sbin/haproxy", "-D", "-f", f"{DIRECTORY}/haproxy-3.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"],
        ["/usr/sbin/haproxy", "-D", "-f", "/etc/haproxy/haproxy.cfg", "-p", f"{DIRECTORY}/haproxy-3.pid"],
        [],
    ],
)
def test_others_are_left_alone(arguments: list[str]) -> None:
    assert named_file(arguments) is None
