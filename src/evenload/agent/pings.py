"""Members under a PING monitor: whom to ping, and what to tell HAProxy of the answers. Pure; ``reconcile`` calls it.

HAProxy makes no check of such members: what the agent's own pings say is put into its server table, and said again to
every new process.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from evenload.agent.memory import ServerKey
from evenload.model.desired import Desired, PingTarget
from evenload.model.enums import MonitorType
from evenload.render.haproxy_groups import choose_groups, pool_of
from evenload.render.runtime_commands import set_health

_SHORTEST_DELAY = 1
"""Seconds between two pings where the wish says 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictPlan:
    """``commands`` for HAProxy; ``told`` and ``down`` as they are after them (see ``Memory``)."""

    commands: tuple[str, ...]
    told: dict[ServerKey, bool]
    down: set[ServerKey]


def choose_ping_targets(desired: Desired) -> tuple[PingTarget, ...]:
    """One per member and backend that it is in; only members to which connections can come."""
    found = []
    for group in choose_groups(desired):
        monitor = desired.monitor_of(group.pool.id)
        if monitor is None or not monitor.admin_state_up or monitor.type is not MonitorType.PING:
            continue
        delay = max(monitor.delay, _SHORTEST_DELAY)
        found += [
            PingTarget(
                backend=group.name,
                server=member.id,
                address=member.monitor_address or member.address,
                delay=delay,
                timeout=monitor.timeout or delay,
                rise=monitor.rise,
                fall=monitor.fall,
            )
            for member in desired.members_of(group.pool.id)
            if member.admin_state_up
        ]
    return tuple(found)


def plan_verdicts(
    desired: Desired,
    servers: Iterable[ServerKey],
    verdicts: Mapping[ServerKey, bool],
    told: Mapping[ServerKey, bool],
    down: Collection[ServerKey],
) -> VerdictPlan:
    """``servers``: those of the running process. A member that is no longer pinged counts as up again, unless checks
    of another kind now judge it."""
    pinged = {(target.backend, target.server) for target in choose_ping_targets(desired)}
    commands: list[str] = []
    now_told: dict[ServerKey, bool] = {}
    now_down: set[ServerKey] = set()
    for key in servers:
        backend, server = key
        if key in pinged:
            verdict = verdicts.get(key)
            if verdict is not None:
                if told.get(key) is not verdict:
                    commands.append(set_health(backend, server, up=verdict))
                now_told[key] = verdict
            if verdict is False or (verdict is None and key in down):
                now_down.add(key)
        elif key in down and not checked(desired, backend):
            commands.append(set_health(backend, server, up=True))
    return VerdictPlan(commands=tuple(commands), told=now_told, down=now_down)


def checked(desired: Desired, backend: str) -> bool:
    """Whether HAProxy itself checks the members of that backend."""
    monitor = desired.monitor_of(pool_of(backend))
    return monitor is not None and monitor.admin_state_up and monitor.type is not MonitorType.PING
