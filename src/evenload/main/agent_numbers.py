"""What an agent counts, where [server] metrics_port says that somebody wants to see it; otherwise it counts nothing."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version

from evenload.agent.numbers import Sources
from evenload.bus.socket_client import SocketServer
from evenload.host.haproxy_answers import Answers
from evenload.host.haproxy_cuts import Cut
from evenload.main.memory import read_resident_bytes
from evenload.main.settings import Settings
from evenload.main.teller import Teller
from evenload.model.desired import Outcome
from evenload.model.numbers import AgentNumbers, Counted
from evenload.model.registration import COUNTS_NOTHING, FEATURES
from evenload.tally import UNCOUNTED, Counting, Tally
from evenload.threads import Faults

_FROM_ZERO = {
    "rounds_total": (*((outcome.value,) for outcome in Outcome), ("backoff",), ("nothing",)),
    "haproxy_starts_total": (("first",), ("died",), ("again",)),
    "haproxy_reloads_total": (("configuration",), ("refused",), ("unanswered",), ("crowded",)),
    "haproxy_launches_total": (("spare",), ("new",)),
    "cut_connections_total": tuple((cut.name.lower(),) for cut in Cut),
}
"""Counters that are there before the first of their kind: the step from nothing to 1 is seen by nobody."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """``sources``: None where nothing is counted."""

    counting: Counting = UNCOUNTED
    answers: Answers | None = None
    sources: Sources | None = None

    @property
    def features(self) -> frozenset[str]:
        """What the agent says of itself when it registers."""
        return FEATURES if self.sources is not None else FEATURES | {COUNTS_NOTHING}

    def teller(self, gather: Callable[[Sources], AgentNumbers], server: SocketServer, faults: Faults) -> Teller | None:
        sources = self.sources
        return None if sources is None else Teller(lambda: gather(sources), server.numbers, faults)


def open_numbers(settings: Settings, server: SocketServer) -> Numbers:
    if settings.server.metrics is None:
        return Numbers()
    tally, answers = Tally(), Answers()
    tally.begin(_FROM_ZERO)

    def counted() -> Iterable[Counted]:
        yield from (Counted(each.name, each.labels, each.values) for each in tally.read())
        yield Counted("cpu_seconds_total", (), (time.process_time(),))
        yield Counted("resident_memory_bytes", (), (float(read_resident_bytes()),))

    sources = Sources(
        version=version("evenload"),
        answers=answers,
        most=settings.agent.shown_objects,
        counted=counted,
        answered_at=lambda: server.answered_at,
    )
    return Numbers(tally, answers, sources)
