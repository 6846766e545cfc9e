"""Which rounds a resync asks for."""

import pytest
from tests.fakes.desired import make_desired

from evenload.agent.resync import ResyncTask, plan_resync
from evenload.agent.schedule import Task
from evenload.model.desired import Desired, Gone

KEPT = make_desired(generation=3)
GONE = Gone(load_balancer_id="a", generation=4)
LOOK, FETCH = Task(observe=True), Task(observe=True, fetch=True)


@pytest.mark.parametrize(
    ("here", "document", "assigned", "expected"),
    [
        # Known and unchanged: a look is enough, and it may wait.
        (True, KEPT, {"a": 3}, (LOOK, 10.0, False)),
        # Another generation, be it a lower one.
        (True, KEPT, {"a": 4}, (FETCH, 0.0, True)),
        (True, KEPT, {"a": 2}, (FETCH, 0.0, True)),
        # Assigned, but nothing is remembered of it; or it was to be removed.
        (False, None, {"a": 1}, (FETCH, 0.0, False)),
        (True, GONE, {"a": 4}, (FETCH, 10.0, False)),
        # Here and not assigned.
        (True, KEPT, {}, (FETCH, 10.0, False)),
        (True, None, {}, (FETCH, 0.0, False)),
        # The server is away: all is kept.
        (True, KEPT, None, (LOOK, 10.0, False)),
        (True, None, None, (LOOK, 0.0, False)),
    ],
)
def test_one(
    here: bool, document: Desired | Gone | None, assigned: dict[str, int] | None, expected: tuple[Task, float, bool]
) -> None:
    """Beside another one, which comes first, so that what is spread waits for half of the 20 seconds."""
    documents: dict[str, Desired | Gone | None] = {"0": KEPT}
    if document is not None:
        documents["a"] = document
    others = None if assigned is None else {"0": 3, **assigned}
    [_, planned] = plan_resync(["0", "a"] if here else ["0"], documents, others, 20.0)
    task, delay, urgent = expected
    assert planned == ResyncTask(load_balancer_id="a", task=task, delay=delay, urgent=urgent)


def test_nothing_is_to_do_on_an_empty_host() -> None:
    assert plan_resync([], {}, {}, 20.0) == []
    assert plan_resync([], {}, None, 20.0) == []
