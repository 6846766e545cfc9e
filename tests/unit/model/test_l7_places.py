"""The places of policies: 1 to n, whatever is inserted, moved and taken away."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.test_tree import large_tree, record

from evenload.model import l7_places, status
from evenload.model.enums import PolicyAction
from evenload.model.l7 import L7Policy, in_order_of_action
from evenload.model.tree import Tree

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def policy(identifier: str, action: PolicyAction = PolicyAction.REJECT, place: int = 0) -> L7Policy:
    return L7Policy(id=identifier, listener_id="l0", action=action, place=place)


def places(tree: Tree) -> dict[str, int]:
    return {each.id: each.item.place for each in tree.policies_of("l0") if not each.deleting}


@given(st.lists(st.tuples(st.sampled_from("imd"), st.integers(0, 9), st.none() | st.integers(1, 12)), max_size=20))
def test_they_are_as_a_list_would_have_them(steps: list[tuple[str, int, int | None]]) -> None:
    tree, wanted = large_tree(1, 0, 1).without("y0", "r0"), list[str]()
    for number, (what, which, place) in enumerate(steps):
        if what == "i":
            identifier = f"new{number}"
            tree = l7_places.with_policy_at(tree.with_record(record(policy(identifier))), identifier, place)
        elif not wanted:
            continue
        else:
            identifier = wanted.pop(which % len(wanted))
            if what == "d":
                tree = l7_places.closed_up(status.removed(tree, identifier, now=NOW), "l0")
                assert places(tree) == {each: at for at, each in enumerate(wanted, 1)}
                continue
            tree = l7_places.with_policy_at(tree, identifier, place)
        wanted.insert(len(wanted) if place is None else place - 1, identifier)
        assert places(tree) == {each: at for at, each in enumerate(wanted, 1)}


def test_the_order_of_actions_comes_before_places() -> None:
    actions = [
        PolicyAction.REDIRECT_TO_POOL,
        PolicyAction.REDIRECT_PREFIX,
        PolicyAction.REJECT,
        PolicyAction.REDIRECT_TO_URL,
        PolicyAction.REJECT,
    ]
    policies = [policy(f"{place}", action, place) for place, action in enumerate(actions, 1)]
    assert [each.id for each in in_order_of_action(policies)] == ["3", "5", "2", "4", "1"]


def test_one_that_goes_is_numbered_no_more() -> None:
    tree = large_tree(1, 0, 1)
    tree = l7_places.with_policy_at(tree.with_record(record(policy("b"))), "b", 1)
    gone = l7_places.closed_up(status.removed(tree, "b", now=NOW), "l0")
    assert places(gone) == {"y0": 1}
    assert [each.id for each in gone.policies_of("l0")] == ["y0", "b"]
    assert l7_places.closed_up(gone, "l0") is gone
