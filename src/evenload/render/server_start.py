"""How a server of the next process starts, by what the running process says of the same member. Pure: one decision."""

from dataclasses import dataclass
from enum import Enum


class Start(Enum):
    PLAIN = "plain"
    """As HAProxy starts it: up, or in maintenance. Nothing is carried over."""
    UP = "up"
    DOWN = "down"
    VETOED = "vetoed"
    """Its own check passes, another monitor finds it down."""
    VETOED_AND_DOWN = "vetoed and down"
    """The same, and of its own check, which is another one now, nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of the running server: ``maintenance``, ``stopped``, ``was_checked``; ``only_vetoed``: stopped although its own
    check passes. Of the next one: ``disabled``, ``checked`` by HAProxy, ``pinged`` by the agent, ``vetoable``.
    ``same_check``: HAProxy checks it as before."""

    maintenance: bool = False
    stopped: bool = False
    was_checked: bool = False
    only_vetoed: bool = False
    disabled: bool = False
    checked: bool = False
    pinged: bool = False
    vetoable: bool = False
    same_check: bool = False


def choose_start(facts: Facts) -> Start:
    if facts.maintenance or facts.disabled or not (facts.checked or facts.pinged):
        return Start.PLAIN
    if not facts.stopped:
        # Of others HAProxy assumes by itself that they are up, and it says no more of them here.
        return Start.UP if facts.checked and facts.was_checked else Start.PLAIN
    if not facts.only_vetoed:
        return Start.DOWN
    if facts.vetoable:
        return Start.VETOED if facts.same_check else Start.VETOED_AND_DOWN
    # That a check passes says nothing of another one, which may be the very one that vetoed until now.
    return Start.UP if facts.same_check else Start.DOWN
