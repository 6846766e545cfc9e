"""Which load balancers have a HAProxy begun ahead of their next change. Pure.

Who has just changed a load balancer often changes it again within a minute: the listener follows the load balancer, a
pool follows the listener.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evenload.agent.memory import Memory
from evenload.agent.plan_haproxy import next_worker
from evenload.model.desired import Desired

AT_MOST = 4
LASTING = 60.0
NEXT_LASTING = 3600.0
"""Seconds after the last change on this host: who has made one load balancer may make another."""
QUIET = 0.2
"""Seconds. Load balancers that were changed but once are left alone until no other such change has come for so long: in
a row of creations none of them is changed again, and a spare costs as much as the start of the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """The start that it is for. ``pid``: of the process that it takes over from, None where none runs."""

    worker: int
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """``spare``: the one that it could have; None where it should have none."""

    load_balancer_id: str
    changed_at: float
    spare: Spare | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``due``: when to choose again, None: not before a change."""

    begin: Mapping[str, Spare]
    end: frozenset[str]
    due: float | None


def choose_spares(candidates: Iterable[Candidate], kept: Mapping[str, Spare], now: float) -> Choice:
    """Those changed last within ``LASTING`` have one. ``kept``: those begun before; a different one replaces it."""
    recent = [each for each in candidates if now - each.changed_at < LASTING]
    recent.sort(key=lambda each: each.changed_at, reverse=True)
    wanted = [(each, each.spare) for each in recent if each.spare is not None][:AT_MOST]
    quiet_at = max((each.changed_at + QUIET for each, spare in wanted if _is_first(spare)), default=now)
    missing = [
        (each.load_balancer_id, spare, quiet_at if _is_first(spare) else each.changed_at)
        for each, spare in wanted
        if kept.get(each.load_balancer_id) != spare
    ]
    begin = {load_balancer_id: spare for load_balancer_id, spare, ripe_at in missing if ripe_at <= now}
    moments = [each.changed_at + LASTING for each in recent]
    moments += [ripe_at for load_balancer_id, _, ripe_at in missing if load_balancer_id not in begin]
    end = frozenset(kept) - {each.load_balancer_id for each, _ in wanted}
    return Choice(begin=begin, end=end, due=min(moments, default=None))


def next_until(last_change: float | None, now: float) -> float | None:
    """Until when something stands ready for the next new load balancer; None where nothing shall."""
    if last_change is None or now - last_change >= NEXT_LASTING:
        return None
    return last_change + NEXT_LASTING


def kept_spares(host: Mapping[str, int], begun: Mapping[str, Spare]) -> dict[str, Spare]:
    """``host``: the load balancers that have a spare there, with the worker's number; ``begun``: those that were begun
    for a load balancer. What is left came with its namespace, and is for a start."""
    found = {}
    for load_balancer_id, worker in host.items():
        spare = begun.get(load_balancer_id)
        if spare is None or spare.worker != worker:
            spare = Spare(worker=worker, pid=None)
        found[load_balancer_id] = spare
    return found


def spare_of(memory: Memory) -> Spare | None:
    """None for one that is in trouble, being removed, or not built yet."""
    observed = memory.host.observed
    if memory.troubled or observed is None or not isinstance(memory.desired.document, Desired):
        return None
    if not (observed.state_directory and observed.network.namespace):
        return None
    process = observed.haproxy.process
    worker = next_worker(observed.haproxy, memory.process.worker)
    return Spare(worker=worker, pid=None if process is None else process.pid)


def _is_first(spare: Spare) -> bool:
    """Whether it follows the first change; one that has had two processes or more has been changed before."""
    return spare.worker <= 2
