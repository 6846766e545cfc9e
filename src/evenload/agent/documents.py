"""What is desired of a load balancer, as the server says: taken from a batch or a hint, or fetched.

Whatever it answers counts. Of what it does not know at all an orphan is kept, until a resync has counted it.
"""

import structlog

from evenload.agent.memory import DesiredPart, Memory
from evenload.agent.orphans import Orphans
from evenload.agent.schedule import Answer, Task
from evenload.interfaces.bus import Server
from evenload.interfaces.clock import Clock
from evenload.model.desired import Desired, Gone, Unreadable
from evenload.model.difference import Difference, sharing
from evenload.model.errors import ServerUnavailable
from evenload.threads import Faults

log = structlog.get_logger(__name__)


class Documents:
    def __init__(self, server: Server, clock: Clock, orphans: Orphans, faults: Faults) -> None:
        self._server = server
        self._clock = clock
        self._orphans = orphans
        self._faults = faults

    def bring_up_to_date(self, memory: Memory, task: Task) -> bool:
        """What is desired, where the task asks for it; False where the server could not be reached.

        What the server said in a batch or a hint counts where it cannot be older than the document at hand. Otherwise
        rounds of one load balancer follow each other, so that no answer can overtake another.
        """
        answer = task.answer
        if answer is not None and not task.fetch and answer.asked_at > memory.desired.answered_at:
            document = _document_of(answer, memory.desired.document)
            if document is not None:
                self._accept(memory, task, document, answer.answered_at)
                return True
        if task.fetch or answer is not None or memory.desired.document is None:
            return self._fetch(memory, task)
        return True

    def _fetch(self, memory: Memory, task: Task) -> bool:
        try:
            document = self._server.fetch([memory.load_balancer_id])[memory.load_balancer_id]
        except ServerUnavailable as error:
            log.debug("not fetched", load_balancer=memory.load_balancer_id, reason=str(error))
            memory.desired.failures += 1
            return False
        except Exception:  # noqa: BLE001 it is noted; the load balancer is looked after all the same
            self._faults.note("fetch", load_balancer=memory.load_balancer_id)
            memory.desired.failures += 1
            return False
        self._accept(memory, task, _sharing(memory.desired.document, document), self._clock.monotonic())
        return True

    def _accept(self, memory: Memory, task: Task, answer: Desired | Gone | Unreadable, answered_at: float) -> None:
        """Whatever the server answers is desired: a lower generation stems from a database that was put back."""
        before = memory.desired.document
        if isinstance(answer, Unreadable):  # what was applied last stands
            log.error("document refused", load_balancer=memory.load_balancer_id, reason=answer.reason)
            memory.desired = DesiredPart(document=before, answered_at=answered_at, unreadable=answer)
            return
        if self._is_held_back(memory.load_balancer_id, answer, task):
            if not memory.desired.held_back:
                # Often it is just removed, and nothing of it is here; of what stays the next resync warns.
                log.info("unknown to the server, counted at the next resync", load_balancer=memory.load_balancer_id)
            memory.desired = DesiredPart(document=before, answered_at=answered_at, held_back=True)
            return
        if answer != before:
            memory.reports.acknowledged = None  # that was about another document, even under the same number
            memory.host.failures = 0
            memory.process.backoff_until = 0.0
        memory.desired = DesiredPart(document=answer, answered_at=answered_at)

    def _is_held_back(self, load_balancer_id: str, answer: Desired | Gone, task: Task) -> bool:
        """Whether an orphan has to be kept: a resync has to have counted it first. A hint is the word of a server that
        knew the load balancer a moment ago, and needs no counting."""
        unknown = isinstance(answer, Gone) and answer.generation is None
        return unknown and task.hinted is None and not self._orphans.may_remove(load_balancer_id)


def _document_of(answer: Answer, before: Desired | Gone | None) -> Desired | Gone | Unreadable | None:
    """None where it only says what has changed, and ``before`` is not the document in which that is so."""
    document = answer.document
    if isinstance(document, Difference):
        return document.applied_to(before) if isinstance(before, Desired) else None
    return _sharing(before, document)


def _sharing(before: Desired | Gone | None, answer: Desired | Gone | Unreadable) -> Desired | Gone | Unreadable:
    """What is made of the members of the document before is not made anew for their equals."""
    return sharing(before, answer) if isinstance(answer, Desired) and isinstance(before, Desired) else answer
