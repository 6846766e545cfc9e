"""When the next round of a load balancer is due after one that ended, and why. Pure: one table.

| The round | The next one | after |
|---|---|---|
| done, and the server has heard of it | none | |
| done, but the server could not be reached | fetches or reports | ever longer, up to the resync interval |
| done, but the process gave no answer | observes | ``LOOK_AGAIN_AFTER`` |
| failed | observes | ever longer, up to the resync interval |
| given up | observes | the resync interval |
| waits, because the process died too often | observes | the rest of the backoff |
"""

from dataclasses import dataclass
from enum import Enum

from evenload.agent.backoff import choose_retry_delay
from evenload.agent.liveness import LOOK_AGAIN_AFTER
from evenload.agent.schedule import Task
from evenload.agent.settings import AgentSettings
from evenload.model.desired import Outcome


class Why(Enum):
    SERVER_UNAVAILABLE = "the server could not be reached"
    UNRESPONSIVE = "the process gave no answer"
    FAILED = "the attempt failed"
    GIVEN_UP = "there is little hope"
    BACKOFF = "the process died too often"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """The load balancer wants another round after ``delay`` seconds.

    Not ``urgent`` where it may fail again and take long: that must not keep all hands from others' hints.
    """

    why: Why
    delay: float
    task: Task
    urgent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """How a round ended. ``fetched`` False: the server did not answer the fetch. ``report_owed``: nor the report.

    ``failures``: attempts in a row that failed; ``unavailable``: calls in a row that the server did not answer.
    ``hinted``: as in the round's task.
    """

    outcome: Outcome
    fetched: bool = True
    report_owed: bool = False
    failures: int = 0
    unavailable: int = 0
    unresponsive: bool = False
    hinted: int | None = None


def choose_requeue(end: RoundEnd, settings: AgentSettings) -> Requeue | None:
    """None where nothing is left to do until somebody asks again."""
    fetch = not end.fetched
    waits_for_server = fetch or end.report_owed
    hinted = end.hinted if waits_for_server else None
    unavailable = choose_unavailable_delay(end.unavailable, settings)
    if end.outcome is not Outcome.DONE:
        hopeless = end.outcome is Outcome.GIVE_UP
        failed = choose_retry_delay(end.failures, settings.retry_delays, settings.resync_interval)
        return Requeue(
            why=Why.GIVEN_UP if hopeless else Why.FAILED,
            delay=settings.resync_interval if hopeless else failed,
            task=Task(fetch=fetch, observe=True, hinted=hinted),
            urgent=False,
        )
    if end.unresponsive and not (waits_for_server and unavailable < LOOK_AGAIN_AFTER):
        task = Task(fetch=fetch, observe=True, hinted=hinted)
        return Requeue(why=Why.UNRESPONSIVE, delay=LOOK_AGAIN_AFTER, task=task, urgent=False)
    if waits_for_server:
        return Requeue(why=Why.SERVER_UNAVAILABLE, delay=unavailable, task=Task(fetch=fetch, hinted=hinted))
    return None


def choose_unavailable_delay(unavailable: int, settings: AgentSettings) -> float:
    return choose_retry_delay(unavailable, settings.retry_delays, settings.resync_interval)


def requeue_unknown(unavailable: int, hinted: int | None, settings: AgentSettings) -> Requeue:
    """Of a load balancer of which neither the server (which is away) nor the host says what is desired."""
    return Requeue(
        why=Why.SERVER_UNAVAILABLE,
        delay=choose_unavailable_delay(unavailable, settings),
        task=Task(fetch=True, observe=True, hinted=hinted),
    )


def requeue_backoff(wait: float, *, fetched: bool, hinted: int | None) -> Requeue:
    return Requeue(why=Why.BACKOFF, delay=wait, task=Task(observe=True, fetch=not fetched, hinted=hinted))


def requeue_fault(task: Task, settings: AgentSettings) -> Requeue:
    """After a fault of the program of which not even a report could be made: everything once more, later."""
    again = Task(fetch=True, observe=True, hinted=task.hinted)
    return Requeue(why=Why.GIVEN_UP, delay=settings.resync_interval, task=again, urgent=False)
