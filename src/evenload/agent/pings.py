"""Members under PING monitors: whom to ping, and what to tell HAProxy of the answers. Pure.

HAProxy makes no check of members that have no other monitors: what the agent's own pings say is put into its server
table, and repeated to every new process. Beside other monitors pings are but a veto (``vetoes``).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from evenload.agent.verdicts import ServerKey
from evenload.model.desired import Desired, PingTarget
from evenload.model.verdict import Verdicts, agreement
from evenload.render.haproxy_groups import choose_groups, pool_of
from evenload.render.haproxy_monitors import choose_monitors
from evenload.render.runtime_commands import set_health

_SHORTEST_DELAY = 1
"""Seconds between two pings where the desired state says 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictPlan:
    """``commands`` for HAProxy; ``applied`` and ``down`` as they are after them (see ``Memory``)."""

    commands: tuple[str, ...]
    applied: dict[ServerKey, bool]
    down: set[ServerKey]


def choose_ping_targets(desired: Desired) -> tuple[PingTarget, ...]:
    """One per member and PING monitor; only members to which connections can come."""
    served = dict.fromkeys(group.pool.id for group in choose_groups(desired))
    return tuple(
        PingTarget(
            monitor=monitor.id,
            member=member.id,
            address=member.monitor_address or member.address,
            delay=max(monitor.delay, _SHORTEST_DELAY),
            timeout=monitor.timeout or max(monitor.delay, _SHORTEST_DELAY),
            rise=monitor.rise,
            fall=monitor.fall,
        )
        for pool_id in served
        for monitor in choose_monitors(desired, pool_id).pinged
        for member in desired.members_of(pool_id)
        if member.admin_state_up
    )


def plan_verdicts(
    desired: Desired,
    servers: Iterable[ServerKey],
    verdicts: Verdicts,
    applied: Mapping[ServerKey, bool],
    down: Collection[ServerKey],
) -> VerdictPlan:
    """``servers``: those of the running process. A member that is no longer pinged counts as up again, unless checks
    of another kind now judge it."""
    pinged = _verdicts_by_server(desired, verdicts)
    commands: list[str] = []
    now_applied: dict[ServerKey, bool] = {}
    now_down: set[ServerKey] = set()
    for key in servers:
        backend, server = key
        if key in pinged:
            up = pinged[key]
            if up is not None:
                if applied.get(key) is not up:
                    commands.append(set_health(backend, server, up=up))
                now_applied[key] = up
            if up is False or (up is None and key in down):
                now_down.add(key)
        elif key in down and not _is_checked(desired, backend):
            commands.append(set_health(backend, server, up=True))
    return VerdictPlan(commands=tuple(commands), applied=now_applied, down=now_down)


def _verdicts_by_server(desired: Desired, verdicts: Verdicts) -> dict[ServerKey, bool | None]:
    """What all pings together say of each server that pings alone judge."""
    found = {}
    for group in choose_groups(desired):
        monitors = choose_monitors(desired, group.pool.id)
        if monitors.native is not None or not monitors.pinged:
            continue
        for member in desired.members_of(group.pool.id):
            if member.admin_state_up:
                probed = (verdicts.get((monitor.id, member.id)) for monitor in monitors.pinged)
                found[group.name, member.id] = agreement(probed)
    return found


def _is_checked(desired: Desired, backend: str) -> bool:
    """Whether HAProxy itself checks the members of that backend."""
    return choose_monitors(desired, pool_of(backend)).native is not None
