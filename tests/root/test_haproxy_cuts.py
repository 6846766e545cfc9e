"""What ends clients' connections from our side is counted, and told with its reason."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tests.root.haproxy_stage import Stage, desired, member
from tests.waiting import eventually

from evenload.host import haproxy_crew, process_sockets, succession
from evenload.host.haproxy import Haproxy
from evenload.host.haproxy_cuts import CUTS, Cut
from evenload.host.haproxy_process import start_time
from evenload.model.balancer import Listener
from evenload.model.enums import ListenerProtocol
from evenload.render.runtime_commands import delete, set_state, shut_sessions

pytestmark = pytest.mark.root


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def hold(stage: Stage, held: ExitStack, number: int) -> None:
    """So many clients whose requests do not come to their end."""
    before = clients(stage)
    for _ in range(number):
        held.enter_context(stage.connect()).sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert eventually(lambda: clients(stage) == before + number)


def clients(stage: Stage) -> int:
    return sum(
        row.statistics.active_connections
        for row in stage.haproxy.read_statistics(stage.id)[stage.worker]
        if row.server == "FRONTEND"
    )


def told(logs: list[EventDict]) -> list[tuple[int, str, int]]:
    cut = [each for each in logs if each["event"] == "connections are cut"]
    return [(each["number"], each["reason"], each["total"]) for each in cut]


def kept(stage: Stage) -> dict[str, int]:
    found: dict[str, int] = json.loads(stage.files.read(stage.id, CUTS) or "{}")
    return found


def test_of_workers_that_are_too_many(
    stage: Stage, held: ExitStack, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "MANY_FINISHING", 1)
    monkeypatch.setattr(succession, "FINISHING_AT_MOST", 1)
    monkeypatch.setattr(haproxy_crew, "PATIENCE", 0.01)
    stage.start(desired(member(1)))
    for number in (2, 3, 4):
        hold(stage, held, number)
        stage.reload(desired(member(1)))
    assert told(logs) == [(2, Cut.SURPLUS.value, 2), (3, Cut.SURPLUS.value, 5)]
    assert kept(stage) == {Cut.SURPLUS.value: 5}


def test_of_a_process_that_hung_and_was_replaced(stage: Stage, held: ExitStack, logs: list[EventDict]) -> None:
    stage.start(desired(member(1)))
    hold(stage, held, 2)
    with stage.hang():
        stage.reload(desired(member(1)))
    assert told(logs) == [(2, Cut.NO_ANSWER.value, 2)]


def test_of_a_load_balancer_that_is_removed_the_finishing_ones_too(
    stage: Stage, held: ExitStack, logs: list[EventDict]
) -> None:
    stage.start(desired(member(1)))
    hold(stage, held, 2)
    stage.reload(desired(member(1)))
    hold(stage, held, 1)
    stage.haproxy.stop_haproxy(stage.id)
    assert told(logs) == [(2, Cut.REMOVED.value, 2), (1, Cut.REMOVED.value, 3)]


def test_of_a_worker_that_may_finish_for_so_long_only(stage: Stage, held: ExitStack, logs: list[EventDict]) -> None:
    stage.options = replace(stage.options, hard_stop_after=1)
    stage.start(desired(member(1)))
    hold(stage, held, 2)
    stage.reload(desired(member(1)))
    assert eventually(lambda: 1 not in stage.haproxy.read_statistics(stage.id))
    assert told(logs) == [(2, Cut.OWN_END.value, 2)]
    another = Haproxy(stage.settings, stage.files)  # as after a restart of the agent
    another._cuts.note(stage.id, 3, Cut.NO_END)
    assert told(logs)[-1] == (3, Cut.NO_END.value, 5)


def test_of_a_member_that_was_removed_and_is_busy_for_too_long(
    stage: Stage, held: ExitStack, logs: list[EventDict]
) -> None:
    web = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.TCP, port=80, default_pool_id="app")
    stage.start(desired(member(1), listeners=[web]))
    hold(stage, held, 2)
    commands = [set_state("app", "m1", maintenance=True), shut_sessions("app", "m1"), delete("app", "m1")]
    assert len(stage.haproxy.runtime(stage.id, commands)) == 3
    assert told(logs) == [(2, Cut.OVERDUE.value, 2)]


def test_who_cannot_be_counted_is_ended_all_the_same(
    stage: Stage, held: ExitStack, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = stage.start(desired(member(1)))
    hold(stage, held, 2)

    def refuse(pid: int, places: object) -> int:
        raise PermissionError(pid, places)

    monkeypatch.setattr(process_sockets, "count_connections", refuse)
    stage.haproxy.stop_haproxy(stage.id)
    assert start_time(pid) is None
    assert [each["reason"] for each in logs if each["event"] == "connections may be cut"] == [Cut.REMOVED.value]


def test_nothing_is_told_where_nothing_was_cut(stage: Stage, held: ExitStack, logs: list[EventDict]) -> None:
    """Connections to members, and such as look at statistics, are no clients'."""
    stage.start(desired(member(1)))
    client: socket.socket = held.enter_context(stage.connect())
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(1000)
    client.close()
    assert eventually(lambda: not clients(stage))
    stage.reload(desired(member(1)))
    assert eventually(lambda: 1 not in stage.haproxy.read_statistics(stage.id))
    stage.haproxy.stop_haproxy(stage.id)
    assert told(logs) == []
    assert kept(stage) == {}
