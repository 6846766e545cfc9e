"""The agent that touches nothing: what the server wants is reported as done, and nothing else is ever said."""

from collections.abc import Iterator

import pytest
from tests.fakes.desired import make_desired
from tests.fakes.server import TableServer
from tests.waiting import eventually

from evenload.agent.noop import NoopAgent
from evenload.main.clock import SystemClock
from evenload.model.desired import Change, Gone, Outcome


@pytest.fixture
def server() -> TableServer:
    return TableServer()


@pytest.fixture
def agent(server: TableServer) -> Iterator[NoopAgent]:
    agent = NoopAgent(server, SystemClock(), resync_interval=3600.0)
    yield agent
    agent.stop()
    assert agent.faults.counts == {}
    assert server.heard == []


def test_a_hint_is_answered_by_success(server: TableServer, agent: NoopAgent) -> None:
    agent.start()
    desired = make_desired(3)
    server.put(desired)
    agent.hint(desired.id, 3)
    assert eventually(lambda: server.outcomes == [(3, Outcome.DONE)])
    assert server.reports[0].change is Change.NOTHING
    server.put(Gone(load_balancer_id=desired.id, generation=4))
    agent.hint(desired.id, 4)
    assert eventually(lambda: server.outcomes[1:] == [(4, Outcome.DONE)])
    assert server.reports[1].change is Change.REMOVE


def test_a_resync_finds_what_no_hint_told_of_and_says_it_once(server: TableServer, agent: NoopAgent) -> None:
    desired = make_desired(1)
    server.put(desired)
    server.away = True
    agent.start()
    assert eventually(lambda: server.resyncs == 1)
    server.away = False
    agent.resync()
    assert eventually(lambda: server.outcomes == [(1, Outcome.DONE)])
    for number in range(3, 5):
        agent.resync()
        assert eventually(lambda number=number: server.resyncs >= number)  # type: ignore[misc]
    assert server.outcomes == [(1, Outcome.DONE)]
    server.forget(desired.id)
    agent.hint(desired.id, 2)  # the server knows nothing of it: there is nothing to say
    agent.resync()
    assert eventually(lambda: server.resyncs >= 5)
    assert len(server.reports) == 1
