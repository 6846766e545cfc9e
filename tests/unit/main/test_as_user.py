"""Work of a child: its answer, what went wrong in it, and that nobody waits for one that hangs."""

import os
import signal

import pytest

from evenload.main.as_user import ask_as
from evenload.model.errors import EvenloadError


def _fail() -> None:
    raise EvenloadError("no room")


@pytest.mark.parametrize("patience", [None, 60.0])
def test_the_answer_of_any_length_or_what_went_wrong(patience: float | None) -> None:
    assert ask_as(None, lambda: ["x" * 3_000_000], patience) == ["x" * 3_000_000]
    with pytest.raises(EvenloadError, match="no room"):
        ask_as(None, _fail, patience)
    with pytest.raises(EvenloadError, match="ended without an answer"):
        ask_as(None, lambda: os.kill(os.getpid(), signal.SIGKILL), patience)


def test_a_child_that_hangs_is_ended() -> None:
    with pytest.raises(EvenloadError, match=r"no answer for 0\.1 seconds"):
        ask_as(None, signal.pause, 0.1)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # none is left
