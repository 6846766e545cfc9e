"""Which worker of a load balancer serves, which ones give way to a new one, and how. Pure: tables and choices."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from evenload.model.desired import ProxyStatistics

FEW_FINISHING = 4
"""Workers of one load balancer that may wait for the next look at their numbers. Where changes come faster, those
without a connection give them at once, and end."""
MANY_FINISHING = 16
"""Workers of one load balancer. From here on a further reload waits for a moment: those that lose their connections end
meanwhile, and what is asked for meanwhile is folded into that reload."""
FINISHING_AT_MOST = 128
"""3 MiB or more each: who changes a load balancer every second and keeps a connection open to each former worker must
not take the memory of the whole host. Those with the fewest connections give way."""
_FRONTEND = "FRONTEND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A living process. ``namespace``: the inode of the network namespace that it is in."""

    number: int
    pid: int
    start_time: int
    namespace: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is recorded of the current worker: ``text`` with its runtime changes folded in."""

    worker: int
    pid: int
    start_time: int
    text: str


class Answer(Enum):
    """What a living worker does when it is spoken to."""

    GIVEN = "given"
    REFUSED = "refused"
    """It is finishing: it has handed its listening sockets over, or closed them."""
    NO_SOCKET = "no socket"
    """Somebody removed the socket: the worker serves on, and cannot be spoken to."""
    SILENT = "silent"
    """It takes the conversation and says nothing: it hangs."""


@dataclass(frozen=True, slots=True)
class Handover:
    """How a worker gives way. ``asked``: for its listening sockets; otherwise both share the ports for a moment.
    ``ended``: as soon as the new one listens."""

    asked: bool
    ended: bool


HANDOVERS: Mapping[Answer, Handover] = {
    Answer.GIVEN: Handover(asked=True, ended=False),
    Answer.NO_SOCKET: Handover(asked=False, ended=False),
    Answer.REFUSED: Handover(asked=False, ended=True),
    Answer.SILENT: Handover(asked=False, ended=True),
}
"""One that hangs would keep its connections, and the new ones that the kernel gives it, for ever. One that only lost
its socket finishes what it has. Nobody took over from the newest worker: where it refuses, something is wrong with it.
"""


def choose_serving(living: Sequence[Worker], namespace: int | None) -> Worker | None:
    """The newest worker in the load balancer's present namespace. ``living``: the newest last."""
    inside = [worker for worker in living if namespace is not None and worker.namespace == namespace]
    return inside[-1] if inside else None


def outlives_start(answer: Answer | None) -> bool:
    """Whether a worker goes on beside one that is started without taking over from it. ``answer``: None where it was
    not asked, because it is in another namespace than its load balancer: there it serves nobody."""
    return answer is Answer.REFUSED


def choose_dead(numbers: Collection[int], starting: int | None, living: Iterable[Worker]) -> set[int]:
    """Of the workers that left files, those that are neither started just now nor alive."""
    return set(numbers) - {starting} - {worker.number for worker in living}


def are_many(living: Sequence[Worker]) -> bool:
    """Whether a further worker should wait for some of these to end."""
    return len(living) > MANY_FINISHING


def choose_surplus(living: Sequence[Worker], sockets: Mapping[int, int]) -> tuple[Worker, ...]:
    """Those that end before another one starts: with the fewest connections, among equals the oldest; never the newest,
    which serves. ``living``: the newest last. ``sockets``: how many each has open, by pid."""
    over = len(living) - FINISHING_AT_MOST
    if over <= 0:
        return ()
    return tuple(sorted(living[:-1], key=lambda worker: sockets.get(worker.pid, 0))[:over])


def text_of(worker: Worker, running: Running | None, started_with: str | None) -> str:
    """What the worker works by: as recorded, or, where the agent died before it could, as it was started."""
    if running is not None and (running.pid, running.start_time) == (worker.pid, worker.start_time):
        return running.text
    return started_with or ""


def connections_of(rows: Iterable[ProxyStatistics]) -> int:
    """How many connections of clients a worker has."""
    return sum(row.statistics.active_connections for row in rows if row.server == _FRONTEND)
