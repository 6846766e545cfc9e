"""A change of one member costs what it changes: the lines of the others are neither put together nor taken apart."""

from dataclasses import replace

from tests.counting import steps
from tests.fakes.desired import make_desired, monitor

from evenload.render import haproxy_text
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_text import Reload, Runtime, SetWeight, plan_difference
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
SIZE = 200


def test_the_lines_of_the_others_are_not_made_anew() -> None:
    desired = make_desired(size=SIZE, monitors=(monitor(),))
    first = steps(lambda: render_haproxy(desired, OPTIONS, 1))
    former = desired.members[7]
    changed = replace(
        desired, members=tuple(replace(each, weight=9) if each is former else each for each in desired.members)
    )
    assert steps(lambda: render_haproxy(changed, OPTIONS, 1)) < first / 3


def test_the_lines_of_the_others_are_not_read() -> None:
    before = render_haproxy(make_desired(size=SIZE), OPTIONS, 1)
    name = make_desired(size=SIZE).members[7].id
    line = next(line for line in before.split("\n") if f" {name} " in line)
    after = before.replace(line, line.replace("weight 1", "weight 9"))
    difference = plan_difference(before, after)
    assert isinstance(difference, Runtime)
    [change] = difference.changes
    assert isinstance(change, SetWeight)
    assert (change.name, change.weight) == (name, 9)
    assert steps(lambda: plan_difference(before, after)) < steps(lambda: haproxy_text.split(before)) / 2


def test_a_line_that_is_not_ours_needs_a_reload_where_it_differs() -> None:
    text = render_haproxy(make_desired(), OPTIONS, 1)
    assert isinstance(plan_difference(text + "    server x\n", text), Reload)
    assert isinstance(plan_difference(text.replace(" weight 1", "", 1), text), Reload)
