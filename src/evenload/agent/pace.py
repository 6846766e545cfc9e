"""How often a load balancer is looked at. Pure.

Each look costs, and most load balancers of a host are at rest most of the time: no connection, and every member as it
was. Such a one is looked at less often, but never so rarely that the first traffic or a verdict of HAProxy's checks
were told two seconds late, or a verdict later than one delay of its monitor.
"""

import zlib

from evenload.model.desired import Desired

QUIET_AFTER = 5
"""Looks in a row without news."""
_LONGEST = 1.5
"""Times the interval between looks at those that are not quiet. The looks are half an interval apart."""
EARLY = 0.2
"""Share of the interval by which a look may come before its moment: better a little early than half of one late."""


def phase_of(load_balancer_id: str) -> float:
    """From 0.0 to below 1.0, the same ever after: what is done to each at times is not to be done to all at once."""
    return zlib.crc32(load_balancer_id.encode()) / 2**32


def choose_pause(desired: Desired, quiet_looks: int, interval: float) -> float:
    """Seconds between the last look and the next one. ``quiet_looks``: those in a row, the last among them, that found
    neither news nor connections nor anything in doubt. ``interval``: seconds between looks at what is not at rest."""
    if quiet_looks < QUIET_AFTER:
        return 0.0
    delays = (monitor.delay for monitor in desired.monitors if monitor.admin_state_up)
    return min(_LONGEST * interval, min(delays, default=_LONGEST * interval))
