"""Use cases of load balancers; each is one transaction."""

from dataclasses import replace
from datetime import datetime
from typing import cast

import structlog

from evenload.interfaces.store import AgentRecord, Transaction
from evenload.model import rules, status
from evenload.model.balancer import LoadBalancer, Record, pools_used_by
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.errors import Immutable
from evenload.model.event import Event, EventKind, about
from evenload.model.query import Page, Query, View
from evenload.model.totals import totals_of
from evenload.model.tree import Tree, kind_of
from evenload.service import drafts, guards, l7_guards
from evenload.service.capabilities import OWN_NAME
from evenload.service.choices import Choice, choose_offers, zone_of
from evenload.service.commands import BalancerDraft, Changes
from evenload.service.context import Context
from evenload.service.event_restraint import Sifted
from evenload.service.homes import hold_agents, take_agent
from evenload.service.lbaas_v1 import templates
from evenload.service.plans import drafts_of, hosted_at, plan_tree
from evenload.service.quotas import wanted_by
from evenload.service.scheduler import choose_agent, choose_new_homes
from evenload.service.tls_drafts import with_all_tls, with_pool_tls
from evenload.service.views import view_of

log = structlog.get_logger(__name__)


class LoadBalancers:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, project_id: str, draft: BalancerDraft) -> Tree:
        """With all the listeners, policies, pools, members and monitors of the draft, or not at all. Raises NoHost
        where no agent was ever registered."""
        for part in drafts_of(draft):
            guards.require_tags(part)
        context = self._context
        now = context.now()
        # Whatever needs no transaction is done before the writer's turn: others wait for that.
        context.allowed.require(drafts_of(draft))
        context.networking.require_way(draft.vip)
        context.networking.require_addresses(drafts_of(draft))
        choice = self._choice(draft)
        listeners = tuple(with_all_tls(context, each, project_id) for each in draft.listeners)
        pools = tuple(with_pool_tls(context, each, project_id) for each in draft.pools)
        draft = replace(draft, item={**draft.item, **choice.fields}, listeners=listeners, pools=pools)
        planned = plan_tree(context.new_id(), draft, drafts.Birth(project_id, 1, now), context.new_id)
        for listener in planned.listeners.values():
            for pool_id in pools_used_by(listener.item):
                if pool_id not in planned.pools:
                    raise guards.not_found(Kind.POOL, pool_id, field="default_pool_id")
        guards.require(rules.validate_tree(planned))
        l7_guards.require_policies(planned, (record.item for record in planned.policies.values()))
        l7_guards.require_rules((record.item for record in planned.rules.values()), context.find_regex_fault)
        wanted = wanted_by(kind_of(record.item) for record in planned.records())

        agents = context.uow.look(lambda reader: reader.agents())
        choose_agent(agents, now=now, alive_for=context.agent_down_time, zone=choice.zone.hosts)
        context.ports.check_subnets(
            [each.item.subnet_id for each in planned.members.values()],
            project_id,
            every_project=draft.vip.every_project,
        )
        with context.ports.claimed(planned.id, project_id, draft.vip) as claim:

            def work(transaction: Transaction) -> tuple[Tree, AgentRecord]:
                if draft.chooses:
                    choose_offers(context, transaction, draft)
                context.limits.require_room(transaction, project_id, wanted)
                port = claim(transaction)
                context.networking.require_network(port.network_id, choice.zone.networks)
                chosen = take_agent(context, transaction, choice.zone.hosts)
                made = hosted_at(planned, port, chosen.name)
                guards.require(rules.validate_vip(made))
                transaction.insert_tree(made)
                return made, chosen

            tree, agent = context.uow.write(work)
        log.info("load balancer scheduled", load_balancer=tree.id, agent=agent.name, load=agent.load)
        return tree

    def _choice(self, draft: BalancerDraft) -> Choice:
        """Of what is offered; of nothing in most cases."""
        if not draft.chooses:
            return Choice(fields={"provider": draft.provider or OWN_NAME})
        with self._context.uow.read() as reader:
            return choose_offers(self._context, reader, draft)

    def update(self, identifier: str, changes: Changes) -> View[Record[LoadBalancer]]:
        guards.require_tags(changes)

        def work(transaction: Transaction) -> View[Record[LoadBalancer]]:
            before = _read_living(transaction, identifier)
            edited = replace(before, load_balancer=drafts.changed(before.load_balancer, changes))
            after = status.advance(edited, changed=[identifier], now=self._context.now())
            transaction.update_tree(before, after)
            return view_of(after, after.load_balancer)

        return self._context.uow.write(work)

    def delete(self, identifier: str, *, cascade: bool) -> None:
        """The VIP's port is released once the host has confirmed that it has nothing left."""

        def work(transaction: Transaction) -> None:
            transaction.lock_templates_of(identifier)
            before = guards.read_tree(transaction, Kind.LOAD_BALANCER, identifier)
            if not (cascade or before.load_balancer.deleting):
                guards.require(rules.validate_removal(before))
            templates.remove_own(transaction, before.monitors.values())
            after = status.removed(before, identifier, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def failover(self, identifier: str) -> None:
        """Has the host build everything anew; where its agent is away, another host of its zone, if one is there. The
        one that had it is told to remove it when it comes back."""

        def work(transaction: Transaction) -> Sifted:
            before = _read_living(transaction, identifier)
            record = before.load_balancer
            item = replace(record.item, incarnation=record.item.incarnation + 1)
            now = self._context.now()
            placements = choose_new_homes(
                before.placements,
                transaction.agents(),
                now=now,
                alive_for=self._context.agent_down_time,
                zone=zone_of(transaction, record.item.availability_zone).hosts,
            )
            hold_agents(transaction, sorted({each.agent for each in placements} - set(before.agents)))
            edited = replace(
                before,
                load_balancer=replace(record, item=item),
                placements=placements,
            )
            after = status.advance(edited, changed=[identifier], now=now)
            transaction.update_tree(before, after)
            for agent in set(before.agents) - set(after.agents):
                transaction.save_tombstone(identifier, agent, after.generation, now)
            for agent in set(after.agents) - set(before.agents):
                transaction.remove_tombstone(identifier, agent)
            return self._context.events.enter(transaction, [_failover(before, after, now)])

        self._context.events.close(self._context.uow.write(work))

    def get(self, identifier: str) -> View[Record[LoadBalancer]]:
        view = self._context.uow.look(lambda reader: guards.read_view(reader, Kind.LOAD_BALANCER, identifier))
        return cast(View[Record[LoadBalancer]], view)

    def list(self, query: Query) -> Page[Record[LoadBalancer]]:
        page = self._context.uow.look(lambda reader: reader.find(Kind.LOAD_BALANCER, query))
        return cast(Page[Record[LoadBalancer]], page)

    def statistics(self, identifier: str) -> Statistics:
        """The sum of its listeners."""
        with self._context.uow.read() as transaction:
            guards.read_view(transaction, Kind.LOAD_BALANCER, identifier)
            return sum(map(totals_of, transaction.counts(identifier).values()), Statistics())

    def tree(self, identifier: str) -> Tree:
        return self._context.uow.look(lambda reader: guards.read_tree(reader, Kind.LOAD_BALANCER, identifier))


def _failover(before: Tree, after: Tree, now: datetime) -> Event:
    moved = before.agents != after.agents
    where = f"from {', '.join(before.agents)} to {', '.join(after.agents)}" if moved else "everything is built anew"
    return about(after, Event(kind=EventKind.FAILOVER, at=now, state="asked for", reason=where, agent=after.home))


def _read_living(transaction: Transaction, identifier: str) -> Tree:
    tree = guards.read_tree(transaction, Kind.LOAD_BALANCER, identifier)
    if tree.load_balancer.deleting:
        raise Immutable(f"Invalid state PENDING_DELETE of loadbalancer resource {identifier}")
    return tree
