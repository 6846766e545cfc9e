"""The agent's server as a table: what is desired of each load balancer, and what the agent said."""

import threading
from collections.abc import Callable, Sequence

from evenload.model.desired import Desired, Gone, Health, Outcome, Report, Unreadable
from evenload.model.enums import OperatingStatus
from evenload.model.errors import SecretUnavailable, ServerUnavailable
from evenload.model.event import HostEvent
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference


class TableServer:
    """Fulfils Server. ``away``: it cannot be reached; ``deaf``: with health alone. ``unreadable``: what is answered
    instead of a document. ``on_fetch`` is called in the middle of each fetch."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.documents: dict[str, Desired | Gone] = {}
        self.unreadable: dict[str, Unreadable] = {}
        self.contents: dict[str, SecretBytes] = {}
        self.secrets_asked: list[SecretReference] = []
        self.reports: list[Report] = []
        self.heard: list[Health] = []
        self.happened: list[HostEvent] = []
        self.fetches = 0
        self.resyncs = 0
        """How often it was asked for the assignments, away or not."""
        self.fetch_calls = 0
        self.away = False
        self.deaf = False
        self.on_fetch: Callable[[], None] = lambda: None

    def put(self, desired: Desired | Gone) -> None:
        key = desired.id if isinstance(desired, Desired) else desired.load_balancer_id
        with self.lock:
            self.documents[key] = desired

    def forget(self, load_balancer_id: str) -> None:
        with self.lock:
            del self.documents[load_balancer_id]

    def register(self, registration: Registration) -> Welcome:
        del registration
        self._reach()
        return Welcome()

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        self._reach()
        found: dict[str, Desired | Gone | Unreadable] = {}
        with self.lock:
            self.fetches += len(load_balancer_ids)
            self.fetch_calls += 1
            for identifier in load_balancer_ids:
                answer = self.documents.get(identifier, Gone(load_balancer_id=identifier))
                found[identifier] = self.unreadable.get(identifier, answer)
        self.on_fetch()
        return found

    def assignments(self) -> dict[str, int]:
        with self.lock:  # at one moment: who has seen it counted knows that what comes later is not in it
            self.resyncs += 1
            found = {key: each.generation for key, each in self.documents.items() if each.generation is not None}
        self._reach()
        return found

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        del load_balancer_id
        self._reach()
        with self.lock:
            self.secrets_asked += references
            for reference in references:
                if reference.id not in self.contents:
                    raise SecretUnavailable(f"the secret {reference.id} is not here")
            return {each.fingerprint: self.contents[each.id] for each in references}

    def report(self, report: Report) -> None:
        self._reach()
        with self.lock:
            self.reports.append(report)
            gone = self.documents.get(report.load_balancer_id)
            if report.outcome is Outcome.DONE and isinstance(gone, Gone):
                del self.documents[report.load_balancer_id]

    def health(self, healths: Sequence[Health]) -> None:
        self._reach(deaf=self.deaf)
        with self.lock:
            self.heard += healths

    def events(self, events: Sequence[HostEvent]) -> None:
        self._reach()
        with self.lock:
            self.happened += events

    @property
    def events_told(self) -> list[tuple[str, str]]:
        """State and reason of each event, those in reports first."""
        with self.lock:
            events = [*(event for report in self.reports for event in report.events), *self.happened]
            return [(event.state, event.reason or "") for event in events]

    @property
    def outcomes(self) -> list[tuple[int, Outcome]]:
        return [(report.generation, report.outcome) for report in self.reports]

    @property
    def statuses(self) -> dict[str, OperatingStatus]:
        """The last ones heard, by object."""
        with self.lock:
            return {key: status for health in self.heard for key, status in health.statuses.items()}

    def _reach(self, *, deaf: bool = False) -> None:
        if self.away or deaf:
            raise ServerUnavailable("no route to the server")
