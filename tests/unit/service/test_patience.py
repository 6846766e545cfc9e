"""Attempts at an address that somebody is about to let go of."""

import pytest

from evenload.model.errors import AddressLetGo, AddressTaken
from evenload.service.patience import PAUSES, until_let_go


class Attempt:
    """Fails so many times, in this way."""

    def __init__(self, failures: int, error: type[AddressTaken] = AddressLetGo) -> None:
        self._left = failures
        self._error = error

    def __call__(self) -> str:
        self._left -= 1
        if self._left >= 0:
            raise self._error("taken")
        return "done"


@pytest.mark.parametrize("failures", [0, 1, len(PAUSES)])
def test_it_is_tried_until_it_works(failures: int) -> None:
    paused: list[float] = []
    assert until_let_go(Attempt(failures), paused.append) == "done"
    assert tuple(paused) == PAUSES[:failures]


def test_it_is_given_up_in_the_end() -> None:
    paused: list[float] = []
    with pytest.raises(AddressLetGo):
        until_let_go(Attempt(len(PAUSES) + 1), paused.append)
    assert tuple(paused) == PAUSES


def test_what_nobody_lets_go_of_is_not_waited_for() -> None:
    paused: list[float] = []
    with pytest.raises(AddressTaken):
        until_let_go(Attempt(1, AddressTaken), paused.append)
    assert paused == []
