"""The agent that touches nothing: what the server wants is reported as done, and what it would check is OFFLINE."""

from collections.abc import Iterator

import pytest
from tests.fakes.desired import changed, make_desired, member, monitor, pool
from tests.fakes.server import TableServer
from tests.waiting import eventually

from evenload.agent.noop import NoopAgent
from evenload.main.clock import SystemClock
from evenload.model.desired import Change, Gone, Outcome
from evenload.model.enums import OperatingStatus


@pytest.fixture
def server() -> TableServer:
    return TableServer()


@pytest.fixture
def agent(server: TableServer) -> Iterator[NoopAgent]:
    agent = NoopAgent(server, SystemClock(), resync_interval=3600.0)
    yield agent
    agent.stop()
    assert agent.faults.counts == {}


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


def test_members_that_would_be_checked_are_offline(server: TableServer, agent: NoopAgent) -> None:
    """Each is told once while it has a monitor; of the others the server knows by itself."""
    members = (member(0), member(1, pool=1), member(2, pool=2))
    plain = make_desired(1, pools=(pool(0), pool(1), pool(2)), members=members)
    watched = changed(plain, monitors=(monitor(1), monitor(2, admin_state_up=False)))
    more = changed(watched, members=(*members, member(3, pool=1)))
    alone = changed(more, monitors=())
    again = changed(alone, monitors=more.monitors)
    agent.start()
    for each in (plain, watched, more, alone, again):
        server.put(each)
        agent.hint(each.id, each.generation)
        assert eventually(lambda each=each: (each.generation, Outcome.DONE) in server.outcomes)  # type: ignore[misc]
    first, second = members[1].id, more.members[3].id
    assert eventually(lambda: len(server.heard) == 3)
    told = [dict.fromkeys(each, OperatingStatus.OFFLINE) for each in ((first,), (second,), (first, second))]
    assert [health.statuses for health in server.heard] == told


def test_what_was_not_heard_is_said_again(server: TableServer, agent: NoopAgent) -> None:
    desired = make_desired(1, monitors=(monitor(),))
    server.put(desired)
    server.deaf = True
    agent.start()
    for number in (1, 2):
        agent.resync()
        assert eventually(lambda number=number: len(server.reports) >= number)  # type: ignore[misc]
    assert server.heard == []
    server.deaf = False
    agent.resync()
    assert eventually(lambda: len(server.heard) == 1)


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
    assert server.heard == []
    server.forget(desired.id)
    agent.hint(desired.id, 2)  # the server knows nothing of it: there is nothing to say
    agent.resync()
    assert eventually(lambda: server.resyncs >= 5)
    assert len(server.reports) == 1
