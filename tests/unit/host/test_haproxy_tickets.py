"""The file with the keys of TLS session tickets."""

import os
import stat
import time
from pathlib import Path

import pytest

from evenload.host.files import StateFiles
from evenload.host.haproxy_tickets import Tickets
from evenload.model.tickets import TICKETS

LB = "8a1c2a10-0000-4000-8000-000000000001"
HOUR = 3600.0


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    files = StateFiles(tmp_path / "state")
    files.ensure(LB)
    return files


def keys(files: StateFiles) -> list[str]:
    return (files.read(LB, TICKETS) or "").split()


def test_a_new_key_comes_last_and_the_oldest_goes(files: StateFiles) -> None:
    tickets = Tickets(files)
    assert tickets.are_due(LB)
    new = tickets.renew(LB)
    first = keys(files)
    assert len(set(first)) == 3
    assert first[-1] == new
    assert stat.S_IMODE(files.path(LB, TICKETS).stat().st_mode) == 0o600
    assert not tickets.are_due(LB)
    new = tickets.renew(LB)
    assert keys(files) == [*first[1:], new]


@pytest.mark.parametrize(("age", "due"), [(0.0, False), (7 * HOUR, False), (9 * HOUR, True), (-HOUR, True)])
def test_they_are_due_by_their_age_and_where_the_clock_was_put_back(files: StateFiles, age: float, due: bool) -> None:
    tickets = Tickets(files)
    tickets.renew(LB)
    moment = time.time() - age
    os.utime(files.path(LB, TICKETS), (moment, moment))
    assert tickets.are_due(LB) is due


@pytest.mark.parametrize("content", ["", "x\n", "eA==\neA==\neA==\n", "ü\n" * 3])
def test_what_are_no_keys_is_replaced_by_such(files: StateFiles, content: str) -> None:
    files.write(LB, TICKETS, content)
    Tickets(files).renew(LB)
    assert len(set(keys(files))) == 3
    assert len({len(key) for key in keys(files)}) == 1
