"""A process that died, and one that gives no answer, as a look at the host shows them."""

from dataclasses import replace

import pytest
from tests.fakes.desired import BALANCER, disabled, make_desired

from evenload.agent.liveness import count_unanswered, hangs, has_died, is_missing
from evenload.model.desired import Desired, Gone
from evenload.model.observed import HaproxyObserved, HaproxyProcess, Observed

NOTHING = Observed(load_balancer_id=BALANCER)
RUNNING = replace(NOTHING, haproxy=HaproxyObserved(process=HaproxyProcess(pid=1, worker=1, text="", servers={})))
UNRESPONSIVE = replace(NOTHING, haproxy=HaproxyObserved(process=HaproxyProcess(pid=1, worker=1, text="", servers=None)))
GONE = Gone(load_balancer_id=BALANCER)


@pytest.mark.parametrize(
    ("before", "silent", "observed", "expected"),
    [
        (0, 0, RUNNING, 0),
        (2, 2, RUNNING, 0),
        (2, 2, NOTHING, 0),
        (0, 0, UNRESPONSIVE, 1),
        (2, 0, UNRESPONSIVE, 3),
        (0, 2, UNRESPONSIVE, 3),
        (1, 2, UNRESPONSIVE, 3),
    ],
)
def test_looks_without_an_answer_count_in_a_row_whoever_made_them(
    before: int, silent: int, observed: Observed, expected: int
) -> None:
    assert count_unanswered(before, silent, observed) == expected


def test_a_process_hangs_after_three_of_them() -> None:
    assert [hangs(number) for number in range(5)] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("desired", "before", "observed", "missing", "died"),
    [
        (make_desired(), RUNNING, RUNNING, False, False),
        (make_desired(), RUNNING, UNRESPONSIVE, False, False),
        (make_desired(), RUNNING, NOTHING, True, True),
        (make_desired(), NOTHING, NOTHING, True, False),
        (make_desired(), None, NOTHING, True, False),
        (make_desired(listeners=()), RUNNING, NOTHING, False, False),
        (disabled(make_desired()), RUNNING, NOTHING, False, False),
        (GONE, RUNNING, NOTHING, False, False),
    ],
)
def test_a_death_is_an_absence_of_what_was_there_and_should_be(
    desired: Desired | Gone, before: Observed | None, observed: Observed, missing: bool, died: bool
) -> None:
    assert is_missing(desired, observed) is missing
    assert has_died(desired, before, observed) is died
