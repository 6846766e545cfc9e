"""From HAProxy's statistics and the verdicts of the agent's own probes to the operating statuses of all objects. Pure.

The document is the one that was applied, so that rows and objects belong together. What each status means follows
Octavia (its table of operating statuses); health monitors are not here, their status follows from the desired state
alone and is the server's to tell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evenload.agent.verdicts import verdicts_of_checks
from evenload.model.balancer import Listener, Member, Pool
from evenload.model.desired import Desired, ProxyStatistics
from evenload.model.enums import OperatingStatus
from evenload.model.reach import ways_from
from evenload.model.verdict import Verdict, Verdicts, agreement
from evenload.render.haproxy_groups import choose_groups, pool_of
from evenload.render.haproxy_monitors import Monitors, choose_monitors, serves

_BACKEND, _FRONTEND = "BACKEND", "FRONTEND"
_WORST_FIRST = (
    OperatingStatus.ERROR,
    OperatingStatus.ONLINE,
    OperatingStatus.DRAINING,
    OperatingStatus.OFFLINE,
    OperatingStatus.NO_MONITOR,
)
_NOT_WELL = (OperatingStatus.ERROR, OperatingStatus.DEGRADED)
_OF_LISTENERS = {
    OperatingStatus.ERROR: "nobody listens at its port at present",
    OperatingStatus.DEGRADED: "it has as many connections as it may have",
}
NO_WAY = "no way leads to its address from the subnets of the VIP"
_REACHED = (OperatingStatus.ONLINE, OperatingStatus.NO_MONITOR, OperatingStatus.DRAINING)
"""Of a member to which nothing leads from the VIP's subnets none may be said: without a monitor nobody would notice."""
Statuses = dict[str, OperatingStatus]
Reasons = dict[str, str]
ServerKey = tuple[str, str]
"""Pool, or listener, and server."""


@dataclass(frozen=True, slots=True)
class Judged:
    """By object id. ``reasons``: of those that are not well, in words for their owner."""

    statuses: Statuses
    reasons: Reasons


def judge(desired: Desired, rows: Sequence[ProxyStatistics], probed: Verdicts) -> Judged:
    """Of the load balancer, its listeners, pools and members. ``rows``: of the worker that accepts connections, none
    where it is dead. ``probed``: verdicts of the agent's own probes. Missing in the answer: members that nobody has
    judged yet.
    """
    servers: dict[ServerKey, list[ProxyStatistics]] = {}
    for row in rows:
        if serves(row.proxy):
            servers.setdefault((pool_of(row.proxy), row.server), []).append(row)
    found: Statuses = {}
    reasons: Reasons = {}
    for listener in desired.listeners:
        found[listener.id] = status = _listener(desired, listener, servers.get((listener.id, _FRONTEND), ()))
        if status in _OF_LISTENERS:
            reasons[listener.id] = _OF_LISTENERS[status]
    served = {group.pool.id for group in choose_groups(desired)}
    verdicts = {**verdicts_of_checks(desired, rows), **probed}
    leads = ways_from(desired.port)
    for pool in desired.pools:
        monitors = choose_monitors(desired, pool.id)
        for member in desired.members_of(pool.id):
            up = agreement(verdicts.get((monitor.id, member.id)) for monitor in monitors.enabled)
            own = servers.get((pool.id, member.id), ())
            seen = _member(desired, member, pool.id in served, own, monitors, up)
            lost = seen in _REACHED and not leads(member.address)
            if lost:
                found[member.id], reasons[member.id] = OperatingStatus.ERROR, NO_WAY
            elif seen is not None:
                found[member.id] = seen
            if seen is OperatingStatus.ERROR:
                failed = (verdicts.get((monitor.id, member.id)) for monitor in monitors.enabled)
                reasons[member.id] = _why_down(failed)
        backends = servers.get((pool.id, _BACKEND), ())
        found[pool.id] = _pool(desired, pool, pool.id in served, backends, found)
        if found[pool.id] in _NOT_WELL:
            down = sum(found.get(member.id) is OperatingStatus.ERROR for member in desired.members_of(pool.id))
            reasons[pool.id] = _why_pool(desired, pool, down)
    found[desired.id] = _load_balancer(desired, found)
    if found[desired.id] in _NOT_WELL:
        reasons[desired.id] = _why_balancer(desired, found)
    return Judged(found, reasons)


def _why_down(verdicts: Iterable[Verdict | None]) -> str:
    """What the checks say that find it down."""
    said = (each.reason or "a check failed" for each in verdicts if each is not None and not each.up)
    return "; ".join(dict.fromkeys(said)) or "a check failed"


def _why_pool(desired: Desired, pool: Pool, down: int) -> str:
    members = len(desired.members_of(pool.id))
    if not down:
        return "it is not served" if members else "it has no members"
    return f"{down} of {members} members {'is' if down == 1 else 'are'} down"


def _why_balancer(desired: Desired, found: Statuses) -> str:
    parts = []
    for word, children in (("listeners", desired.listeners), ("pools", desired.pools)):
        ill = sum(found.get(child.id) in _NOT_WELL for child in children)
        if ill:
            parts.append(f"{ill} of {len(children)} {word} {'is' if ill == 1 else 'are'} not well")
    return ", ".join(parts)


def _listener(desired: Desired, listener: Listener, rows: Iterable[ProxyStatistics]) -> OperatingStatus:
    """``rows``: of its frontend, none or one."""
    if not (desired.load_balancer.admin_state_up and listener.admin_state_up):
        return OperatingStatus.OFFLINE
    front = next(iter(rows), None)
    if front is None or front.status == "STOP":
        return OperatingStatus.ERROR
    if front.status == "FULL" or (front.limit and front.statistics.active_connections >= front.limit):
        return OperatingStatus.DEGRADED
    return OperatingStatus.ONLINE


def _member(
    desired: Desired,
    member: Member,
    served: bool,
    rows: Iterable[ProxyStatistics],
    monitors: Monitors,
    up: bool | None,
) -> OperatingStatus | None:
    """``rows``: of the member in all backends of its pool; ``up``: what all its monitors agree on."""
    if not (member.admin_state_up and desired.load_balancer.admin_state_up):
        return OperatingStatus.OFFLINE
    if not served:
        return OperatingStatus.OFFLINE if monitors.any else OperatingStatus.NO_MONITOR
    if up is False:
        return OperatingStatus.ERROR
    if monitors.any and monitors.native is None:
        # Until the first verdict of an agent that has just started, what its predecessor has put into HAProxy stands.
        holds_down = any(row.status.startswith("DOWN") for row in rows)
        if up is None and holds_down:
            return OperatingStatus.ERROR
        return None if up is None else _draining(member, OperatingStatus.ONLINE)
    reported = {_status(row.status, member) for row in rows}
    status = next((each for each in _WORST_FIRST if each in reported), None)
    # Right after a monitor was taken away or added, the row may still speak of the former state.
    if status is OperatingStatus.NO_MONITOR and monitors.any:
        return None
    return status


def _status(word: str, member: Member) -> OperatingStatus:
    """HAProxy's word for a server: "UP", "UP 1/3", "DOWN 1/2", "DRAIN", "NOLB", "MAINT (via …)", "no check"."""
    if word.startswith("DOWN"):
        return OperatingStatus.ERROR
    if word.startswith("MAINT"):
        return OperatingStatus.OFFLINE
    if word.startswith(("DRAIN", "NOLB")):
        return OperatingStatus.DRAINING
    return _draining(member, OperatingStatus.NO_MONITOR if word == "no check" else OperatingStatus.ONLINE)


def _draining(member: Member, otherwise: OperatingStatus) -> OperatingStatus:
    return OperatingStatus.DRAINING if member.weight == 0 else otherwise


def _pool(
    desired: Desired, pool: Pool, served: bool, backends: Sequence[ProxyStatistics], found: Statuses
) -> OperatingStatus:
    if not served:
        return OperatingStatus.OFFLINE
    if not backends or any(row.status.startswith("DOWN") for row in backends):
        return OperatingStatus.ERROR
    if any(found.get(member.id) is OperatingStatus.ERROR for member in desired.members_of(pool.id)):
        return OperatingStatus.DEGRADED
    return OperatingStatus.ONLINE


def _load_balancer(desired: Desired, found: Statuses) -> OperatingStatus:
    if not desired.load_balancer.admin_state_up:
        return OperatingStatus.OFFLINE
    children = [found.get(listener.id) for listener in desired.listeners]
    children += [found.get(pool.id) for pool in desired.pools]
    if OperatingStatus.ERROR in children:
        return OperatingStatus.ERROR
    if OperatingStatus.DEGRADED in children:
        return OperatingStatus.DEGRADED
    return OperatingStatus.ONLINE
