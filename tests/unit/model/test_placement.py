"""Which generation is in force, and whose health counts: the rules case by case."""

from collections.abc import Set

import pytest

from evenload.model.placement import (
    Placement,
    Placements,
    Role,
    alone_on,
    applied_by_all,
    counts_for_health,
    in_order,
    moved,
    renamed,
    with_applied,
)

ALONE = alone_on("a", 4)
PAIR = (Placement("a", Role.MASTER, 4), Placement("b", Role.BACKUP, 3))
AHEAD = (Placement("a", Role.MASTER, 4), Placement("b", Role.BACKUP, 6))
STANDING_BY = (Placement("a", Role.BACKUP, 2), Placement("b", Role.BACKUP, 5))


@pytest.mark.parametrize(
    ("placements", "away", "generation", "agent"),
    [
        ((), set(), 0, None),
        (ALONE, set(), 4, "a"),
        (ALONE, {"a"}, 4, None),
        (ALONE, {"b"}, 4, "a"),
        (PAIR, set(), 3, "a"),
        (PAIR, {"b"}, 4, "a"),
        (PAIR, {"a"}, 3, "b"),
        (PAIR, {"a", "b"}, 3, None),
        (AHEAD, set(), 4, "a"),
        (AHEAD, {"a"}, 6, "b"),
        (AHEAD, {"b"}, 4, "a"),
        (AHEAD, {"a", "b"}, 4, None),
        (tuple(reversed(PAIR)), set(), 3, "a"),
        (STANDING_BY, set(), 2, "a"),
        (STANDING_BY, {"a"}, 5, "b"),
    ],
)
def test_what_is_in_force_and_whose_health_counts(
    placements: Placements, away: Set[str], generation: int, agent: str | None
) -> None:
    assert applied_by_all(placements, away) == generation
    assert counts_for_health(placements, away) == agent


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (with_applied(ALONE, "a", 5), alone_on("a", 5)),
        (with_applied(ALONE, "a", 3), ALONE),
        (with_applied(ALONE, "b", 5), ALONE),
        (with_applied(PAIR, "b", 5), (PAIR[0], Placement("b", Role.BACKUP, 5))),
        (moved(ALONE, "a", "b"), alone_on("b")),
        (moved(ALONE, "a", "a"), ALONE),
        (moved(PAIR, "a", "c"), (Placement("c", Role.MASTER), PAIR[1])),
        (renamed(ALONE, "a", "b"), alone_on("b", 4)),
        (renamed(ALONE, "c", "b"), ALONE),
        (renamed(PAIR, "a", "b"), (PAIR[1],)),
        (in_order(reversed(AHEAD)), AHEAD),
    ],
)
def test_placements_change(after: Placements, expected: Placements) -> None:
    assert after == expected
