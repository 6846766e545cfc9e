import errno
import socket
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
    monkeypatch.setattr(listening, "_ask", _refused)
    namespace = lab.machine("listener", "10.1.0.5/24").namespace
    assert not anything_listens(namespace)
    with netns.visit(namespace):
        listener = socket.create_server(("10.1.0.5", 80))
    with listener:
        assert anything_listens(namespace)


def test_connections_of_the_whole_machine_do_not_slow_it_down(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables in /proc, which walk through all of them (4 ms a table here), stay closed; the kernel is asked."""
    monkeypatch.setattr(listening, "_is_listed", _closed)
    namespace = lab.machine("listener").namespace
    assert not anything_listens(namespace)
    with netns.visit(namespace):
        listener = socket.create_server(("0.0.0.0", 80))
    with listener:
        assert anything_listens(namespace)


def test_a_missing_namespace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        anything_listens(tmp_path / "nowhere")


def _closed(table: Path) -> bool:
    raise AssertionError(f"{table} was read")


def _refused(family: int) -> bool:
    """As a kernel does that cannot load the module for it."""
    raise FileNotFoundError(errno.ENOENT, "no socket diagnosis", str(family))
