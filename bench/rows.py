"""The arithmetic and the table: samples to percentiles, percentiles against a goal, rows to text and JSON.

Pure; called by the parts and by ``__main__``.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What p50 and p95 must not exceed, or, where more is better, must reach. None: not asked for."""

    p50: float | None = None
    p95: float | None = None
    more_is_better: bool = False

    def met(self, p50: float, p95: float) -> bool:
        pairs = ((p50, self.p50), (p95, self.p95))
        if self.more_is_better:
            return all(limit is None or value >= limit for value, limit in pairs)
        return all(limit is None or value <= limit for value, limit in pairs)

    def __str__(self) -> str:
        sign = ">=" if self.more_is_better else "<="
        named = (("p50", self.p50), ("p95", self.p95))
        return ", ".join(f"{name} {sign} {limit:g}" for name, limit in named if limit is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. ``p95``: what 95 of 100 samples were at least as good as."""

    name: str
    unit: str
    p50: float
    p95: float
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.p50, self.p95)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that ``share`` percent of the samples do not exceed (nearest rank): one that was measured."""
    if not samples:
        raise ValueError("a percentile of no samples")
    rank = math.ceil(share / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def row(
    name: str, unit: str, samples: Sequence[float], goal: Goal | None = None, *, more_is_better: bool = False
) -> Row:
    """``more_is_better`` for rows without a goal; a goal says it itself. Then p95 is taken from the low end."""
    upwards = goal.more_is_better if goal is not None else more_is_better
    if upwards:
        negative = [-sample for sample in samples]
        return Row(name=name, unit=unit, p50=-percentile(negative, 50), p95=-percentile(negative, 95), goal=goal)
    return Row(name=name, unit=unit, p50=percentile(samples, 50), p95=percentile(samples, 95), goal=goal)


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """Round by round, so that what else the machine was doing weighs on both sides."""
    return [above / below for above, below in zip(slow, fast, strict=True)]


def render_table(rows: Sequence[Row]) -> str:
    head = ("what", "unit", "p50", "p95", "goal", "met")
    body = [(each.name, each.unit, _number(each.p50), _number(each.p95), *_verdict(each)) for each in rows]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    lines = []
    for line in (head, tuple("-" * width for width in widths), *body):
        cells = [
            cell.rjust(width) if column in (2, 3) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def render_json(rows: Sequence[Row]) -> str:
    listed = [
        {
            "name": each.name,
            "unit": each.unit,
            "p50": round(each.p50, 3),
            "p95": round(each.p95, 3),
            "goal": None if each.goal is None else str(each.goal),
            "met": each.met,
        }
        for each in rows
    ]
    return json.dumps(listed, indent=2) + "\n"


def _verdict(each: Row) -> tuple[str, str]:
    if each.goal is None:
        return "", ""
    return str(each.goal), "yes" if each.met else "NO"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.2f}"
