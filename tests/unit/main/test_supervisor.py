"""The supervisor's decisions, and what it does with roles that are shell scripts."""

import signal
import subprocess
import sys

import pytest

from evenload.main.supervisor import choose_delay, is_refusal, is_stuck


def exited(status: int) -> int:
    return status << 8


@pytest.mark.parametrize(
    ("failures", "delay"), [(0, 0.0), (1, 0.05), (2, 0.1), (3, 0.2), (8, 6.4), (11, 30.0), (10_000, 30.0)]
)
def test_a_role_that_keeps_ending_is_started_ever_later(failures: int, delay: float) -> None:
    assert choose_delay(failures) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("status", "proven", "refusal"),
    [
        (exited(1), False, True),
        (exited(2), False, True),
        (exited(0), False, False),  # somebody ended it by SIGTERM
        (exited(1), True, False),  # it has served: the other role goes on, and the cause may go
        (signal.SIGKILL, False, False),
        (signal.SIGSEGV, True, False),
    ],
)
def test_only_a_first_start_that_fails_is_the_end_of_all(status: int, proven: bool, refusal: bool) -> None:
    assert is_refusal(status, proven=proven) is refusal


@pytest.mark.parametrize(
    ("heard_at", "now", "stuck"),
    [(None, 1e9, False), (100.0, 100.0, False), (100.0, 159.0, False), (100.0, 161.0, True)],
)
def test_a_role_that_serves_and_falls_silent_is_stuck(heard_at: float | None, now: float, stuck: bool) -> None:
    assert is_stuck(heard_at, now) is stuck


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from evenload.main import command, supervisor\n"
        "print(*sorted(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"oslo_config", "structlog", "pydantic", "sqlalchemy", "falcon", "logging", "subprocess"}


def test_the_agent_knows_no_database_and_no_http() -> None:
    code = (
        "import sys; from evenload.main import agent_role\n"
        "print(*sorted(name.partition('.')[0] for name in sys.modules))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('evenload.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots, ours = done.stdout.splitlines()
    assert not set(roots.split()) & {"sqlalchemy", "alembic", "sqlite3", "falcon", "uvicorn", "bcrypt", "oslo_policy"}
    assert not [name for name in ours.split() if name.startswith(("evenload.store", "evenload.api.octavia"))]
