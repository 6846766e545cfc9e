"""Sees to it that nothing stays pending for ever. ``main`` calls ``sweep`` every few seconds, from one thread.

A hint that was lost is sent again. What has waited too long becomes ERROR where its agent is away or gave a reason; it
is not given up by that: an agent that comes back applies it at its next resync, and its report makes it ACTIVE, or lets
it go. A load balancer that is being deleted is gone then, its address free: no host is waited for that may never come
back. An agent that is alive and has said nothing yet has much to do: what waits for it stays pending.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from evenload.interfaces.bus import AgentBus
from evenload.interfaces.store import AgentRecord, Transaction
from evenload.model import status
from evenload.model.placement import applied_by_all
from evenload.model.tree import Tree
from evenload.service.context import Context
from evenload.service.event_restraint import NOTHING, Sifted
from evenload.service.events import events_of
from evenload.service.lbaas_v1 import totals
from evenload.service.pending import pending_of
from evenload.service.reports import bury
from evenload.service.scheduler import agents_away
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

HINT_AGAIN_AFTER = timedelta(seconds=5)

BURIED_FOR = timedelta(days=90)
"""For an agent that comes back later, what it has lost is as unknown as anything else."""


class Housekeeping:
    """``pending_timeout``: how long a change waits."""

    def __init__(
        self, context: Context, bus: AgentBus, pending_timeout: timedelta, counting: Counting = UNCOUNTED
    ) -> None:
        self._counting = counting
        self._context = context
        self._bus = bus
        self._pending_timeout = pending_timeout

    def sweep(self) -> None:
        now = self._context.now()
        with self._context.uow.read() as transaction:
            forgotten = transaction.has_tombstones_before(now - BURIED_FOR)
            waiting = transaction.pending_since(now - min(HINT_AGAIN_AFTER, self._pending_timeout))
            overdue = set(transaction.pending_since(now - self._pending_timeout)) if waiting else set()
            agents = transaction.agents() if overdue else []
            trees = [tree for tree in map(transaction.tree, waiting) if tree is not None]
        if forgotten:
            self._context.uow.write(lambda transaction: transaction.remove_tombstones_before(now - BURIED_FOR))
        self._context.events.sweep(self._context.uow)
        for tree in trees:
            if tree.id in overdue:
                self._fail(tree.id, agents, now)
            if tree.hosted:
                for agent in tree.agents:
                    self._bus.hint(agent, tree.id, tree.generation)

    def _fail(self, load_balancer_id: str, agents: Sequence[AgentRecord], now: datetime) -> None:
        """In a transaction of its own, looking again: the report may have come meanwhile."""

        context = self._context

        def work(transaction: Transaction) -> tuple[Sifted, tuple[Tree, str] | None]:
            before = transaction.tree(load_balancer_id)
            if before is None or load_balancer_id not in transaction.pending_since(now - self._pending_timeout):
                return NOTHING, None
            away = agents_away(before.placements, agents, now=now, alive_for=self._context.agent_down_time)
            settled = status.in_force(before, applied_by_all(before.placements, away))
            if settled is None:  # those that are alive have removed it
                return self._remove(transaction, before), None
            if settled != before:  # those that are alive have applied it
                transaction.update_tree(before, status.stamped(before, totals.kept(transaction, before, settled), now))
                return context.events.enter(transaction, events_of(before, settled, now)), None
            reason = choose_failure(before, agents, now=now, alive_for=self._context.agent_down_time)
            if reason is None:
                return NOTHING, None
            if before.load_balancer.deleting and away.issuperset(before.agents):
                # Nobody is there to remove it; an agent that comes back with it is told that it is gone.
                return self._remove(transaction, before), (before, f"{reason} It is gone without it.")
            after = status.given_up(before, before.generation, reason)
            transaction.update_tree(before, status.stamped(before, after, now))
            return context.events.enter(transaction, events_of(before, after, now)), (before, reason)

        entry, failed = context.uow.write(work)
        context.events.close(entry)
        context.ports.wake()
        if failed is not None:
            tree, reason = failed
            for labels, _ in pending_of(tree, tree.generation):
                self._counting.add("change_failures_total", labels)
            log.warning(
                "change failed: pending for too long",
                load_balancer=load_balancer_id,
                agent=tree.home,
                generation=tree.generation,
                reason=reason,
            )

    def _remove(self, transaction: Transaction, tree: Tree) -> Sifted:
        bury(self._context, transaction, tree)
        gone = self._context.ports.remove(transaction, tree)
        told = events_of(tree, None, self._context.now()) if gone else []
        return self._context.events.enter(transaction, told)


def choose_failure(tree: Tree, agents: Sequence[AgentRecord], *, now: datetime, alive_for: timedelta) -> str | None:
    """Why a change that has waited too long has failed; None: it has not, and may still wait."""
    if agents_away(tree.placements, agents, now=now, alive_for=alive_for).issuperset(tree.agents):
        agent = next((agent for agent in agents if agent.name == tree.home), None)
        if agent is None:
            return f"The agent {tree.home} is not registered."
        return f"The agent {tree.home} has not been heard of since {agent.seen_at:%Y-%m-%d %H:%M:%S} UTC."
    return next((record.fault for record in tree.records() if record.fault and status.is_pending(record)), None)
