"""The state directory: one process at a time, and the agent's name."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.waiting import NET

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


def test_who_was_killed_leaves_it_with_its_last_child(tmp_path: Path) -> None:
    """As when a supervisor is killed: its agent has the lock from it, and ends a moment later."""
    code = (
        "import subprocess, sys; from pathlib import Path; from evenload.main.state import StateDirectory\n"
        "state = StateDirectory(Path(sys.argv[1])).__enter__()\n"
        "subprocess.Popen(['cat'], pass_fds=[state.lock])\n"  # until the pipe ends
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE)
    assert killed.wait(NET) == 0
    assert killed.stdin is not None
    ending = threading.Timer(0.1, killed.stdin.close)
    ending.start()
    try:
        with StateDirectory(tmp_path):
            assert killed.stdin.closed
    finally:
        ending.join()


def test_it_is_free_again_after_a_failure_inside(tmp_path: Path) -> None:
    with pytest.raises(KeyError), StateDirectory(tmp_path):
        raise KeyError
    with StateDirectory(tmp_path):
        pass


def test_others_may_pass_through_and_see_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    with StateDirectory(path) as state:
        state.ensure_agent_name("edge-1")
        assert path.stat().st_mode & 0o777 == 0o711
        assert {file.name: file.stat().st_mode & 0o777 for file in path.iterdir()} == {"lock": 0o600, "agent": 0o600}


def test_the_agents_name_is_kept(tmp_path: Path) -> None:
    with StateDirectory(tmp_path) as state:
        assert state.read_agent_name() is None
        state.ensure_agent_name("edge-1")
    with StateDirectory(tmp_path) as state:
        assert state.read_agent_name() == "edge-1"
        state.ensure_agent_name("edge-2")
        assert state.read_agent_name() == "edge-2"


def test_a_directory_of_an_earlier_version_is_opened_for_passage(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    with StateDirectory(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o711


def test_a_lock_that_was_handed_on_is_held_until_both_have_let_go(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    with first:
        second = StateDirectory(tmp_path, held=os.dup(first.lock))
    with second, pytest.raises(StateTaken), StateDirectory(tmp_path):
        pass
    with StateDirectory(tmp_path):
        pass


def test_a_migration_waits_for_nobody(open_path: Path) -> None:
    """In a process of its own: where root calls it, the command changes its user for good."""
    config = open_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {open_path}/state\n")
    command = [sys.executable, "-m", "evenload.main.migrate", "--config-file", str(config)]
    with StateDirectory(open_path / "state" / "server", mode=0o700):
        refused = subprocess.run(command, capture_output=True, text=True, timeout=NET)
    assert refused.returncode == 1
    assert "is in use by process" in refused.stderr
    assert not (open_path / "state" / "server" / "evenload.sqlite").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=NET)
    assert done.stdout.startswith("Schema none -> "), done.stderr
    assert (open_path / "state" / "server" / "evenload.sqlite").exists()
