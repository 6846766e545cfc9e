"""Members under several monitors: what HAProxy has to be told of those that the pool's own servers do not check. Pure.

HAProxy itself shows which vetoes it knows of, so that nothing is remembered here: a new process, an adopted one and
one that somebody meddled with are brought to the same. Which monitor is checked where: ``render/haproxy_monitors``.
"""

from collections.abc import Sequence

from evenload.agent.verdicts import rows_by_server, verdicts_of_checks
from evenload.model.desired import Desired, ProxyStatistics
from evenload.model.verdict import Verdicts, agreement
from evenload.render.haproxy_groups import choose_groups
from evenload.render.haproxy_monitors import choose_monitors
from evenload.render.runtime_commands import enable_veto, set_veto


def vetoes_are_possible(desired: Desired) -> bool:
    return any(choose_monitors(desired, group.pool.id).vetoing for group in choose_groups(desired))


def plan_vetoes(desired: Desired, rows: Sequence[ProxyStatistics], probed: Verdicts) -> tuple[str, ...]:
    """Commands for HAProxy. ``rows``: of the worker that serves; ``probed``: verdicts of the agent's own probes.

    Nothing is held against a disabled member.
    """
    if not vetoes_are_possible(desired):
        return ()
    verdicts = {**verdicts_of_checks(desired, rows), **probed}
    servers = rows_by_server(rows)
    commands: list[str] = []
    for group in choose_groups(desired):
        vetoing = choose_monitors(desired, group.pool.id).vetoing
        if not vetoing:
            continue
        for member in desired.members_of(group.pool.id):
            row = servers.get((group.name, member.id))
            if row is not None:
                asked = vetoing if member.admin_state_up else ()
                commands += _plan_veto(row, agreement(verdicts.get((monitor.id, member.id)) for monitor in asked))
    return tuple(commands)


def _plan_veto(row: ProxyStatistics, up: bool | None) -> list[str]:
    """``up`` None: what HAProxy was told before stands. A veto is lifted only where the member's own checks pass; until
    then they keep it down anyhow."""
    if up is None or row.vetoed is (not up) or (up and row.passing is False):
        return []
    meddled = [enable_veto(row.proxy, row.server)] if row.vetoed is None else []
    return [*meddled, set_veto(row.proxy, row.server, vetoed=not up)]
