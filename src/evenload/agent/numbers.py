"""What an agent says when it is asked for numbers: what it has counted, what it has in mind, and what HAProxy says.

HAProxy is not asked for it: ``answers`` has what monitoring was told. Where there are more listeners, pools and members
than an operator wants, listeners come first, then pools, then members, each in the order of their load balancers' ids:
always the same ones.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from evenload.agent.memory import Memories, Memory
from evenload.model.desired import Desired
from evenload.model.enums import Kind
from evenload.model.numbers import AgentNumbers, Counted, Row
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_monitors import serves

_FRONTEND, _BACKEND = "FRONTEND", "BACKEND"
_RESPONSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")
_KINDS = (Kind.LISTENER, Kind.POOL, Kind.MEMBER)
_UP = ("UP", "OPEN", "no check", "DRAIN", "NOLB")
"""HAProxy's words for what takes requests, or at least those that go on."""


class SaidNumbers(Protocol):
    """Of one proxy or server. ``totals`` since the agent began; ``status``: HAProxy's word."""

    @property
    def totals(self) -> Mapping[str, float]: ...
    @property
    def moment(self) -> Mapping[str, float]: ...
    @property
    def status(self) -> str: ...


class Answers(Protocol):
    """What HAProxies have answered monitoring."""

    def keep(self, load_balancer_ids: set[str]) -> None:
        """Forgets the others."""

    def read(self, load_balancer_id: str, first_own: int | None) -> Mapping[tuple[str, str], SaidNumbers]:
        """By proxy and server. ``first_own``: see ``memory.Serving``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``counted``: what this process has counted; ``most``: rows.
    ``answered_at``: when the server last did, in seconds since 1970."""

    version: str
    answers: Answers
    most: int
    counted: Callable[[], Iterable[Counted]]
    answered_at: Callable[[], float | None]


def gather(
    sources: Sources,
    memories: Memories,
    *,
    queued: Mapping[str, int],
    running: int,
    spares: int,
    workers: Callable[[str], int],
) -> AgentNumbers:
    """``queued``: rounds that are due, by lane. ``workers``: how many processes of a load balancer answer."""
    everything = sorted(memories.all(), key=lambda memory: memory.load_balancer_id)
    sources.answers.keep({memory.load_balancer_id for memory in everything})
    found: dict[Kind, list[Row]] = {kind: [] for kind in _KINDS}
    for memory in everything:
        serving = memory.host.serving
        if serving is not None:
            said = sources.answers.read(memory.load_balancer_id, serving.first_own)
            for row in rows_of(serving.desired, said):
                found[row.kind].append(row)
    rows = [row for kind in _KINDS for row in found[kind]]
    shown = rows[: sources.most]
    left_out = Counter(row.kind for row in rows[sources.most :])
    counted = [
        *sources.counted(),
        *_of_memories(everything, workers),
        *(Counted("rounds_queued", (lane,), (float(number),)) for lane, number in queued.items()),
        Counted("rounds_running", (), (float(running),)),
        Counted("haproxy_spares", (), (float(spares),)),
    ]
    answered_at = sources.answered_at()
    if answered_at is not None:
        counted.append(Counted("server_answer_timestamp_seconds", (), (answered_at,)))
    return AgentNumbers(
        version=sources.version,
        counted=tuple(counted),
        rows=tuple(shown),
        left_out={kind: left_out[kind] for kind in _KINDS},
    )


def _of_memories(memories: Sequence[Memory], workers: Callable[[str], int]) -> Iterator[Counted]:
    states = {"served": 0, "idle": 0, "troubled": 0, "held_back": 0}
    finishing = probes = 0
    for memory in memories:
        probes += len(memory.probes.targets)
        serving = memory.host.serving
        if serving is not None:
            finishing += max(0, workers(memory.load_balancer_id) - (serving.worker is not None))
        states[_state_of(memory)] += 1
    for state, number in states.items():
        yield Counted("load_balancers_here", (state,), (float(number),))
    yield Counted("haproxy_finishing", (), (float(finishing),))
    yield Counted("probes", (), (float(probes),))


def _state_of(memory: Memory) -> str:
    if memory.desired.held_back:
        return "held_back"
    if memory.troubled:
        return "troubled"
    serving = memory.host.serving
    return "served" if serving is not None and serving.worker is not None else "idle"


def rows_of(desired: Desired, said: Mapping[tuple[str, str], SaidNumbers]) -> Iterator[Row]:
    """Of each listener, pool and member of which HAProxy says something. A pool may stand in several backends."""
    places: dict[tuple[str, str], list[SaidNumbers]] = {}
    for (proxy, server), numbers in said.items():
        if serves(proxy):
            places.setdefault((pool_of(proxy), server), []).append(numbers)
    for listener in desired.listeners:
        if (listener.id, _FRONTEND) in places:
            served = desired.load_balancer.admin_state_up and listener.admin_state_up
            yield _row(desired.id, Kind.LISTENER, listener.id, places[listener.id, _FRONTEND], enabled=served)
    for pool in desired.pools:
        if (pool.id, _BACKEND) not in places:
            continue
        members = desired.members_of(pool.id)
        some = any(member.admin_state_up for member in members)
        yield _row(desired.id, Kind.POOL, pool.id, places[pool.id, _BACKEND], enabled=some)
        for member in members:
            if (pool.id, member.id) in places:
                said_of = places[pool.id, member.id]
                yield _row(desired.id, Kind.MEMBER, member.id, said_of, pool.id, enabled=member.admin_state_up)


def _row(
    load_balancer_id: str, kind: Kind, identifier: str, said: Sequence[SaidNumbers], pool_id: str = "", *, enabled: bool
) -> Row:
    """Of what is disabled nobody says whether it is up."""
    values: dict[str, float] = {}
    for numbers in said:
        for name, value in (*numbers.totals.items(), *numbers.moment.items()):
            values[name] = (
                max(values.get(name, 0.0), value) if name == "check_seconds" else values.get(name, 0.0) + value
            )
    responses = tuple(values.pop(name, 0.0) for name in _RESPONSES) if "1xx" in values else ()
    if enabled:
        values["up"] = float(any(numbers.status.startswith(_UP) for numbers in said))
    return Row(load_balancer_id, kind, identifier, values, responses, pool_id)
