"""Which host gets the next load balancer."""

from datetime import UTC, datetime, timedelta

import pytest

from evenload.interfaces.store import AgentRecord
from evenload.model.errors import NoHost
from evenload.model.placement import alone_on
from evenload.service.scheduler import AGENT_DOWN_TIME, choose_agent, choose_new_homes

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


def zoned(name: str, zone: str, *, seen_at: datetime = NOW, load: int = 0) -> AgentRecord:
    return AgentRecord(name=name, seen_at=seen_at, load=load, availability_zone=zone)


def test_a_zone_chooses_among_its_hosts_alone() -> None:
    agents = [zoned("a", "east"), zoned("b", "west", load=9)]
    assert choose_agent(agents, now=NOW, alive_for=AGENT_DOWN_TIME, zone="west").name == "b"
    assert choose_agent(agents, now=NOW, alive_for=AGENT_DOWN_TIME, zone=None).name == "a"
    with pytest.raises(NoHost, match="in that availability zone"):
        choose_agent(agents, now=NOW, alive_for=AGENT_DOWN_TIME, zone="south")


@pytest.mark.parametrize(("zone", "home"), [(None, "b"), ("east", "c"), ("west", "b"), ("south", "a")])
def test_a_failover_stays_in_the_zone(zone: str | None, home: str) -> None:
    agents = [
        zoned("a", "moved elsewhere", seen_at=LONG_AGO),
        zoned("b", "west"),
        zoned("c", "east", load=5),
    ]
    after = choose_new_homes(alone_on("a"), agents, now=NOW, alive_for=AGENT_DOWN_TIME, zone=zone)
    assert [each.agent for each in after] == [home]


def test_no_agent_no_host() -> None:
    with pytest.raises(NoHost):
        choose_agent([], now=NOW, alive_for=AGENT_DOWN_TIME)
