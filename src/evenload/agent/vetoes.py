"""Members under several monitors: what those say that HAProxy does not ask by the member's own servers, and what has
to be told to it of that. Pure; ``reconcile`` tells it, ``monitoring`` notices that there is something to tell.

HAProxy itself shows which vetoes it knows of, so that nothing is remembered here: a new process, an adopted one and
one that somebody meddled with are brought to the same. Which monitor is checked where: ``render/haproxy_monitors``.
"""

from collections.abc import Iterable, Mapping, Sequence

from evenload.agent.memory import CheckKey, ServerKey
from evenload.model.balancer import Member
from evenload.model.desired import Desired, ProxyStatistics
from evenload.render.haproxy_groups import choose_groups
from evenload.render.haproxy_monitors import Monitors, check_backend, choose_monitors
from evenload.render.runtime_commands import enable_veto, set_veto


def vetoes_are_possible(desired: Desired) -> bool:
    return any(choose_monitors(desired, group.pool.id).vetoing for group in choose_groups(desired))


def plan_vetoes(
    desired: Desired, rows: Sequence[ProxyStatistics], verdicts: Mapping[CheckKey, bool]
) -> tuple[str, ...]:
    """Commands for HAProxy. ``rows``: of the worker that serves; ``verdicts``: of the agent's own pings."""
    if not vetoes_are_possible(desired):
        return ()
    found = rows_by_server(rows)
    commands: list[str] = []
    for group in choose_groups(desired):
        monitors = choose_monitors(desired, group.pool.id)
        if not monitors.vetoing:
            continue
        for member in desired.members_of(group.pool.id):
            row = found.get((group.name, member.id))
            if row is not None:
                commands += _plan_veto(row, agreed(words_of(member, monitors, found, verdicts)))
    return tuple(commands)


def words_of(
    member: Member, monitors: Monitors, rows: Mapping[ServerKey, ProxyStatistics], verdicts: Mapping[CheckKey, bool]
) -> list[bool | None]:
    """What each of the vetoing monitors says of a member, None while it has said nothing. A disabled member is asked
    nothing, and nothing is held against it."""
    if not member.admin_state_up:
        return []
    seen = [rows.get((check_backend(monitor), member.id)) for monitor in monitors.further]
    checked = [row.passing if row is not None else None for row in seen]
    pinged = [verdicts.get((monitor.id, member.id)) for monitor in monitors.pinged]
    return [*checked, *pinged]


def agreed(words: Iterable[bool | None]) -> bool | None:
    """True where all say so, False where one does not, else None."""
    said = list(words)
    if False in said:
        return False
    return None if None in said else True


def rows_by_server(rows: Iterable[ProxyStatistics]) -> dict[ServerKey, ProxyStatistics]:
    return {(row.proxy, row.server): row for row in rows}


def _plan_veto(row: ProxyStatistics, up: bool | None) -> list[str]:
    """``up`` None: what HAProxy was told before stands. A veto is lifted only where the member's own checks pass; until
    then they keep it down anyhow."""
    if up is None or row.vetoed is (not up) or (up and row.passing is False):
        return []
    meddled = [enable_veto(row.proxy, row.server)] if row.vetoed is None else []
    return [*meddled, set_veto(row.proxy, row.server, vetoed=not up)]
