"""What a list shows is made once for each view, and anew for another one."""

import json
from dataclasses import replace

from tests.contract.samples import a_tree

from evenload.api.octavia_v2.present import AnyView, present
from evenload.api.octavia_v2.shown import Shown
from evenload.model.query import Relations, View


def a_view() -> AnyView:
    tree = a_tree(members=0)
    return View(record=tree.load_balancer, relations=Relations(load_balancer_id=tree.id))


def test_the_same_view_has_the_same_text() -> None:
    shown, view = Shown(), a_view()
    text = shown.text(view)
    assert json.loads(text.text) == present(view)
    assert shown.text(view) is text


def test_another_view_of_the_same_object_has_its_own() -> None:
    shown, view = Shown(), a_view()
    shown.text(view)
    other = replace(view, record=replace(view.record, name="another"))
    assert json.loads(shown.text(other).text)["name"] == "another"
    assert json.loads(shown.text(view).text)["name"] == view.record.name


def test_there_is_room_for_so_many() -> None:
    shown = Shown(room=2)
    first, second, third = a_view(), a_view(), a_view()
    texts = [shown.text(each) for each in (first, second)]
    assert [shown.text(each) for each in (first, second)] == texts
    last = shown.text(third)
    assert shown.text(second) is texts[1]
    assert shown.text(third) is last
    assert shown.text(first) is not texts[0], "it was made first"
