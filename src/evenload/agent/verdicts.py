"""HAProxy's own checks as verdicts, the form that pings and further probes have. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from evenload.model.balancer import HealthMonitor
from evenload.model.desired import Desired, ProxyStatistics
from evenload.model.verdict import CheckKey, Verdict
from evenload.render.haproxy_groups import choose_groups
from evenload.render.haproxy_monitors import check_backend, choose_monitors

ServerKey = tuple[str, str]
"""Backend and server."""


def verdicts_of_checks(desired: Desired, rows: Sequence[ProxyStatistics]) -> dict[CheckKey, Verdict]:
    """``rows``: of the worker that serves. Missing: what HAProxy has not judged yet, and servers in maintenance.

    A pool whose members stand in several backends is checked in each; a failure in one is the verdict.
    """
    servers = rows_by_server(rows)
    found: dict[CheckKey, Verdict] = {}
    for monitor, backend in dict.fromkeys(_checking_backends(desired)):
        for member in desired.members_of(monitor.pool_id):
            row = servers.get((backend, member.id))
            if row is None or row.passing is None or row.status.startswith("MAINT"):
                continue
            verdict = Verdict(
                monitor=monitor.id,
                member=member.id,
                up=row.passing,
                reason=row.reason,
                latency=row.latency,
                when=row.when,
            )
            if verdict.key not in found or not verdict.up:
                found[verdict.key] = verdict
    return found


def rows_by_server(rows: Iterable[ProxyStatistics]) -> dict[ServerKey, ProxyStatistics]:
    return {(row.proxy, row.server): row for row in rows}


def _checking_backends(desired: Desired) -> Iterator[tuple[HealthMonitor, str]]:
    """Each monitor that HAProxy checks, with the name of a backend in which it does."""
    for group in choose_groups(desired):
        monitors = choose_monitors(desired, group.pool.id)
        if monitors.native is not None:
            yield monitors.native, group.name
        for monitor in monitors.further:
            yield monitor, check_backend(monitor)
