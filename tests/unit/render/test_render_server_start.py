"""How a server starts after a reload: the decision, row by row."""

from dataclasses import fields
from itertools import product

import pytest

from evenload.render.server_start import Facts, Start, choose_start

DOWN = {"checked": True, "was_checked": True, "stopped": True}
VETOED = {**DOWN, "only_vetoed": True}


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ({}, Start.PLAIN),
        # Up: by its check, which goes on.
        ({"checked": True, "was_checked": True}, Start.UP),
        ({"checked": True}, Start.PLAIN),
        ({"was_checked": True}, Start.PLAIN),
        ({"pinged": True}, Start.PLAIN),
        # Down: whoever found it so, if somebody judges it still.
        (DOWN, Start.DOWN),
        ({**DOWN, "same_check": True}, Start.DOWN),
        ({"pinged": True, "stopped": True}, Start.DOWN),
        ({"checked": True, "stopped": True}, Start.DOWN),
        ({"stopped": True}, Start.PLAIN),
        # Down by a veto alone.
        ({**VETOED, "vetoable": True, "same_check": True}, Start.VETOED),
        ({**VETOED, "vetoable": True}, Start.VETOED_AND_DOWN),
        ({**VETOED, "same_check": True}, Start.UP),
        (VETOED, Start.DOWN),
    ],
)
def test_what_is_carried_over(facts: dict[str, bool], start: Start) -> None:
    assert choose_start(Facts(**facts)) is start


@pytest.mark.parametrize("name", ["maintenance", "disabled"])
def test_nothing_is_carried_into_or_out_of_maintenance(name: str) -> None:
    others = [field.name for field in fields(Facts) if field.name != name]
    for values in product((False, True), repeat=len(others)):
        assert choose_start(Facts(**{name: True}, **dict(zip(others, values, strict=True)))) is Start.PLAIN
