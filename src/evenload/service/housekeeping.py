"""Sees to it that nothing stays pending for ever. ``main`` calls ``sweep`` every few seconds, from one thread.

A hint that was lost is sent again. What has waited too long becomes ERROR where its agent is away or gave a reason; it
is not given up by that: an agent that comes back applies it at its next resync, and its report makes it ACTIVE, or lets
it go. A load balancer that is being deleted is gone then, its address free: no host is waited for that may never come
back. An agent that is alive and has said nothing yet has much to do: what waits for it stays pending.
"""

from datetime import datetime, timedelta

import structlog

from evenload.interfaces import AgentBus, AgentRecord, Transaction
from evenload.model import status
from evenload.model.tree import Tree
from evenload.service.context import Context
from evenload.service.reserving import RESERVED_FOR, give_back
from evenload.service.scheduler import is_alive

log = structlog.get_logger(__name__)

HINT_AGAIN_AFTER = timedelta(seconds=5)


class Housekeeping:
    """``agent_timeout``: silence after which an agent counts as away. ``pending_timeout``: how long a change waits."""

    def __init__(self, context: Context, bus: AgentBus, agent_timeout: timedelta, pending_timeout: timedelta) -> None:
        self._context = context
        self._bus = bus
        self._agent_timeout = agent_timeout
        self._pending_timeout = pending_timeout

    def sweep(self) -> None:
        now = self._context.now()
        with self._context.uow.read() as transaction:
            reservations = transaction.reservations_before(now - RESERVED_FOR)
        for reservation in reservations:
            give_back(self._context, reservation.port_id)
        with self._context.uow.read() as transaction:
            waiting = transaction.pending_since(now - min(HINT_AGAIN_AFTER, self._pending_timeout))
            overdue = set(transaction.pending_since(now - self._pending_timeout)) if waiting else set()
            agents = {agent.name: agent for agent in transaction.agents()} if overdue else {}
            trees = [tree for tree in map(transaction.tree, waiting) if tree is not None]
        for tree in trees:
            if tree.id in overdue:
                self._fail(tree.id, agents.get(tree.agent), now)
            if tree.hosted:
                self._bus.hint(tree.agent, tree.id, tree.generation)

    def _fail(self, load_balancer_id: str, agent: AgentRecord | None, now: datetime) -> None:
        """In a transaction of its own, looking again: the report may have come meanwhile."""

        def work(transaction: Transaction) -> tuple[Tree, str] | None:
            before = transaction.tree(load_balancer_id)
            if before is None or load_balancer_id not in transaction.pending_since(now - self._pending_timeout):
                return None
            reason = choose_failure(before, agent, now=now, agent_timeout=self._agent_timeout)
            if reason is None:
                return None
            if before.load_balancer.deleting and not is_alive(agent, now=now, alive_for=self._agent_timeout):
                # Nobody is there to remove it; an agent that comes back with it is told that it is gone.
                transaction.remove_tree(before)
                self._context.ports.release_vip_port(transaction, before.load_balancer.item)
                return before, f"{reason} It is gone without it."
            transaction.update_tree(before, status.given_up(before, before.generation, reason))
            return before, reason

        failed = self._context.uow.write(work)
        if failed is not None:
            tree, reason = failed
            log.warning(
                "change failed: pending for too long",
                load_balancer=load_balancer_id,
                agent=tree.agent,
                generation=tree.generation,
                reason=reason,
            )


def choose_failure(tree: Tree, agent: AgentRecord | None, *, now: datetime, agent_timeout: timedelta) -> str | None:
    """Why a change that has waited too long has failed; None: it has not, and may still wait."""
    if agent is None:
        return f"The agent {tree.agent} is not registered."
    if now - agent.seen_at > agent_timeout:
        return f"The agent {tree.agent} has not been heard of since {agent.seen_at:%Y-%m-%d %H:%M:%S} UTC."
    return next((record.fault for record in tree.records() if record.fault and status.is_pending(record)), None)
