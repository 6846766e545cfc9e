"""Totals by agent and epoch: what is answered is right in whatever order reports come, and never falls."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenload.model.desired import Statistics
from evenload.model.totals import EARLIER, KEPT_EPOCHS, Count, renamed, totals_of, with_report


def some(number: int, active: int = 0) -> Statistics:
    return Statistics(bytes_in=number, bytes_out=2 * number, total_connections=number, active_connections=active)


def after(*reports: tuple[str, str, Statistics]) -> tuple[Count, ...]:
    counts: tuple[Count, ...] = ()
    for agent, epoch, statistics in reports:
        counts = with_report(counts, agent, epoch, statistics)
    return counts


@pytest.mark.parametrize(
    ("reports", "total"),
    [
        ([], some(0)),
        ([("a", "", some(5, 1))], some(5, 1)),
        ([("a", "e", some(5, 1)), ("a", "e", some(7, 2))], some(7, 2)),
        ([("a", "e", some(7, 2)), ("a", "e", some(5, 1))], some(7, 1)),  # an older report that came late
        ([("a", "e", some(7, 2)), ("a", "f", some(0, 0))], some(7, 0)),  # counters lost: a new epoch
        ([("a", "e", some(7, 2)), ("a", "f", some(4, 3))], some(11, 3)),
        ([("a", "e", some(7, 2)), ("a", "f", some(4, 3)), ("a", "e", some(8, 9))], some(12, 3)),
        ([("a", "e", some(7, 2)), ("b", "f", some(4, 3))], some(11, 5)),  # both hosts of a pair
        ([("a", "e", some(7, 2)), ("b", "e", some(7, 2))], some(14, 4)),
    ],
)
def test_totals(reports: list[tuple[str, str, Statistics]], total: Statistics) -> None:
    assert totals_of(after(*reports)) == total


def test_a_field_of_its_own_never_falls() -> None:
    counts = after(("a", "e", Statistics(bytes_in=9, bytes_out=1)), ("a", "e", Statistics(bytes_in=1, bytes_out=9)))
    assert totals_of(counts) == Statistics(bytes_in=9, bytes_out=9)


def test_many_epochs_are_few_rows() -> None:
    counts = after(*(("a", f"e{each}", some(1, 1)) for each in range(50)), ("b", "x", some(1, 1)))
    assert len(counts) == KEPT_EPOCHS + 2
    assert totals_of(counts) == some(51, 2)
    assert [count.epoch for count in counts if count.agent == "a"] == [EARLIER, "e47", "e48", "e49"]


_reports = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 100), st.integers(0, 3)), max_size=40
)


@given(_reports)
@settings(deadline=None)
def test_totals_never_fall(reports: list[tuple[str, int, int, int]]) -> None:
    """Epochs follow each other, as an agent's do; a report may be an older one of the present epoch."""
    counts: tuple[Count, ...] = ()
    epochs = {"a": 0, "b": 0}
    last = Statistics()
    for agent, step, number, active in reports:
        epochs[agent] += step == 0
        counts = with_report(counts, agent, str(epochs[agent]), some(number, active))
        total = totals_of(counts)
        for each in fields(Statistics):
            if each.name != "active_connections":
                assert getattr(total, each.name) >= getattr(last, each.name)
        last = total
        assert len(counts) <= 2 * (KEPT_EPOCHS + 1)
        assert len({(count.agent, count.epoch) for count in counts}) == len(counts)


@given(_reports)
@settings(deadline=None)
def test_a_new_name_keeps_the_totals(reports: list[tuple[str, int, int, int]]) -> None:
    counts = after(*((agent, f"{agent}{epoch}", some(number, active)) for agent, epoch, number, active in reports))
    moved = renamed(counts, "a", "c")
    assert {count.agent for count in moved} <= {"b", "c"}
    assert totals_of(moved) == totals_of(counts)
    joined = renamed(counts, "a", "b")
    assert {count.agent for count in joined} <= {"b"}
    assert replace(totals_of(joined), active_connections=0) == replace(totals_of(counts), active_connections=0)


def test_an_agent_back_under_its_name_counts_on() -> None:
    counts = renamed(after(("a", "e", some(5)), ("b", "e", some(7))), "b", "a")
    assert totals_of(counts) == some(7)
