"""Use cases of members; each is one transaction.

A change of a weight is what happens most often: it reads the tree once and writes the records that differ.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from evenload.interfaces.store import Transaction
from evenload.model import rules, status
from evenload.model.balancer import Member, Record
from evenload.model.enums import Kind
from evenload.model.query import Page, Query, View
from evenload.model.tree import Tree
from evenload.service import drafts, guards
from evenload.service.commands import Changes, Draft
from evenload.service.context import Context
from evenload.service.plans import plan_replacement
from evenload.service.quotas import RESOURCES, wanted_by
from evenload.service.views import view_of


class Members:
    """``every_project``: the caller may use every project's subnets."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, pool_id: str, draft: Draft, *, every_project: bool = False) -> View[Record[Member]]:
        guards.require_tags(draft)
        self._context.networking.require_addresses([draft])
        self._check_subnets(pool_id, [draft.item.get("subnet_id")], every_project=every_project)
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[Member]]:
            before = guards.read_tree(transaction, Kind.POOL, pool_id)
            guards.require_living(before.load_balancer, before.pools[pool_id])
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            self._context.limits.require_room(transaction, birth.project_id, wanted_by([Kind.MEMBER]))
            member = drafts.new_member(self._context.new_id(), pool_id, draft)
            record = birth.record(member, draft, monitored=status.is_monitored(before, pool_id))
            edited = before.with_record(record)
            guards.require(rules.validate_members(edited, [member]))
            after = status.advance(edited, changed=[record.id], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.members[record.id])

        return self._context.uow.write(work)

    def update(self, pool_id: str, member_id: str, changes: Changes) -> View[Record[Member]]:
        guards.require_tags(changes)
        self._context.networking.require_addresses([changes])
        self._check_subnets(pool_id, [changes.item.get("subnet_id")], every_project=False)

        def work(transaction: Transaction) -> View[Record[Member]]:
            before = _read_tree(transaction, pool_id, member_id)
            guards.require_living(before.load_balancer, before.pools[pool_id], before.members[member_id])
            record = drafts.changed(before.members[member_id], changes)
            edited = before.with_record(record)
            guards.require(rules.validate_members(edited, [record.item]))
            after = status.advance(edited, changed=[member_id], now=self._context.now())
            transaction.update_tree(before, after)
            return view_of(after, after.members[member_id])

        return self._context.uow.write(work)

    def delete(self, pool_id: str, member_id: str) -> None:

        def work(transaction: Transaction) -> None:
            before = _read_tree(transaction, pool_id, member_id)
            after = status.removed(before, member_id, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def replace(
        self, pool_id: str, given: Sequence[Draft], *, additive_only: bool, every_project: bool = False
    ) -> None:
        """The members of the pool become these: (address, port) that exist are updated with the fields given, new ones
        created, and the others deleted unless ``additive_only``. Where nothing differs, nothing is written."""
        for draft in given:
            guards.require_tags(draft)
        self._context.networking.require_addresses(given)
        self._check_subnets(pool_id, [draft.item.get("subnet_id") for draft in given], every_project=every_project)
        now = self._context.now()

        def work(transaction: Transaction) -> None:
            before = guards.read_tree(transaction, Kind.POOL, pool_id)
            guards.require_living(before.load_balancer, before.pools[pool_id])
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            plan = plan_replacement(before, pool_id, given, birth, self._context.new_id, additive_only=additive_only)
            if plan.nothing:
                return
            more = sum(record.id not in before.members for record in plan.put) - len(plan.removed)
            self._context.limits.require_room(transaction, birth.project_id, {RESOURCES[Kind.MEMBER]: more})
            edited = plan.put_into(before)
            guards.require(rules.validate_members(edited, [record.item for record in plan.put]))
            after = status.advance(edited, changed=[record.id for record in plan.put], deleted=plan.removed, now=now)
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def get(self, pool_id: str, member_id: str) -> View[Record[Member]]:
        with self._context.uow.read() as transaction:
            view = cast(View[Record[Member]], guards.read_view(transaction, Kind.MEMBER, member_id))
        if view.record.item.pool_id != pool_id:
            raise guards.not_found(Kind.MEMBER, member_id)
        return view

    def list(self, pool_id: str, query: Query) -> Page[Record[Member]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[Member]], guards.read_members(transaction, pool_id, query))

    def _check_subnets(self, pool_id: str, subnet_ids: Iterable[str | None], *, every_project: bool) -> None:
        """Before the transaction, since the port provider may take its time. Subnets that members of the pool have
        were checked with them."""
        named = {subnet_id for subnet_id in subnet_ids if subnet_id is not None}
        if not named:
            return
        with self._context.uow.read() as transaction:
            tree = guards.read_tree(transaction, Kind.POOL, pool_id)
        named -= {record.item.subnet_id for record in tree.members_of(pool_id)}
        project_id = tree.load_balancer.project_id
        self._context.ports.check_subnets(sorted(named), project_id, every_project=every_project)


def _read_tree(transaction: Transaction, pool_id: str, member_id: str) -> Tree:
    tree = guards.read_tree(transaction, Kind.POOL, pool_id)
    member = tree.members.get(member_id)
    if member is None or member.item.pool_id != pool_id:
        raise guards.not_found(Kind.MEMBER, member_id)
    return tree
