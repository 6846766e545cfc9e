"""The state directory: one process at a time, and the agent's name."""

import subprocess
import sys
from pathlib import Path

import pytest

from evenload.main import migrate
from evenload.main.state import StateDirectory, StateTaken


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evenload.main.state import StateDirectory\n"
        "with StateDirectory(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateTaken, match=f"{tmp_path} is in use by process {holder.pid}"), StateDirectory(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with StateDirectory(tmp_path):
        pass  # the kernel has freed it


def test_it_is_free_again_after_a_failure_inside(tmp_path: Path) -> None:
    with pytest.raises(KeyError), StateDirectory(tmp_path):
        raise KeyError
    with StateDirectory(tmp_path):
        pass


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    with StateDirectory(path) as state:
        state.ensure_agent_name("edge-1")
        assert path.stat().st_mode & 0o777 == 0o700
        assert {file.name: file.stat().st_mode & 0o777 for file in path.iterdir()} == {"lock": 0o600, "agent": 0o600}


def test_the_agents_name_is_kept(tmp_path: Path) -> None:
    with StateDirectory(tmp_path) as state:
        assert state.read_agent_name() is None
        state.ensure_agent_name("edge-1")
    with StateDirectory(tmp_path) as state:
        assert state.read_agent_name() == "edge-1"
        state.ensure_agent_name("edge-2")
        assert state.read_agent_name() == "edge-2"


def test_a_migration_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")
    monkeypatch.setattr(sys, "argv", ["evenload-migrate", "--config-file", str(config)])
    with StateDirectory(tmp_path / "state"):
        assert migrate.main() == 1
    assert "is in use by process" in capsys.readouterr().err
    assert not (tmp_path / "state" / "evenload.sqlite").exists()
    assert migrate.main() == 0
    assert capsys.readouterr().out.startswith("Schema none -> ")
