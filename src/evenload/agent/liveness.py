"""What a look at the host says of the HAProxy process: that it died, that it gives no answer, that it hangs. Pure."""

from evenload.model.desired import Desired, Gone
from evenload.model.observed import Observed
from evenload.render.haproxy_groups import listeners_in_service

HANGS_AFTER = 3
"""A process that gives no answer so many looks in a row hangs and is replaced."""
LOOK_AGAIN_AFTER = 5.0
"""Seconds between two such looks of rounds."""


def count_unanswered(before: int, silent: int, observed: Observed) -> int:
    """Looks in a row without an answer, this one included; 0 also where no process lives. ``before``: those of earlier
    rounds, ``silent``: those of monitoring, the last ones that it made."""
    if observed.haproxy.process is None or observed.haproxy.process.servers is not None:
        return 0
    return max(before, silent) + 1


def hangs(unanswered: int) -> bool:
    return unanswered >= HANGS_AFTER


def is_missing(desired: Desired | Gone, observed: Observed) -> bool:
    """Whether there should be a process, and none lives."""
    return isinstance(desired, Desired) and observed.haproxy.process is None and bool(listeners_in_service(desired))


def has_died(desired: Desired | Gone, before: Observed | None, observed: Observed) -> bool:
    """Whether the process that was there at the end of the last round (``before``) has died since without being told.

    ``before`` None: nothing is known of an earlier process, so that this one's absence is no death.
    """
    return is_missing(desired, observed) and before is not None and before.haproxy.process is not None
