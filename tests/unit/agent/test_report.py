"""Which results the server has to be told."""

import pytest

from evenload.agent.memory import Acknowledged
from evenload.agent.report import is_report_due
from evenload.model.desired import Outcome

DONE, RETRY = Outcome.DONE, Outcome.RETRY
LAST = Acknowledged(generation=3, outcome=DONE, reason=None, moment=100.0)
FAILED = Acknowledged(generation=3, outcome=RETRY, reason="no space", moment=100.0)


@pytest.mark.parametrize(
    ("acknowledged", "generation", "outcome", "reason", "hinted", "now", "due"),
    [
        (None, 3, DONE, None, False, 100.0, True),
        (LAST, 3, DONE, None, False, 999.0, False),
        (LAST, 4, DONE, None, False, 100.0, True),
        (LAST, 2, DONE, None, False, 100.0, True),
        (LAST, 3, RETRY, "no space", False, 100.0, True),
        (FAILED, 3, RETRY, "no space", False, 999.0, False),
        (FAILED, 3, RETRY, "the bridge is full", False, 100.0, True),
        # A hint right after the report crossed it on the way; a later one says that the report was lost.
        (LAST, 3, DONE, None, True, 105.0, False),
        (LAST, 3, DONE, None, True, 105.1, True),
    ],
)
def test_due(
    acknowledged: Acknowledged | None,
    generation: int,
    outcome: Outcome,
    reason: str | None,
    hinted: bool,
    now: float,
    due: bool,
) -> None:
    assert is_report_due(acknowledged, generation, outcome, reason, hinted=hinted, now=now) is due
