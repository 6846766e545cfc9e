"""Totals over processes that come and go."""

import pytest

from evenload.agent.counters import Counters, count, dump_counters, load_counters, resume
from evenload.model.desired import ProxyStatistics, Statistics


def rows(total: int, active: int = 0, *, listener: str = "l") -> tuple[ProxyStatistics, ...]:
    """What a frontend says after that many connections of 10 bytes in and 100 out."""
    seen = Statistics(bytes_in=10 * total, bytes_out=100 * total, total_connections=total, active_connections=active)
    backend = ProxyStatistics(proxy="p", server="BACKEND", status="UP", statistics=seen)
    return (ProxyStatistics(proxy=listener, server="FRONTEND", status="OPEN", statistics=seen), backend)


def total(counters: Counters, listener: str = "l") -> int:
    found = counters.totals([listener])[listener]
    assert (found.bytes_in, found.bytes_out) == (10 * found.total_connections, 100 * found.total_connections)
    return found.total_connections


def test_a_reload_loses_nothing() -> None:
    counters = count(Counters("e"), {1: rows(5, active=2)}, ["l"])
    counters = count(counters, {1: rows(6, active=1), 2: rows(3, active=4)}, ["l"])
    assert total(counters) == 9
    assert counters.totals(["l"])["l"].active_connections == 5
    counters = count(counters, {2: rows(4)}, ["l"])
    assert total(counters) == 10
    assert counters.totals(["l"])["l"].active_connections == 0


def test_a_worker_that_did_not_answer_once_is_not_counted_twice() -> None:
    counters = count(Counters("e"), {1: rows(5)}, ["l"])
    counters = count(counters, {}, ["l"])
    assert total(counters) == 5
    assert total(count(counters, {1: rows(7)}, ["l"])) == 7


def test_a_worker_number_used_again_by_a_new_process_starts_from_what_was() -> None:
    counters = count(Counters("e"), {1: rows(5)}, ["l"])
    assert total(count(counters, {1: rows(2)}, ["l"])) == 7


def test_many_reloads_are_folded_and_nothing_is_lost() -> None:
    counters = Counters("e")
    for worker in range(1, 51):
        counters = count(counters, {worker: rows(1)}, ["l"])
    assert total(counters) == 50
    assert len(counters.workers) <= 8


def test_workers_that_finish_for_long_stay_apart() -> None:
    counters = Counters("e")
    for worker in range(1, 21):
        counters = count(counters, {number: rows(1) for number in range(1, worker + 1)}, ["l"])
    assert total(counters) == 20


def test_they_outlive_the_agent() -> None:
    counters = count(Counters("e"), {1: rows(5), 2: rows(1)}, ["l"])
    again = load_counters(dump_counters(counters))
    assert total(count(again, {2: rows(3)}, ["l"])) == 8
    assert dump_counters(again) == dump_counters(counters)


def test_listeners_that_are_gone_are_forgotten_and_new_ones_start_at_nothing() -> None:
    counters = count(Counters("e"), {1: rows(5)}, ["l"])
    counters = count(counters, {1: rows(5)}, ["other"])
    assert counters.totals(["l", "other"]) == {"l": Statistics(), "other": Statistics()}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"ended": {}, "workers": {"x": {}}}', '{"ended": {"l": [1]}, "workers": {}}']
)
def test_what_is_not_ours_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="not a record"):
        load_counters(content)


def test_what_was_kept_before_there_were_epochs_is_of_the_nameless_one() -> None:
    kept = load_counters('{"ended": {"l": [10, 100, 1, 0]}, "workers": {"3": {"l": [20, 200, 2, 0]}}}')
    assert (kept.epoch, kept.alive, total(kept)) == ("", frozenset({3}), 3)


KEPT = count(count(Counters("old"), {1: rows(5)}, ["l"]), {1: rows(5), 2: rows(3)}, ["l"])
FINISHED = count(KEPT, {2: rows(3)}, ["l"])


@pytest.mark.parametrize(
    ("kept", "first_look", "first_own", "epoch", "totals"),
    [
        # Nobody has counted before: from nothing, and what this agent's own worker counted is new.
        (None, {1: rows(4)}, 1, "new", 4),
        (None, {}, None, "new", 0),
        # Counters are lost, their worker lives: what it counted so far may have been reported.
        (None, {1: rows(4)}, None, "new", 0),
        (None, {1: rows(4), 2: rows(2)}, 2, "new", 2),
        # All workers that counted still do: on in the same epoch, with what they counted meanwhile.
        (KEPT, {1: rows(6), 2: rows(9)}, None, "old", 15),
        (FINISHED, {2: rows(9)}, None, "old", 14),
        # One that started after the counters were kept, before anything of it was reported.
        (KEPT, {1: rows(6), 2: rows(9), 3: rows(1)}, None, "old", 16),
        # One that counted is dead: its last numbers are lost. The others go on from what is kept of them.
        (KEPT, {2: rows(9)}, None, "new", 6),
        (KEPT, {}, None, "new", 0),
        (FINISHED, {3: rows(4)}, 3, "new", 4),
        # Another process under the same number: fewer connections, or started by this agent.
        (FINISHED, {2: rows(2)}, None, "new", 2),
        (FINISHED, {2: rows(9)}, 2, "new", 9),
        (FINISHED, {1: rows(9), 2: rows(3)}, None, "old", 12),
    ],
)
def test_an_agent_goes_on_in_the_epoch_only_where_nothing_can_be_lost(
    kept: Counters | None,
    first_look: dict[int, tuple[ProxyStatistics, ...]],
    first_own: int | None,
    epoch: str,
    totals: int,
) -> None:
    again = load_counters(dump_counters(kept)) if kept is not None else None
    counters = count(resume(again, first_look, first_own, "new"), first_look, ["l"])
    assert (counters.epoch, total(counters)) == (epoch, totals)
    assert load_counters(dump_counters(counters)).totals(["l"])["l"].total_connections == totals
