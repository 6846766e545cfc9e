"""Starts that fail before the host is touched: what is said, and that it is one line."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenload.main.settings import read_settings
from evenload.main.state import StateDirectory


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Whatever is missed before it, the start ends at the latest here."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(tmp_path: Path, port: int, more: str = "", state: str = "state", *, role: str = "") -> str:
    """What the service says to a start that fails."""
    config = tmp_path / "evenload.conf"
    config.write_text(
        f"[DEFAULT]\nstate_path = {tmp_path / state}\n[api]\nbind_port = {port}\n"
        f"[networks]\nbridge_mappings = physnet1:never-made\n{more}"
    )
    command = [sys.executable, "-m", "evenload.main.command", *role.split(), "--config-file", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    return line


def test_a_taken_port_ends_the_start_before_the_host_is_touched(tmp_path: Path, taken_port: int) -> None:
    assert "Address already in use" in refused(tmp_path, taken_port)
    assert not Path("/sys/class/net/never-made").exists()
    assert not (tmp_path / "state" / "load_balancers").exists()


def test_a_state_directory_in_use_ends_it_before_the_database_is_touched(tmp_path: Path, taken_port: int) -> None:
    with StateDirectory(tmp_path / "state"):
        assert "is in use by process" in refused(tmp_path, taken_port)
    assert not (tmp_path / "state" / "server").exists()


def test_a_state_path_that_cannot_be_made_is_said(tmp_path: Path, taken_port: int) -> None:
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refused(tmp_path, taken_port, state="file/state")


@pytest.mark.parametrize("url", ["postgresql+pg8000://user:s3cret@db/x", "postgresql//user:s3cret@db/x"])
def test_a_database_that_cannot_be_used_is_said_without_its_password(open_path: Path, url: str) -> None:
    said = refused(open_path, 0, f"[database]\nconnection = {url}\n", role="server")
    assert "database connection cannot be used" in said
    assert "s3cret" not in said
    assert "s3cret" not in repr(read_settings(["--config-file", str(open_path / "evenload.conf")]))
