"""Waiting: failures ever longer, deaths first not at all."""

import pytest

from evenload.agent.backoff import choose_backoff, choose_retry_delay, is_hopeless, recent


def test_failures_wait_ever_longer_up_to_the_longest() -> None:
    delays = (0.2, 0.5, 60.0)
    assert [choose_retry_delay(failures, delays, 30.0) for failures in (0, 1, 2, 3, 9)] == [0.2, 0.2, 0.5, 30.0, 30.0]


def test_the_first_deaths_cost_nothing_many_are_braked() -> None:
    assert choose_backoff((), 100.0) == 0.0
    assert choose_backoff((98.0, 99.0, 100.0), 100.0) == 0.0
    waits = [choose_backoff(tuple(100.0 for _ in range(number)), 100.0) for number in range(1, 15)]
    assert waits == sorted(waits)
    assert waits[-1] == 30.0


def test_deaths_of_long_ago_are_forgiven() -> None:
    assert recent((1.0, 50.0, 99.0), 100.0) == (50.0, 99.0)
    assert choose_backoff(tuple(1.0 for _ in range(20)), 100.0) == 0.0


@pytest.mark.parametrize(
    ("failures", "waits", "failing_for", "hopeless"),
    [
        (4, False, 500.0, False),
        (5, False, 0.1, True),
        (50, True, 30.0, False),  # events of the network bring attempts, too
        (5, True, 90.0, True),
    ],
)
def test_what_only_needs_time_gets_it_however_often_it_is_tried(
    failures: int, waits: bool, failing_for: float, hopeless: bool
) -> None:
    assert is_hopeless(failures, 5, waits=waits, failing_for=failing_for) is hopeless
