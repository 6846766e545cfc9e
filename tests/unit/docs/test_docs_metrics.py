"""docs/metrics.md: its table is that of the code, and it has a word for each alert."""

import re
from pathlib import Path

from evenload.main.metrics.table import render_table

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text()


def test_the_table_is_the_one_of_the_code() -> None:
    """``python -m evenload.main.metrics.table`` prints it."""
    assert PAGE.endswith("\n## All metrics\n\n" + render_table())


def test_there_is_something_to_do_about_each_alert() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "packaging/prometheus/evenload.rules.yml").read_text())
    assert alerts
    assert [alert for alert in alerts if f"`{alert}`" not in PAGE] == []


def test_the_lines_for_prometheus_are_those_of_the_shipped_file() -> None:
    [lines] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert lines in (ROOT / "packaging/prometheus/prometheus.yml").read_text()
