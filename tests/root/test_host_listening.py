import errno
import socket
import time
from pathlib import Path

import pytest
from demo.lab import Lab

from evenload.host import listening, netns
from evenload.host.listening import anything_listens
from evenload.model.errors import HostError

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "10.1.0.5"), (socket.AF_INET6, "2001:db8::5")], ids=["IPv4", "IPv6"]
)
def test_a_listening_socket_is_seen_from_outside(lab: Lab, family: int, address: str) -> None:
    namespace = lab.machine("listener", "10.1.0.5/24", "2001:db8::5/64").namespace
    with netns.visit(namespace):
        quiet = socket.socket(family, socket.SOCK_STREAM)
    with quiet:
        quiet.bind((address, 80))
        assert not anything_listens(namespace)
        quiet.listen()
        assert anything_listens(namespace)
    assert not anything_listens(namespace)


def test_a_kernel_without_socket_diagnosis_is_asked_by_its_tables(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_asked", _refused)
    namespace = lab.machine("listener", "10.1.0.5/24").namespace
    assert not anything_listens(namespace)
    with netns.visit(namespace):
        listener = socket.create_server(("10.1.0.5", 80))
    with listener:
        assert anything_listens(namespace)


def test_connections_of_the_whole_machine_do_not_slow_it_down(lab: Lab) -> None:
    """/proc/net/tcp took 4 ms a table here; 2 ms leave room for a busy machine."""
    namespace = lab.machine("listener").namespace
    best = min(_seconds(namespace) for _ in range(20))
    assert best < 0.002


def test_a_missing_namespace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        anything_listens(tmp_path / "nowhere")


def _seconds(namespace: Path) -> float:
    begun = time.perf_counter()
    anything_listens(namespace)
    return time.perf_counter() - begun


def _refused(family: int) -> bool:
    """As a kernel does that cannot load the module for it."""
    raise FileNotFoundError(errno.ENOENT, "no socket diagnosis", str(family))
