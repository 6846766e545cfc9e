"""Tells the server how attempts ended: each result once, and again where the server shows that it did not receive it.

A report that does not get through is owed until one does.
"""

import structlog

from evenload.agent.memory import Acknowledged, Memory
from evenload.agent.tidings import Tidings
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.model.desired import Change, Outcome, Report
from evenload.model.errors import ServerUnavailable
from evenload.threads import Faults

log = structlog.get_logger(__name__)

_CROSSING = 5.0
"""Seconds. A hint this soon after a report was on its way already; a later one asks for the report again."""


def is_report_due(
    acknowledged: Acknowledged | None,
    generation: int,
    outcome: Outcome,
    reason: str | None,
    *,
    hinted: bool,
    now: float,
) -> bool:
    """Whether the server has to be told of a result. ``hinted``: it spoke of that generation as if it did not know."""
    if acknowledged is None:
        return True
    if (acknowledged.generation, acknowledged.outcome, acknowledged.reason) != (generation, outcome, reason):
        return True
    return hinted and now - acknowledged.moment > _CROSSING


class Reporter:
    def __init__(self, server: Server, clock: Clock, faults: Faults, tidings: Tidings) -> None:
        self._server = server
        self._faults = faults
        self._tidings = tidings
        self._clock = clock

    def report(
        self, memory: Memory, generation: int, outcome: Outcome, change: Change, reason: str | None, *, hinted: bool
    ) -> bool:
        """False where the report is owed: the server could not be reached, or a fault kept it from being told."""
        part, now = memory.reports, self._clock.monotonic()
        if not is_report_due(part.acknowledged, generation, outcome, reason, hinted=hinted, now=now):
            return True
        events = self._tidings.take(memory.load_balancer_id)
        try:
            self._server.report(
                Report(
                    load_balancer_id=memory.load_balancer_id,
                    generation=generation,
                    outcome=outcome,
                    change=change,
                    reason=reason,
                    events=events,
                )
            )
        except ServerUnavailable as error:
            log.info("report is owed", load_balancer=memory.load_balancer_id, generation=generation, reason=str(error))
        except Exception:  # noqa: BLE001 it is noted; what was applied is applied all the same
            self._faults.note("report", load_balancer=memory.load_balancer_id)
        else:
            part.acknowledged = Acknowledged(generation=generation, outcome=outcome, reason=reason, moment=now)
            part.failures = 0
            return True
        self._tidings.put_back(events)
        part.acknowledged = None
        part.failures += 1
        return False
