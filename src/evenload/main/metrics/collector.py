"""All numbers at one moment: what the server's processes have counted, what the database says, what the agent says."""

import mmap
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from evenload.interfaces.store import UnitOfWork
from evenload.main.metrics.agents import AgentAnswers, read_names, series_of_rows
from evenload.main.metrics.catalogue import AGENT, SERVER, Kind, Metric
from evenload.main.metrics.certificates import Certificates
from evenload.main.metrics.exposition import Value, render, render_values, summed
from evenload.main.metrics.overview import read_overview
from evenload.model.errors import StoreUnavailable
from evenload.model.numbers import AgentNumbers
from evenload.tally import read_tally

_log = structlog.get_logger(__name__)

_OF_AGENT = {metric.name: metric for metric in SERVER if metric.name in ("agent_answers", "agent_counts_nothing")}
"""What the server says of the agent's numbers."""


@dataclass(frozen=True, slots=True)
class Build:
    version: str
    database: str


class Numbers:
    """``tallies``: those of all processes of the server. May be used from any thread."""

    def __init__(
        self,
        build: Build,
        tallies: Sequence[mmap.mmap],
        uow: UnitOfWork,
        agent: AgentAnswers,
        monotonic: Callable[[], float],
    ) -> None:
        self._build = build
        self._tallies = tallies
        self._uow = uow
        self._agent = agent
        self._certificates = Certificates(uow, monotonic)

    def render(self) -> Iterator[str]:
        """As Prometheus reads it, one metric after the other, so that not all are in memory at once."""
        yield from self._of_server()
        yield from self._of_agent()

    def _of_server(self) -> Iterator[str]:
        values: defaultdict[str, list[Value]] = defaultdict(list)
        for memory in self._tallies:
            for sample in read_tally(memory):
                values[sample.name].append((sample.labels, sample.values))
        found: dict[str, list[Value]] = {name: list(summed(each)) for name, each in values.items()}
        found["build_info"] = [((self._build.version, platform.python_version(), self._build.database), (1.0,))]
        found["server_workers"] = [((), (float(len(self._tallies)),))]
        try:
            with self._uow.read() as transaction:
                found |= read_overview(transaction)
            certificates, left_out = self._certificates.values()
            found["tls_certificate_not_after_seconds"] = certificates
            found["tls_certificates_left_out"] = [((), (float(left_out),))]
        except StoreUnavailable as error:
            _log.warning("metrics cannot be read", reason=str(error))
        for metric in SERVER:
            if metric.name not in _OF_AGENT:
                yield _rendered(metric, found.get(metric.name, ()))

    def _of_agent(self) -> Iterator[str]:
        agent, counts_nothing, numbers = self._agent.name, self._agent.counts_nothing, self._agent.fetch()
        yield render_values(_OF_AGENT["agent_counts_nothing"], [((agent,), (float(counts_nothing),))])
        if not counts_nothing:
            yield render_values(_OF_AGENT["agent_answers"], [((agent,), (float(numbers is not None),))])
        if numbers is None:
            return
        for metric in AGENT:
            yield _rendered(metric, _values_of(agent, numbers, metric))
        try:
            with self._uow.read() as transaction:
                names = read_names(transaction, numbers.rows)
        except StoreUnavailable as error:
            _log.warning("metrics cannot be read", reason=str(error))
            return
        for metric, series in series_of_rows(agent, numbers.rows, names):
            yield render(metric, series)


def _rendered(metric: Metric, values: Sequence[Value]) -> str:
    """A counter without labels is there from the beginning, so that its first step is seen."""
    if not values and not metric.labels and metric.kind is Kind.COUNTER:
        values = [((), (0.0,))]
    return render_values(metric, values)


def _values_of(agent: str, numbers: AgentNumbers, metric: Metric) -> list[Value]:
    if metric.name == "agent_info":
        return [((agent, numbers.version), (1.0,))]
    if metric.name == "agent_objects_left_out":
        return [((agent, kind.value), (float(number),)) for kind, number in numbers.left_out.items()]
    name = metric.name.removeprefix("agent_")
    found = [((agent, *each.labels), each.values) for each in numbers.counted if each.name == name]
    bare = metric.kind is Kind.COUNTER and len(metric.labels) == 1
    return found or ([((agent,), (0.0,))] if bare else [])
