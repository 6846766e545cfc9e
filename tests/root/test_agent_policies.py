"""L7 policies that change, in the hands of a real agent: in force at once, in the same process, and for ever."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from demo.traffic import FAILURES, Client
from tests.fakes.desired import pool, uuid
from tests.fakes.l7 import Row, away, hosts
from tests.root.agent_stage import ATTEMPT, VIP, Stage, staged
from tests.root.lab import Lab
from tests.waiting import Repeating, grows

from evenload.host.haproxy_runtime import Conversation
from evenload.model.desired import Change, Desired
from evenload.model.slot import SLOTS

pytestmark = pytest.mark.root

OTHER = {"redirect_pool_id": uuid(4, 1)}
MANY: Sequence[Row] = [(number, f"h{number}.example", OTHER) for number in range(2, 1001)]


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def routed(stage: Stage, generation: int, *rows: Row) -> Desired:
    """The second member stands in the other pool."""
    pools = tuple(replace(pool(number), load_balancer_id=stage.id) for number in range(2))
    members = (stage.member(0), stage.member(1, pool=1))
    return hosts(stage.put(generation, pools=pools, members=members), [*rows, *MANY])


def ask(stage: Stage, host: str) -> str:
    """The body, or where to."""
    connection = Client(stage.client).open(VIP, 80, timeout=ATTEMPT)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        return answer.getheader("Location") or answer.read().decode()
    finally:
        connection.close()


def leave_half_written(stage: Stage) -> None:
    """As an agent does that is killed meanwhile."""
    directory = stage.settings.state_dir / stage.id
    path = directory / SLOTS / f"{stage.listener().id}.policies"
    with Conversation(directory / "haproxy.sock") as conversation:
        answer = conversation.ask(f"prepare map {path}")
        version = answer.removeprefix("New version created: ")
        assert conversation.ask(f"add map @{version} {path} 0=h1000.example 0") == ""


def failure(stage: Stage) -> str | None:
    """Of a request whose policy stays as it is."""
    try:
        body = ask(stage, "h1000.example")
    except FAILURES as error:
        return repr(error)
    return None if body == "1" else body


def test_a_thousand_policies_change_their_values_and_places_without_a_reload(stage: Stage) -> None:
    url = "https://else.example/"
    first: Sequence[Row] = [(0, "a.example", OTHER), (1, "a.example", {}), (1001, "away.example", away(url))]
    stage.apply(routed(stage, 1, *first))
    pid = stage.pid()
    assert [ask(stage, name) for name in ("a.example", "b.example", "away.example")] == ["1", "0", url]
    steps: list[tuple[list[Row], list[str]]] = [
        ([first[1], first[0], first[2]], ["0", "0", url]),
        ([(0, "b.example", OTHER), *first[1:]], ["0", "1", url]),
        ([(0, "b.example", OTHER), (1, "c.example", {}), (1001, "a.example", away(url))], [url, "1", "0"]),
        ([(1001, "a.example", away(f"{url}new"))], [f"{url}new", "0", "0"]),
    ]
    with Repeating(lambda: failure(stage), threads=2) as asking:
        for generation, (rows, answers) in enumerate(steps, start=2):
            assert grows(lambda: asking.good, 3)
            leave_half_written(stage)
            assert stage.apply(routed(stage, generation, *rows)).change is Change.RUNTIME
            assert [ask(stage, name) for name in ("a.example", "b.example", "away.example")] == answers
    assert asking.bad == []
    assert stage.pid() == pid
