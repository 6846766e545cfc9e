"""A service that did not answer is left in peace, and then asked by one alone."""

import pytest
from tests.fakes.clock import StillClock

from evenload.model.errors import KeeperUnavailable
from evenload.secrets.respite import SECONDS, Respite


def test_who_did_not_answer_is_asked_by_one_when_the_moment_is_over() -> None:
    clock = StillClock()
    respite = Respite(clock.monotonic)
    respite.require_over(10)
    respite.require_over(10)
    respite.begin("no answer")
    for _ in range(2):
        with pytest.raises(KeeperUnavailable, match="no answer"):
            respite.require_over(10)
    clock.advance(SECONDS)
    respite.require_over(10)  # this one asks
    with pytest.raises(KeeperUnavailable):
        respite.require_over(10)
    respite.end()
    respite.require_over(10)
    respite.require_over(10)


def test_one_who_asked_and_never_came_back_keeps_nobody_for_ever() -> None:
    clock = StillClock()
    respite = Respite(clock.monotonic)
    respite.begin("no answer")
    clock.advance(SECONDS)
    respite.require_over(10)
    clock.advance(10)
    respite.require_over(10)
