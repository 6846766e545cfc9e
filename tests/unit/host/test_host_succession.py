"""Who serves, who gives way, and how: each decision with its table."""

import pytest

from evenload.host.succession import (
    FINISHING_AT_MOST,
    HANDOVERS,
    MANY_FINISHING,
    Answer,
    Handover,
    Running,
    Worker,
    are_many,
    choose_dead,
    choose_serving,
    choose_surplus,
    connections_of,
    outlives_start,
    text_of,
)
from evenload.model.desired import ProxyStatistics, Statistics


def worker(number: int, namespace: int | None = 1) -> Worker:
    return Worker(number=number, pid=100 + number, start_time=number, namespace=namespace)


@pytest.mark.parametrize(
    ("namespaces", "present", "number"),
    [
        ([], 1, None),
        ([1], 1, 1),
        ([1, 1], 1, 2),
        ([1, 2], 1, 1),
        ([2, 2], 1, None),
        ([1, 1], None, None),
        ([None], None, None),
        ([1, None], 1, 1),
    ],
)
def test_the_newest_in_the_present_namespace_serves(
    namespaces: list[int | None], present: int | None, number: int | None
) -> None:
    living = [worker(place, namespace) for place, namespace in enumerate(namespaces, 1)]
    serving = choose_serving(living, present)
    assert (None if serving is None else serving.number) == number


@pytest.mark.parametrize(
    ("answer", "handover"),
    [
        (Answer.GIVEN, Handover(asked=True, ended=False)),
        (Answer.NO_SOCKET, Handover(asked=False, ended=False)),
        (Answer.REFUSED, Handover(asked=False, ended=True)),
        (Answer.SILENT, Handover(asked=False, ended=True)),
    ],
)
def test_how_a_worker_gives_way_depends_on_its_answer(answer: Answer, handover: Handover) -> None:
    assert HANDOVERS[answer] == handover


def test_every_answer_has_its_handover() -> None:
    assert HANDOVERS.keys() == set(Answer)


@pytest.mark.parametrize(("answer", "outlives"), [(each, each is Answer.REFUSED) for each in (None, *Answer)])
def test_only_one_that_is_finishing_goes_on_beside_a_start(answer: Answer | None, outlives: bool) -> None:
    assert outlives_start(answer) is outlives


@pytest.mark.parametrize(
    ("numbers", "starting", "living", "dead"),
    [
        (set(), None, [], set()),
        ({1, 2}, None, [2], {1}),
        ({1, 2, 3}, 3, [2], {1}),
        ({2}, 3, [2], set()),
        ({1}, None, [1, 2], set()),
    ],
)
def test_dead_is_who_left_files_and_is_neither_starting_nor_alive(
    numbers: set[int], starting: int | None, living: list[int], dead: set[int]
) -> None:
    assert choose_dead(numbers, starting, [worker(number) for number in living]) == dead


@pytest.mark.parametrize("more", [-1, 0, 1, 5])
def test_the_oldest_give_way_where_there_are_too_many(more: int) -> None:
    living = [worker(number) for number in range(FINISHING_AT_MOST + more)]
    assert [each.number for each in choose_surplus(living, {})] == list(range(max(0, more)))


def test_those_with_the_fewest_connections_give_way_first_and_never_the_one_that_serves() -> None:
    living = [worker(number) for number in range(FINISHING_AT_MOST + 2)]
    sockets = {each.pid: 5 for each in living} | {living[0].pid: 9, living[7].pid: 1, living[-1].pid: 0}
    assert [each.number for each in choose_surplus(living, sockets)] == [7, 1]


@pytest.mark.parametrize(("count", "many"), [(MANY_FINISHING, False), (MANY_FINISHING + 1, True)])
def test_a_further_worker_waits_where_there_are_many(count: int, many: bool) -> None:
    assert are_many([worker(number) for number in range(count)]) is many


RECORD = Running(worker=2, pid=102, start_time=2, text="with runtime changes")


@pytest.mark.parametrize(
    ("running", "started_with", "text"),
    [
        (RECORD, "as started", "with runtime changes"),
        (None, "as started", "as started"),
        (Running(worker=2, pid=102, start_time=1, text="of an earlier process"), "as started", "as started"),
        (Running(worker=2, pid=101, start_time=2, text="of another process"), "as started", "as started"),
        # Its number may have changed since (Workers.move_aside).
        (Running(worker=1, pid=102, start_time=2, text="with runtime changes"), "as started", "with runtime changes"),
        (None, None, ""),
    ],
)
def test_a_record_counts_for_the_process_that_it_names(
    running: Running | None, started_with: str | None, text: str
) -> None:
    assert text_of(worker(2), running, started_with) == text


@pytest.mark.parametrize(
    ("frontends", "servers", "connections"), [([], [], 0), ([0, 0], [], 0), ([2, 1], [], 3), ([0], [3], 0)]
)
def test_connections_are_those_of_clients(frontends: list[int], servers: list[int], connections: int) -> None:
    rows = [(name, count) for name, counts in (("FRONTEND", frontends), ("m1", servers)) for count in counts]
    assert connections_of([row(name, count) for name, count in rows]) == connections


def row(server: str, connections: int) -> ProxyStatistics:
    statistics = Statistics(active_connections=connections)
    return ProxyStatistics(proxy="web", server=server, status="OPEN", statistics=statistics)
