"""Findings as lines. Pure."""

from collections.abc import Sequence

from evenload.main.doctor.case import Finding, Level
from evenload.main.terminal import Screen, pad, safe, width_of, wrap

_GAP = 2


def render(findings: Sequence[Finding], screen: Screen) -> list[str]:
    """A line for each, and the remedy beneath."""
    level_width = max(len(level.value) for level in Level) + _GAP
    about_width = max((width_of(each.about) for each in findings), default=0) + _GAP
    indent = " " * (level_width + about_width)
    lines = []
    for each in findings:
        head = pad(each.level.value, level_width) + pad(each.about, about_width)
        lines += wrap(safe(each.text), screen.width, first=head, rest=indent)
        if each.remedy is not None:
            lines += wrap(safe(each.remedy), screen.width, first=f"{indent}→ ", rest=f"{indent}  ")
    return [*lines, "", _summary(findings)]


def _summary(findings: Sequence[Finding]) -> str:
    faults, warnings = (sum(each.level is level for each in findings) for level in (Level.FAULT, Level.WARNING))
    if not faults and not warnings:
        return "Nothing is wrong."
    words = [
        f"{number} {word}{'' if number == 1 else 's'}" for number, word in ((faults, "fault"), (warnings, "warning"))
    ]
    return f"{' and '.join(words)}."
