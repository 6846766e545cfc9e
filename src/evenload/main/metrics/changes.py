"""A gateway that counts how long changes take, from the moment they were accepted to the agent's report of them, and
tells who registers."""

from collections.abc import Callable, Sequence
from datetime import datetime

from evenload.interfaces.bus import Gateway
from evenload.interfaces.store import UnitOfWork
from evenload.model.desired import Desired, Gone, Health, Outcome, Report
from evenload.model.errors import StoreUnavailable
from evenload.model.event import HostEvent
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.service.pending import pending_of
from evenload.tally import Counting


class CountedGateway:
    """Fulfils Gateway. What a report settles is what was pending of its generation, or an earlier one, before it."""

    def __init__(
        self,
        gateway: Gateway,
        uow: UnitOfWork,
        now: Callable[[], datetime],
        counting: Counting,
        on_registration: Callable[[str, Registration], None] = lambda agent, registration: None,
    ) -> None:
        self._on_registration = on_registration
        self._gateway = gateway
        self._uow = uow
        self._now = now
        self._counting = counting

    def register(self, agent: str, registration: Registration) -> Welcome:
        welcome = self._gateway.register(agent, registration)
        self._on_registration(agent, registration)
        return welcome

    def fetch(self, agent: str, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone]:
        return self._gateway.fetch(agent, load_balancer_ids)

    def assignments(self, agent: str) -> dict[str, int]:
        return self._gateway.assignments(agent)

    def secrets(
        self, agent: str, load_balancer_id: str, references: Sequence[SecretReference]
    ) -> dict[str, SecretBytes]:
        return self._gateway.secrets(agent, load_balancer_id, references)

    def health(self, agent: str, healths: Sequence[Health]) -> None:
        self._gateway.health(agent, healths)

    def events(self, agent: str, events: Sequence[HostEvent]) -> None:
        self._gateway.events(agent, events)

    def report(self, agent: str, report: Report) -> None:
        pending = self._pending(agent, report) if report.outcome is not Outcome.RETRY else []
        self._gateway.report(agent, report)
        now = self._now()
        for labels, since in pending:
            if report.outcome is Outcome.DONE:
                self._counting.observe("change_duration_seconds", labels, max(0.0, (now - since).total_seconds()))
            else:
                self._counting.add("change_failures_total", labels)

    def _pending(self, agent: str, report: Report) -> list[tuple[tuple[str, str], datetime]]:
        try:
            tree = self._uow.look(lambda transaction: transaction.tree(report.load_balancer_id))
        except StoreUnavailable:  # which the report itself is going to say
            return []
        if tree is None or tree.placement_of(agent) is None or report.generation > tree.generation:
            return []
        return list(pending_of(tree, report.generation))
