"""What an ordinary user is told who starts what only root can."""

import os
from pathlib import Path

import pytest

from evenload.main.permission import in_words
from evenload.model.errors import EvenloadError


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs these tests; to be another user for a moment takes a patch."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def denied(path: str) -> PermissionError:
    return PermissionError(13, "Permission denied", path)


def test_an_ordinary_user_is_told_what_to_do(ordinary: None) -> None:
    said = in_words(denied("/var/lib/evenload"))
    assert said.startswith("this user may not use /var/lib/evenload: start it as root")
    assert "evenload server" in said
    assert "Errno" not in said


def test_so_it_is_where_somebody_has_put_it_in_words_already(ordinary: None) -> None:
    error = EvenloadError("cannot make the directory of the sockets /run/evenload: Permission denied")
    error.__cause__ = denied("/run/evenload")
    assert in_words(error).startswith(f"{error}: start it as root")


def test_other_errors_are_as_they_are(ordinary: None, tmp_path: Path) -> None:
    assert in_words(EvenloadError("no")) == "no"
    assert in_words(FileNotFoundError(2, "No such file", "x")) == "[Errno 2] No such file: 'x'"


def test_root_needs_no_such_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert in_words(denied("/x")) == "[Errno 13] Permission denied: '/x'"
