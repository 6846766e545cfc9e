"""From numbers to prometheus_client's families. Pure."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from evenload.main.metrics.catalogue import PREFIX, Kind, Metric
from evenload.tally import BOUNDS, Labels

Value = tuple[Labels, tuple[float, ...]]
"""Values of the labels; one number, or of a histogram what ``evenload.tally.Sample`` says."""
_BUCKETS = [*(str(bound) for bound in BOUNDS), "+Inf"]


def family_of(metric: Metric, values: Iterable[Value]) -> Family:
    """Passes over what has another number of labels than the metric: it was counted by another version."""
    name = PREFIX + metric.name
    fit = ((labels, numbers) for labels, numbers in values if len(labels) == len(metric.labels))
    match metric.kind:
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
            for labels, numbers in fit:
                if len(numbers) == len(_BUCKETS) + 1:
                    counts = accumulate(numbers[:-1])
                    histogram.add_metric(labels, list(zip(_BUCKETS, counts, strict=True)), numbers[-1])
            return histogram
        case Kind.COUNTER:
            counter = CounterMetricFamily(name, metric.help, labels=metric.labels)
            for labels, numbers in fit:
                counter.add_metric(labels, numbers[0])
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(name, metric.help, labels=metric.labels)
            for labels, numbers in fit:
                gauge.add_metric(labels, numbers[0])
            return gauge


def summed(values: Iterable[Value]) -> Iterator[Value]:
    """Over all processes."""
    found: dict[Labels, tuple[float, ...]] = {}
    for labels, numbers in values:
        before = found.get(labels)
        if before is None:
            found[labels] = numbers
        elif len(before) == len(numbers):
            found[labels] = tuple(map(sum, zip(before, numbers, strict=True)))
    yield from found.items()
