"""From numbers to the text that Prometheus reads (its format 0.0.4). Pure.

Written out here, and not by prometheus_client: that makes an object of each number, and writes the labels of a member
anew for each of its sixteen.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from evenload.main.metrics.catalogue import PREFIX, Kind, Metric
from evenload.tally import BOUNDS, Labels

Value = tuple[Labels, tuple[float, ...]]
"""Values of the labels; one number, or of a histogram what ``evenload.tally.Sample`` says."""
Series = tuple[str, tuple[float, ...]]
"""The labels as ``render_labels`` has them, and the same."""
_BOUNDS = [*(f'le="{bound}"' for bound in BOUNDS), 'le="+Inf"']
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def render_values(metric: Metric, values: Iterable[Value]) -> str:
    """Passes over what has another number of labels than the metric: it was counted by another version."""
    fit = ((labels, numbers) for labels, numbers in values if len(labels) == len(metric.labels))
    return render(metric, ((render_labels(metric.labels, labels), numbers) for labels, numbers in fit))


def render(metric: Metric, series: Iterable[Series]) -> str:
    """With its head; nothing where there are no series."""
    name = PREFIX + metric.name
    lines = list(_buckets(name, series) if metric.kind is Kind.HISTOGRAM else _numbers(name, series))
    if not lines:
        return ""
    words = metric.help.translate(_ESCAPES | {ord('"'): '"'})
    return f"# HELP {name} {words}\n# TYPE {name} {metric.kind.value}\n" + "".join(lines)


def render_labels(names: Labels, values: Labels) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))


def _numbers(name: str, series: Iterable[Series]) -> Iterator[str]:
    for labels, numbers in series:
        yield f"{name}{{{labels}}} {_number(numbers[0])}\n" if labels else f"{name} {_number(numbers[0])}\n"


def _buckets(name: str, series: Iterable[Series]) -> Iterator[str]:
    for labels, numbers in series:
        if len(numbers) != len(_BOUNDS) + 1:
            continue
        before, braced = (f"{labels},", f"{{{labels}}}") if labels else ("", "")
        count = 0.0
        for bound, count in zip(_BOUNDS, accumulate(numbers[:-1]), strict=True):
            yield f"{name}_bucket{{{before}{bound}}} {_number(count)}\n"
        yield f"{name}_count{braced} {_number(count)}\n"
        yield f"{name}_sum{braced} {_number(numbers[-1])}\n"


def _number(value: float) -> str:
    """Whole ones without a point; Prometheus reads ``inf`` and ``nan`` as Python writes them."""
    return repr(int(value)) if value.is_integer() else repr(value)


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
