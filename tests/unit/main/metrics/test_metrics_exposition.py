"""The text that Prometheus reads, as its own reader understands it."""

import math

from prometheus_client.parser import text_string_to_metric_families

from evenload.main.metrics.catalogue import Kind, Metric
from evenload.main.metrics.exposition import render_values
from evenload.tally import BOUNDS

ODD = 'ä "quoted" \\ back\\n\nline {x="1"} # '


def read(text: str) -> list[tuple[str, dict[str, str], float]]:
    families = list(text_string_to_metric_families(text))
    return [(each.name, dict(each.labels), each.value) for family in families for each in family.samples]


def test_any_name_is_read_as_it_was_written() -> None:
    metric = Metric("of_names", Kind.GAUGE, ("name", "other"), "Says \\ and\nmore.")
    text = render_values(metric, [((ODD, ""), (1.0,)), (("plain", ODD), (2.5,))])
    assert read(text) == [
        ("evenload_of_names", {"name": ODD, "other": ""}, 1.0),
        ("evenload_of_names", {"name": "plain", "other": ODD}, 2.5),
    ]
    assert text.startswith("# HELP evenload_of_names Says \\\\ and\\nmore.\n# TYPE evenload_of_names gauge\n")


def test_numbers_are_exact() -> None:
    numbers = [0.0, -1.0, 0.1, 2.0**60, 1e300, 1 / 3, math.inf, -math.inf]
    metric = Metric("numbers", Kind.GAUGE, ("n",), "x.")
    text = render_values(metric, [((str(place),), (number,)) for place, number in enumerate(numbers)])
    assert [value for _, _, value in read(text)] == numbers
    [(_, _, value)] = read(render_values(metric, [(("x",), (math.nan,))]))
    assert math.isnan(value)


def test_a_histogram_counts_up_to_each_bound() -> None:
    metric = Metric("took_seconds", Kind.HISTOGRAM, ("way",), "x.")
    counts = [float(number % 3) for number in range(len(BOUNDS) + 1)]
    found = read(render_values(metric, [(("a",), (*counts, 7.5)), (("of another version",), (1.0,))]))
    buckets = [(labels["le"], value) for name, labels, value in found if name.endswith("_bucket")]
    assert buckets == [(bound, sum(counts[: place + 1])) for place, bound in enumerate([*map(str, BOUNDS), "+Inf"])]
    assert found[-2:] == [
        ("evenload_took_seconds_count", {"way": "a"}, sum(counts)),
        ("evenload_took_seconds_sum", {"way": "a"}, 7.5),
    ]
    bare = render_values(Metric("bare_seconds", Kind.HISTOGRAM, (), "x."), [((), (*counts, 1.0))])
    [first, *_, last] = bare.splitlines()[2:]
    assert (first, last) == ('evenload_bare_seconds_bucket{le="0.001"} 0', "evenload_bare_seconds_sum 1")


def test_without_a_series_nothing_is_said() -> None:
    metric = Metric("of_names", Kind.COUNTER, ("name",), "x.")
    assert render_values(metric, []) == render_values(metric, [(("too", "many"), (1.0,))]) == ""
