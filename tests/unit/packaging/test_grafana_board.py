"""The board that is shipped: Grafana can lay it out, and it speaks of metrics that there are. Whether each expression
has an answer is asked in tests/e2e/test_metrics.py."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

from evenload.main.metrics.catalogue import ALL, PREFIX, Kind

BOARD = json.loads((Path(__file__).parents[3] / "packaging/grafana/evenload.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
LABELS = {
    PREFIX + metric.name + suffix: set(metric.labels)
    for metric in ALL
    for suffix in (("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",))
}
FROM_ELSEWHERE = {"instance", "job", "le"}


def test_panels_have_places_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)

    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        return {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }

    for one, other in combinations(PANELS, 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_expressions_and_legends_speak_of_metrics_and_labels_that_there_are() -> None:
    targets = [target for panel in PANELS for target in panel.get("targets", ())]
    assert len(targets) > 50
    shown = set()
    for target in targets:
        names = set(re.findall(r"\bevenload_[a-z_]+", target["expr"]))
        assert names <= LABELS.keys(), target["expr"]
        shown |= names
        known = set().union(*(LABELS[name] for name in names)) | FROM_ELSEWHERE
        selected = set(re.findall(r"([a-z_]+)=~?\"", target["expr"]))
        grouped = {label for by in re.findall(r"by \(([a-z_, ]+)\)", target["expr"]) for label in by.split(", ")}
        assert selected | grouped <= known, target["expr"]
        legend = set(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"]))
        assert legend <= ((grouped or known) | {"instance"}), (target["expr"], target["legendFormat"])
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_are_all_that_is_used() -> None:
    names = {each["name"] for each in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z_]+)\}?", json.dumps([PANELS, BOARD["templating"]])))
    assert used - {"__rate_interval", "__all"} <= names
    for each in BOARD["templating"]["list"]:
        assert set(re.findall(r"\bevenload_[a-z_]+", json.dumps(each))) <= LABELS.keys()
