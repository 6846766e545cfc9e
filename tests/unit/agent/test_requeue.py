"""When the next round is due, and why: the table."""

import pytest

from evenload.agent.requeue import Requeue, RoundEnd, Why, choose_requeue, requeue_backoff, requeue_unknown
from evenload.agent.schedule import Task
from evenload.agent.settings import AgentSettings
from evenload.model.desired import Outcome

SETTINGS = AgentSettings(retry_delays=(0.2, 0.5, 60.0), resync_interval=30.0)
DONE, RETRY, GIVE_UP = Outcome.DONE, Outcome.RETRY, Outcome.GIVE_UP


def requeue(why: Why, delay: float, *, urgent: bool = True, **task: bool | int | None) -> Requeue:
    return Requeue(why=why, delay=delay, task=Task(**task), urgent=urgent)  # type: ignore[arg-type]


TABLE = [
    (RoundEnd(outcome=DONE), None),
    (RoundEnd(outcome=DONE, hinted=3), None),
    # The server was away: fetch again, or report again, and the hint stands.
    (
        RoundEnd(outcome=DONE, fetched=False, unavailable=1, hinted=3),
        requeue(Why.SERVER_UNAVAILABLE, 0.2, fetch=True, hinted=3),
    ),
    (
        RoundEnd(outcome=DONE, report_owed=True, unavailable=2, hinted=3),
        requeue(Why.SERVER_UNAVAILABLE, 0.5, hinted=3),
    ),
    (RoundEnd(outcome=DONE, report_owed=True, unavailable=9), requeue(Why.SERVER_UNAVAILABLE, 30.0)),
    # A process that gives no answer is looked at again, be the server away or not.
    (RoundEnd(outcome=DONE, unresponsive=True), requeue(Why.UNRESPONSIVE, 5.0, observe=True, urgent=False)),
    (
        RoundEnd(outcome=DONE, unresponsive=True, fetched=False, unavailable=1),
        requeue(Why.SERVER_UNAVAILABLE, 0.2, fetch=True),
    ),
    (
        RoundEnd(outcome=DONE, unresponsive=True, fetched=False, unavailable=9, hinted=3),
        requeue(Why.UNRESPONSIVE, 5.0, fetch=True, observe=True, hinted=3, urgent=False),
    ),
    # Failures: ever later; the hint is answered by the report, unless that is owed.
    (RoundEnd(outcome=RETRY, failures=1, hinted=3), requeue(Why.FAILED, 0.2, observe=True, urgent=False)),
    (RoundEnd(outcome=RETRY, failures=3), requeue(Why.FAILED, 30.0, observe=True, urgent=False)),
    (
        RoundEnd(outcome=RETRY, failures=1, report_owed=True, hinted=3),
        requeue(Why.FAILED, 0.2, observe=True, hinted=3, urgent=False),
    ),
    (
        RoundEnd(outcome=RETRY, failures=2, fetched=False),
        requeue(Why.FAILED, 0.5, fetch=True, observe=True, urgent=False),
    ),
    (RoundEnd(outcome=GIVE_UP, failures=1), requeue(Why.GIVEN_UP, 30.0, observe=True, urgent=False)),
]


@pytest.mark.parametrize(("end", "expected"), TABLE)
def test_the_next_round(end: RoundEnd, expected: Requeue | None) -> None:
    assert choose_requeue(end, SETTINGS) == expected


def test_what_neither_server_nor_host_knows_is_asked_for_ever_later() -> None:
    expected = requeue(Why.SERVER_UNAVAILABLE, 0.5, fetch=True, observe=True, hinted=7)
    assert requeue_unknown(2, 7, SETTINGS) == expected


def test_a_backoff_is_waited_for_and_keeps_what_is_still_to_be_fetched() -> None:
    expected = requeue(Why.BACKOFF, 1.5, fetch=True, observe=True, hinted=7)
    assert requeue_backoff(1.5, fetched=False, hinted=7) == expected
