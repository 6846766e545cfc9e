"""What the agent has in mind of its load balancers, for people who look. Pure; nobody asks HAProxy for it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from evenload.agent.memory import Memory
from evenload.agent.trail import Seen
from evenload.agent.verdicts import verdicts_of_checks
from evenload.model.desired import Desired, ProxyStatistics
from evenload.model.enums import OperatingStatus
from evenload.model.sight import Flow, SeenBalancer, SeenCheck, SeenMember, SeenParts
from evenload.model.verdict import Verdict
from evenload.render.haproxy_groups import choose_groups, pool_of
from evenload.render.haproxy_monitors import serves


def describe(memory: Memory, seen: Seen | None, *, whole: bool) -> SeenBalancer:
    """``whole``: with its parts."""
    serving = memory.host.serving
    desired = None if serving is None else serving.desired
    told: dict[str, Any] = {
        "id": memory.load_balancer_id,
        "generation": None if desired is None else desired.generation,
        "pid": memory.process.pid,
        "worker": None if serving is None else serving.worker,
        "failures": memory.host.failures,
        "reason": memory.host.reason if memory.host.failures else None,
    }
    if desired is None or serving is None or seen is None:
        return SeenBalancer(**told)
    listeners = seen.flows_of_listeners([listener.id for listener in desired.listeners])
    statuses, reasons = seen.judged.statuses, seen.judged.reasons
    status = statuses.get(desired.id)
    members = Counter([found.value for member in desired.members if (found := statuses.get(member.id)) is not None])
    return SeenBalancer(
        **told,
        answers=None if serving.worker is None else seen.answered,
        status=None if status is None else status.value,
        why=reasons.get(desired.id),
        flow=sum_of(listeners.values()),
        members=dict(sorted(members.items())),
        down=_first_down(desired, seen) if members["ERROR"] else None,
        parts=_parts(desired, seen, listeners) if whole else None,
    )


def _first_down(desired: Desired, seen: Seen) -> tuple[str, str | None] | None:
    statuses, reasons = seen.judged.statuses, seen.judged.reasons
    down = (member.id for member in desired.members if statuses.get(member.id) is OperatingStatus.ERROR)
    return next(((identifier, reasons.get(identifier)) for identifier in down), None)


def sum_of(flows: Collection[Flow]) -> Flow:
    if len(flows) == 1:
        return next(iter(flows))
    return Flow(
        connections=sum(each.connections for each in flows),
        total=sum(each.total for each in flows),
        errors=sum(each.errors for each in flows),
        per_second=_sum(each.per_second for each in flows),
        bytes_in=_sum(each.bytes_in for each in flows),
        bytes_out=_sum(each.bytes_out for each in flows),
    )


def _sum(rates: Iterable[float | None]) -> float | None:
    """None where none is known."""
    found = [rate for rate in rates if rate is not None]
    return sum(found) if found else None


def _parts(desired: Desired, seen: Seen, listeners: dict[str, Flow]) -> SeenParts:
    flows = seen.flows_of_members()
    rows = {(pool_of(row.proxy), row.server): row for row in seen.rows if serves(row.proxy)}
    verdicts = {**verdicts_of_checks(desired, seen.rows), **seen.verdicts}
    checks: dict[str, list[SeenCheck]] = {}
    for verdict in verdicts.values():
        checks.setdefault(verdict.member, []).append(_check(verdict))
    members = {
        member.id: _member(rows.get((pool_id, member.id)), flows.get((pool_id, member.id)), checks.get(member.id, ()))
        for pool_id in _pools(desired)
        for member in desired.members_of(pool_id)
    }
    return SeenParts(
        statuses={key: status.value for key, status in seen.judged.statuses.items()},
        reasons=dict(seen.judged.reasons),
        listeners=listeners,
        members=members,
        finishing=max(0, seen.workers - 1),
    )


def _pools(desired: Desired) -> Iterator[str]:
    """Those that requests come to."""
    yield from dict.fromkeys(group.pool.id for group in choose_groups(desired))


def _member(row: ProxyStatistics | None, flow: Flow | None, checks: Collection[SeenCheck]) -> SeenMember:
    return SeenMember(
        words=None if row is None else row.status,
        since=None if row is None else row.when,
        flow=flow or Flow(),
        checks=tuple(sorted(checks, key=lambda check: check.monitor)),
    )


def _check(verdict: Verdict) -> SeenCheck:
    return SeenCheck(
        monitor=verdict.monitor,
        up=verdict.up,
        reason=verdict.reason,
        latency=verdict.latency,
        when=verdict.when,
    )
