"""Tells the server how attempts ended: each result once, and again where the server shows that it did not hear it.

Called by ``reconcile``. A report that does not get through is owed until one does.
"""

import structlog

from evenload.agent.memory import Memory, Said
from evenload.interfaces import Clock, Server
from evenload.model.desired import Change, Outcome, Report
from evenload.model.errors import ServerUnavailable

log = structlog.get_logger(__name__)

_HEARD_FOR = 5.0
"""A hint this soon after its report was on its way already; a later one asks for the report again."""


class Reporter:
    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    def report(
        self, memory: Memory, generation: int, outcome: Outcome, change: Change, reason: str | None, *, hinted: bool
    ) -> bool:
        """False where the server could not be reached: the report is owed."""
        said, now = memory.said, self._clock.monotonic()
        same = said is not None and (said.generation, said.outcome, said.reason) == (generation, outcome, reason)
        if same and said is not None and not (hinted and now - said.moment > _HEARD_FOR):
            return True
        try:
            self._server.report(
                Report(
                    load_balancer_id=memory.load_balancer_id,
                    generation=generation,
                    outcome=outcome,
                    change=change,
                    reason=reason,
                )
            )
        except ServerUnavailable as error:
            memory.said = None
            memory.unheard += 1
            log.info("report is owed", load_balancer=memory.load_balancer_id, generation=generation, reason=str(error))
            return False
        memory.said = Said(generation=generation, outcome=outcome, reason=reason, moment=now)
        memory.unheard = 0
        return True
