"""Which host gets the next load balancer."""

from datetime import UTC, datetime, timedelta

import pytest

from evenload.interfaces import AgentRecord
from evenload.model.errors import NoHost
from evenload.service.scheduler import AGENT_DOWN_TIME, choose_agent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - AGENT_DOWN_TIME - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("agents", "chosen"),
    [
        ([("a", NOW, 1), ("b", NOW, 0)], "b"),
        ([("b", NOW, 1), ("a", NOW, 1)], "a"),
        ([("a", LONG_AGO, 0), ("b", NOW - AGENT_DOWN_TIME, 5)], "b"),
        ([("a", LONG_AGO, 3), ("b", LONG_AGO, 2)], "b"),
    ],
)
def test_choice(agents: list[tuple[str, datetime, int]], chosen: str) -> None:
    records = [AgentRecord(name=name, seen_at=seen_at, load=load) for name, seen_at, load in agents]
    assert choose_agent(records, now=NOW, alive_for=AGENT_DOWN_TIME).name == chosen


def test_no_agent_no_host() -> None:
    with pytest.raises(NoHost):
        choose_agent([], now=NOW, alive_for=AGENT_DOWN_TIME)
