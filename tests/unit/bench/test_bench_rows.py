import json

import pytest
from bench.rows import Goal, Row, percentile, ratios, render_json, render_table, row


def test_percentiles_are_samples_that_were_measured() -> None:
    samples = [float(number) for number in range(100, 0, -1)]

    assert percentile(samples, 50) == 50
    assert percentile(samples, 95) == 95
    assert percentile(samples, 100) == 100
    assert percentile([7.0], 50) == percentile([7.0], 95) == 7


def test_p95_of_few_samples_is_the_worst_of_them() -> None:
    assert percentile([1.0, 2.0, 3.0], 95) == 3


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_where_more_is_better_p95_is_what_nearly_all_rounds_reached() -> None:
    made = row("seed", "times", [float(number) for number in range(1, 101)], Goal(p50=40, more_is_better=True))

    assert (made.p50, made.p95) == (51, 6)
    assert made.met is True


@pytest.mark.parametrize(
    ("goal", "p50", "p95", "met"),
    [
        (Goal(p50=25, p95=60), 25, 60, True),
        (Goal(p50=25, p95=60), 25.1, 60, False),
        (Goal(p50=25, p95=60), 20, 61, False),
        (Goal(p50=25), 20, 1000, True),
        (Goal(p50=0, p95=0), 0, 0, True),
        (Goal(p50=0, p95=0), 1, 1, False),
        (Goal(p50=40, more_is_better=True), 39.9, 50, False),
        (Goal(p50=40, more_is_better=True), 40, 1, True),
    ],
)
def test_a_goal_is_met_when_each_of_its_limits_is(goal: Goal, p50: float, p95: float, met: bool) -> None:
    assert Row(name="x", unit="ms", p50=p50, p95=p95, goal=goal).met is met


def test_a_row_without_a_goal_is_neither_met_nor_missed() -> None:
    assert row("api", "ms", [1.0]).met is None


def test_ratios_pair_the_rounds() -> None:
    assert ratios([100.0, 90.0], [2.0, 3.0]) == [50, 30]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_the_table_shows_goals_and_misses() -> None:
    rows = [row("create", "ms", [30.25], Goal(p50=25, p95=60)), row("reloads", "failed requests", [0.0], Goal(p50=0))]

    assert render_table(rows) == (
        "what     unit               p50    p95  goal                  met\n"
        "-------  ---------------  -----  -----  --------------------  ---\n"
        "create   ms               30.25  30.25  p50 <= 25, p95 <= 60  NO\n"
        "reloads  failed requests      0      0  p50 <= 0              yes\n"
    )


def test_the_json_holds_the_same() -> None:
    listed = json.loads(render_json([row("create", "ms", [30.12345], Goal(p50=25)), row("api", "ms", [1.0])]))

    assert listed == [
        {"name": "create", "unit": "ms", "p50": 30.123, "p95": 30.123, "goal": "p50 <= 25", "met": False},
        {"name": "api", "unit": "ms", "p50": 1.0, "p95": 1.0, "goal": None, "met": None},
    ]
