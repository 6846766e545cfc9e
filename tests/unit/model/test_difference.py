"""What has changed in a document leads from the document before to the one after, and from no other."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.fakes.desired import listener, make_desired, member, monitor, pool

from evenload.model.desired import Desired
from evenload.model.difference import Difference, difference_of, sharing


def edited(dice: random.Random, desired: Desired, numbers: "list[int]") -> Desired:
    """The next edition: objects come last, stay where they are, or go."""
    members = [each for each in desired.members if dice.random() > 0.1]
    if members and dice.random() < 0.7:
        place = dice.randrange(len(members))
        members[place] = replace(members[place], weight=dice.randrange(9))
    members += [member(numbers.pop()) for _ in range(dice.randrange(3))]
    return replace(
        desired,
        generation=desired.generation + 1,
        edition=dice.randrange(1, 1 << 60),
        members=tuple(members),
        listeners=dice.choice([(), (listener(),), (listener(port=81),), desired.listeners]),
        pools=dice.choice([desired.pools, (pool(),), (pool(), pool(1))]),
        monitors=dice.choice([(), (monitor(),), (monitor(delay=7),)]),
        port=replace(desired.port, mtu=dice.choice([1400, 1500])),
    )


@pytest.mark.parametrize("seed", range(5))
def test_differences_one_by_one_and_together_lead_to_the_document_after(seed: int) -> None:
    dice, numbers = random.Random(seed), list(range(200))
    documents = [replace(make_desired(size=0), edition=1)]
    for _ in range(20):
        documents.append(edited(dice, documents[-1], numbers))
    steps = [difference_of(before, after) for before, after in pairwise(documents)]
    for before, after, step in zip(documents, documents[1:], steps, strict=False):
        found = step.applied_to(before)
        assert found == after
        assert found is not None
        assert found.edition == after.edition
        others = [each for each in documents if each is not before]
        assert [step.applied_to(each) for each in others] == [None] * len(others)
    whole: Difference | None = steps[0]
    for step in steps[1:]:
        assert whole is not None
        assert step.followed_by(whole) is None
        whole = whole.followed_by(step)
    assert whole is not None
    assert whole.applied_to(documents[0]) == documents[-1]


def test_it_names_what_has_changed_and_leaves_the_rest_the_very_same() -> None:
    before = replace(make_desired(size=500), edition=1)
    members = (*before.members[:7], replace(before.members[7], weight=9), *before.members[8:-1])
    after = replace(before, members=members, edition=2)
    difference = difference_of(before, after)
    assert (difference.size, difference.changed.members) == (2, (members[7],))
    assert difference.removed == (before.members[-1].id,)
    found = difference.applied_to(before)
    assert found is not None
    assert all(one is other for one, other in zip(found.members, members, strict=True))
    assert found.pools[0] is before.pools[0]


def test_what_has_no_edition_is_told_by_none() -> None:
    before, after = make_desired(), make_desired(2)
    difference = difference_of(before, after)
    assert difference.applied_to(before) is None
    assert difference.followed_by(difference) is None
    assert difference_of(replace(before, edition=1), after).applied_to(before) is None


def test_equal_members_of_another_document_are_shared() -> None:
    before, after = make_desired(size=5), make_desired(2, size=6)
    changed = replace(after, members=(replace(after.members[0], weight=7), *after.members[1:]))
    found = sharing(before, changed)
    assert found == changed
    assert [one is other for one, other in zip(found.members, before.members, strict=False)] == [False, *[True] * 4]
