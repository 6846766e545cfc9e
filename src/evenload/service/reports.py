"""What agents say of load balancers, written down: results of attempts, operating statuses, counters.

Inside a writing transaction. Reports may come late, twice or out of order;
what they say about a generation is true of that generation for ever, and only of it.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum

import structlog

from evenload.interfaces.store import AgentPart, TombstonePart, Transaction
from evenload.model import status
from evenload.model.desired import Health, Outcome, Report
from evenload.model.event import Event
from evenload.model.placement import Placement, Role, counts_for_health
from evenload.model.totals import Count, with_report
from evenload.model.tree import Tree
from evenload.service.context import Context
from evenload.service.event_restraint import NOTHING, Sifted
from evenload.service.events import events_of
from evenload.service.lbaas_v1 import totals
from evenload.service.scheduler import agents_away

log = structlog.get_logger(__name__)


class Reception(Enum):
    """What became of a report."""

    NOTED = "noted"
    PASSED_OVER = "passed over"
    NEVER_GIVEN = "never given"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """``tree`` after a look at the load balancer; ``counts`` by listener, of those for which more was counted."""

    tree: Tree
    counts: Mapping[str, tuple[Count, ...]]


def concerns(tree: Tree | None, agent: str) -> bool:
    """Whether that agent has a say about the load balancer."""
    return tree is not None and tree.placement_of(agent) is not None


def has_port(placement: Placement | None) -> bool:
    """Whether the VIP's port is up on the placement's host: it serves the load balancer and has applied something."""
    return placement is not None and placement.role is not Role.BACKUP and placement.applied_generation > 0


def read_away(context: Context, transaction: AgentPart, tree: Tree, agent: str) -> frozenset[str]:
    """The other agents of the load balancer that are away; ``agent`` is speaking just now."""
    if len(tree.placements) <= 1:
        return frozenset()
    agents = transaction.agents()
    return agents_away(tree.placements, agents, now=context.now(), alive_for=context.agent_down_time) - {agent}


def plan_report(tree: Tree, agent: str, report: Report, away: Set[str] = frozenset()) -> Tree | None:
    """The tree after the report; None: the load balancer is gone."""
    match report.outcome:
        case Outcome.DONE:
            return status.applied(tree, agent, report.generation, away)
        case Outcome.RETRY:
            return status.delayed(tree, report.generation, report.reason or "The host is not ready yet.", agent)
        case Outcome.GIVE_UP:
            return status.given_up(tree, report.generation, report.reason or "The host gave no reason.", agent)


def apply_report(context: Context, transaction: Transaction, agent: str, report: Report) -> tuple[Reception, Sifted]:
    """May be repeated; what concerns no load balancer of that agent is passed over. A generation that was never given
    is not believed: it stems from a database that has been put back to an earlier state."""
    before = transaction.tree(report.load_balancer_id)
    if before is None or not concerns(before, agent):
        buried = transaction.tombstone(report.load_balancer_id, agent)
        if buried is not None and report.outcome is Outcome.DONE and report.generation >= buried:
            transaction.remove_tombstone(report.load_balancer_id, agent)
        return Reception.PASSED_OVER, NOTHING
    told = [event.told_by(agent, before) for event in report.events]
    if report.generation > before.generation:
        return Reception.NEVER_GIVEN, context.events.enter(transaction, told)
    after, now = plan_report(before, agent, report, read_away(context, transaction, before, agent)), context.now()
    if after is None:
        bury(context, transaction, before, present=agent)
        gone = context.ports.remove(transaction, before)
        entry = context.events.enter(transaction, events_of(before, None, now, agent) if gone else told)
        return Reception.GONE if gone else Reception.NOTED, entry
    entry = context.events.enter(transaction, [*told, *events_of(before, after, now, agent)])
    if after != before:
        after = status.stamped(before, totals.kept(transaction, before, after), now)
        transaction.update_tree(before, after)
        if has_port(after.placement_of(agent)) and not has_port(before.placement_of(agent)):
            context.ports.bind(transaction, after, agent)
    return Reception.NOTED, entry


def bury(context: Context, transaction: TombstonePart, tree: Tree, *, present: str | None = None) -> None:
    """Before a load balancer is removed: agents that have not removed it will be told so definitely when they come
    back. ``present`` has just reported that it has."""
    for placement in tree.placements:
        if placement.agent != present and placement.applied_generation < tree.load_balancer.generation:
            transaction.save_tombstone(tree.id, placement.agent, tree.generation, context.now())


def log_reception(reception: Reception, agent: str, report: Report) -> None:
    about = {"load_balancer": report.load_balancer_id, "agent": agent, "generation": report.generation}
    if reception is Reception.NEVER_GIVEN:
        log.warning("report of a generation that was never given", **about)
    elif reception is Reception.GONE:
        log.info("load balancer gone", **about)


def plan_health(
    tree: Tree,
    counts: Mapping[str, tuple[Count, ...]],
    agent: str,
    health: Health,
    away: Set[str] = frozenset(),
) -> Findings:
    """Every agent's counters count; the statuses are those that the serving agent saw."""
    reported = {
        key: with_report(counts.get(key, ()), agent, health.epoch, value)
        for key, value in health.statistics.items()
        if key in tree.listeners
    }
    news = {key: value for key, value in reported.items() if set(value) != set(counts.get(key, ()))}
    counting = counts_for_health(tree.placements, away) == agent
    return Findings(tree=status.with_verdicts(tree, health) if counting else tree, counts=news)


def differs(context: Context, transaction: Transaction, agent: str, health: Health) -> bool:
    """Whether there is anything to write; asked in a reading transaction, which keeps nobody waiting."""
    tree = transaction.tree(health.load_balancer_id)
    if tree is None or not concerns(tree, agent):
        return False
    findings = plan_health(
        tree, transaction.counts(tree.id), agent, health, read_away(context, transaction, tree, agent)
    )
    return bool(findings.counts) or findings.tree != tree


def apply_health(context: Context, transaction: Transaction, agent: str, health: Health) -> list[Event]:
    """Returns what has happened to its objects."""
    before = transaction.tree(health.load_balancer_id)
    if before is None or not concerns(before, agent):
        return []
    findings = plan_health(
        before, transaction.counts(before.id), agent, health, read_away(context, transaction, before, agent)
    )
    if findings.tree != before:
        transaction.update_tree(before, status.stamped(before, findings.tree, context.now()))
    if findings.counts:
        transaction.save_counts(before.id, findings.counts)
    return events_of(before, findings.tree, context.now(), agent)
