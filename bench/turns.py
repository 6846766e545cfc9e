"""Two things measured against each other, round by round: the one that comes second in a round finds another machine
than the first, so they take turns in that, too. Rounds are short and many, as the speed of a machine that others use
changes from second to second."""

from collections.abc import Callable

ROUNDS = 40
SECONDS = 0.4
"""Of one measurement."""


def in_turn(rounds: int, one: Callable[[], float], other: Callable[[], float]) -> tuple[list[float], list[float]]:
    """What each measured in each round. Both are measured once before, which does not count."""
    one()
    other()
    ones, others = [], []
    for number in range(rounds):
        if number % 2:
            others.append(other())
            ones.append(one())
        else:
            ones.append(one())
            others.append(other())
    return ones, others
