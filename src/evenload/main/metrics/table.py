"""The table of all metrics in docs/metrics.md: ``python -m evenload.main.metrics.table`` prints it."""

import sys
from collections.abc import Sequence

from evenload.main.metrics.catalogue import AGENT, LISTENER_ROWS, MEMBER_ROWS, POOL_ROWS, PREFIX, SERVER, Metric

_PARTS: tuple[tuple[str, Sequence[Metric]], ...] = (
    ("Server", SERVER),
    ("Agent", AGENT),
    ("Listener", tuple(LISTENER_ROWS.values())),
    ("Pool", tuple(POOL_ROWS.values())),
    ("Member", tuple(MEMBER_ROWS.values())),
)


def render_table() -> str:
    lines = ["| Metric | Kind | Labels | What it says |", "|---|---|---|---|"]
    for title, metrics in _PARTS:
        common = [each for each in metrics[0].labels if all(each in metric.labels for metric in metrics)]
        lines.append(f"| **{title}** | | {_words(common)} | |")
        for metric in metrics:
            labels = _words([each for each in metric.labels if each not in common])
            lines.append(f"| `{PREFIX}{metric.name}` | {metric.kind.value} | {labels} | {metric.help} |")
    return "\n".join(lines) + "\n"


def _words(labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


if __name__ == "__main__":
    sys.stdout.write(render_table())
