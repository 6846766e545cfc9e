"""The numbers of this host's agent: asked for on the bus when somebody wants to see them, and shown with the names that
the database has for what the agent knows by ids only."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from evenload.interfaces.store import Transaction
from evenload.main.metrics.catalogue import CODES, LISTENER_ROWS, MEMBER_ROWS, POOL_ROWS, Metric
from evenload.main.metrics.exposition import Series, render_labels
from evenload.model.enums import Kind
from evenload.model.numbers import AgentNumbers, Row
from evenload.model.registration import COUNTS_NOTHING, Registration

_log = structlog.get_logger(__name__)

PATIENCE = 3.0
"""Seconds that an answer may take; Prometheus waits for ten."""
Names = Mapping[Kind, Mapping[str, tuple[str, str]]]
"""By kind and id: name and project."""


class AgentAnswers:
    """``name``: of this host's agent; ``ask``: False where nobody will answer. May be used from any thread."""

    def __init__(self, name: str, ask: Callable[[], bool]) -> None:
        self.name = name
        self._ask = ask
        self._news = threading.Condition()
        self._turn = threading.Lock()
        self._answer: AgentNumbers | None = None
        self.counts_nothing = False

    def note_registration(self, agent: str, registration: Registration) -> None:
        """On each connection of the agent's."""
        former, self.counts_nothing = self.counts_nothing, COUNTS_NOTHING in registration.features
        if self.counts_nothing and not former:
            _log.warning(
                "the agent counts nothing, so /metrics lacks its numbers: its settings have no [server] metrics_port",
                agent=agent,
            )

    def note(self, agent: str, numbers: AgentNumbers) -> None:
        """``agent``: who speaks, as the transport knows; there is one."""
        del agent
        with self._news:
            self._answer = numbers
            self._news.notify_all()

    def fetch(self) -> AgentNumbers | None:
        """What it says now; None where it does not answer, at once where it counts nothing. One question at a time."""
        if self.counts_nothing:
            return None
        with self._turn:
            with self._news:
                self._answer = None
            if not self._ask():
                return None
            with self._news:
                self._news.wait_for(lambda: self._answer is not None, PATIENCE)
                answer, self._answer = self._answer, None
                return answer


def read_names(transaction: Transaction, rows: Sequence[Row]) -> Names:
    wanted: dict[Kind, set[str]] = {
        Kind.LOAD_BALANCER: set(),
        Kind.LISTENER: set(),
        Kind.POOL: set(),
        Kind.MEMBER: set(),
    }
    for row in rows:
        wanted[Kind.LOAD_BALANCER].add(row.load_balancer_id)
        wanted[row.kind].add(row.id)
        if row.pool_id:
            wanted[Kind.POOL].add(row.pool_id)
    return {kind: transaction.names(kind, identifiers) for kind, identifiers in wanted.items()}


def series_of_rows(agent: str, rows: Sequence[Row], names: Names) -> Iterator[tuple[Metric, Iterator[Series]]]:
    """What the database does not know any more is left out."""
    for kind, metrics in ((Kind.LISTENER, LISTENER_ROWS), (Kind.POOL, POOL_ROWS), (Kind.MEMBER, MEMBER_ROWS)):
        labelled = [
            (row, render_labels(metrics["up"].labels, labels))
            for row in rows
            if row.kind is kind and (labels := _labels(agent, row, names))
        ]
        for name, metric in metrics.items():
            if name == "responses":
                yield metric, _responses(labelled)
            else:
                yield metric, ((labels, (row.values[name],)) for row, labels in labelled if name in row.values)


def _responses(labelled: Sequence[tuple[Row, str]]) -> Iterator[Series]:
    for row, labels in labelled:
        for code, number in zip(CODES, row.responses, strict=False):
            yield f'{labels},code="{code}"', (number,)


def _labels(agent: str, row: Row, names: Names) -> tuple[str, ...]:
    balancer = names[Kind.LOAD_BALANCER].get(row.load_balancer_id)
    own = names[row.kind].get(row.id)
    if balancer is None or own is None:
        return ()
    pool = (row.pool_id, names[Kind.POOL].get(row.pool_id, ("", ""))[0]) if row.pool_id else ()
    return (agent, balancer[1], row.load_balancer_id, balancer[0], *pool, row.id, own[0])
