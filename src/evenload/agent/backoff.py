"""How long to wait before the next attempt, and before a process that died is started again. Pure.

A failed attempt is repeated soon, then ever later. A process that dies again and again is started ever later, so that
one load balancer with a bad crash does not take the host's time from the others.
"""

from collections.abc import Sequence

DEATHS_WINDOW = 60.0
_LONGEST_WAIT = 90.0
"""Seconds: three times what a spanning tree takes with the usual delays."""
_AFTER_DEATHS = (0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 5.0, 10.0, 30.0)


def choose_retry_delay(failures: int, delays: Sequence[float], longest: float) -> float:
    """Seconds until the next attempt after that many failed ones in a row (0 counts as 1)."""
    return min(delays[min(max(1, failures), len(delays)) - 1], longest)


def is_hopeless(failures: int, give_up_after: int, *, waits: bool, failing_for: float) -> bool:
    """Whether the server is to be told that there is little hope, after that many attempts in a row that failed.

    ``waits``: the last one found that the host needs time, as a bridge with a spanning tree does; how often it has been
    tried says nothing then. ``failing_for``: seconds since the first of them.
    """
    return failing_for >= _LONGEST_WAIT if waits else failures >= give_up_after


def recent(deaths: Sequence[float], now: float) -> tuple[float, ...]:
    """Those of the moments that still count, in the same order."""
    return tuple(moment for moment in deaths if now - moment < DEATHS_WINDOW)


def choose_backoff(deaths: Sequence[float], now: float) -> float:
    """Seconds to wait before a process that has died at these moments (the last one included) is started again.

    The first few times nothing, so that an accident costs milliseconds; then up to half a minute.
    """
    number = len(recent(deaths, now))
    return _AFTER_DEATHS[min(number, len(_AFTER_DEATHS)) - 1] if number else 0.0
