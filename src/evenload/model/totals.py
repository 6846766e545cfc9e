"""What agents have counted for one listener, kept so that its totals never fall. Pure.

An agent counts within an epoch, from zero; where it cannot be sure of its counters it begins another. Within an epoch
no value falls, so the highest that was reported is the right one, in whatever order reports come. The totals of a
listener are the sum over all agents and epochs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from evenload.model.desired import Statistics

KEPT_EPOCHS = 3
"""Of one agent, told apart so that a late report finds its own; what was before them is one row."""

EARLIER = "*"
"""The epoch of the row in which earlier ones are summed; no agent names one so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one agent counted in one epoch for a listener. ``place``: the higher, the later the epoch began."""

    agent: str
    epoch: str
    place: int
    statistics: Statistics


def totals_of(counts: Iterable[Count]) -> Statistics:
    """Connections are open only where an agent's newest epoch says so."""
    counts = tuple(counts)
    newest: dict[str, Count] = {}
    for count in counts:
        if count.agent not in newest or newest[count.agent].place < count.place:
            newest[count.agent] = count
    total = sum((count.statistics for count in counts), Statistics())
    return replace(total, active_connections=sum(count.statistics.active_connections for count in newest.values()))


def with_report(counts: Sequence[Count], agent: str, epoch: str, reported: Statistics) -> tuple[Count, ...]:
    """The counts after a report. At most ``KEPT_EPOCHS`` and one are kept of an agent."""
    others = [count for count in counts if count.agent != agent]
    own = [count for count in counts if count.agent == agent]
    present = next((count for count in own if count.epoch == epoch), None)
    if present is None:
        place = 1 + max((count.place for count in own), default=0)
        own.append(Count(agent=agent, epoch=epoch, place=place, statistics=reported))
    else:
        newer = replace(present, statistics=_highest(present.statistics, reported))
        own = [newer if count is present else count for count in own]
    return (*others, *_folded(own))


def renamed(counts: Sequence[Count], former: str, name: str) -> tuple[Count, ...]:
    """The counts once that agent has another name; where it had that one before, its epochs go on."""
    result = tuple(count for count in counts if count.agent != former)
    highest = max((count.place for count in result if count.agent == name), default=0)
    for count in counts:
        if count.agent != former:
            continue
        same = next((each for each in result if each.agent == name and each.epoch == count.epoch), None)
        if same is not None and count.epoch != EARLIER:
            result = with_report(result, name, count.epoch, count.statistics)
        elif same is not None:
            summed = replace(same, statistics=same.statistics + count.statistics)
            result = tuple(summed if each is same else each for each in result)
        else:
            result = (*result, replace(count, agent=name, place=count.place and highest + count.place))
    return result


def _folded(own: list[Count]) -> list[Count]:
    epochs = sorted((count for count in own if count.epoch != EARLIER), key=lambda count: count.place)
    before = [count for count in own if count.epoch == EARLIER]
    old, kept = epochs[:-KEPT_EPOCHS], epochs[-KEPT_EPOCHS:]
    if not old:
        return [*before, *kept]
    summed = sum((count.statistics for count in [*before, *old]), Statistics())
    earlier = Count(agent=kept[0].agent, epoch=EARLIER, place=0, statistics=replace(summed, active_connections=0))
    return [earlier, *kept]


def _highest(one: Statistics, other: Statistics) -> Statistics:
    """Totals never fall within an epoch; the number of open connections is that of the later report."""
    totals = {each.name: max(getattr(one, each.name), getattr(other, each.name)) for each in fields(Statistics)}
    return Statistics(**{**totals, "active_connections": other.active_connections})
