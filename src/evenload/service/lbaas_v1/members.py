"""Use cases of LBaaS v1's members, which may go from pool to pool; each is one transaction."""

from dataclasses import replace
from datetime import datetime

from evenload.interfaces.store import Transaction, TreePart
from evenload.model import moves, rules, status
from evenload.model.balancer import Member, Record
from evenload.model.enums import Kind
from evenload.model.errors import ForeignProject
from evenload.model.query import Query
from evenload.model.tree import Tree
from evenload.service import drafts, guards, quotas
from evenload.service.commands import Changes, Draft
from evenload.service.context import Context
from evenload.service.lbaas_v1 import views
from evenload.service.lbaas_v1.pools import read_pool
from evenload.service.quotas import Limits


class V1Members:
    def __init__(self, context: Context, limits: Limits) -> None:
        self._context = context
        self._limits = limits

    def create(self, pool_id: str, draft: Draft) -> Record[Member]:
        self._context.networking.require_addresses([draft])
        now = self._context.now()

        def work(transaction: Transaction) -> Record[Member]:
            before = read_pool(transaction, pool_id)
            guards.require_living(before.load_balancer, before.pools[pool_id])
            project_id = before.pools[pool_id].project_id
            self._limits.require_room(transaction, project_id, {quotas.MEMBER: 1})
            birth = drafts.Birth(project_id, before.generation + 1, now)
            member = drafts.new_member(self._context.new_id(), pool_id, draft)
            edited = before.with_record(birth.record(member, draft, monitored=status.is_monitored(before, pool_id)))
            guards.require(rules.validate_members(edited, [member]))
            after = status.advance(edited, changed=[member.id], now=now)
            transaction.update_tree(before, after)
            return after.members[member.id]

        return self._context.uow.write(work)

    def update(self, identifier: str, changes: Changes, pool_id: str | None = None) -> Record[Member]:
        """``pool_id``: the pool that the member belongs to from now on; None: its own."""
        now = self._context.now()

        def work(transaction: Transaction) -> Record[Member]:
            if pool_id is not None:
                owners = (Kind.MEMBER, identifier), (Kind.POOL, pool_id)
                transaction.lock_trees(transaction.owner_of(*owner) for owner in owners)
            before = _read_member(transaction, identifier)
            present = before.members[identifier]
            guards.require_living(before.load_balancer, before.pools[present.item.pool_id], present)
            record = drafts.changed(present, changes)
            if pool_id in (None, present.item.pool_id):
                edited = before.with_record(record)
                guards.require(rules.validate_members(edited, [record.item]))
                trees = [(before, status.advance(edited, changed=[identifier], now=now))]
            else:
                trees = _moved(transaction, before, record, pool_id or "", now=now)
            for former, after in trees:
                transaction.update_tree(former, after)
            return trees[-1][1].members[identifier]

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:

        def work(transaction: Transaction) -> None:
            before = _read_member(transaction, identifier)
            if before.members[identifier].deleting:
                raise guards.not_found(Kind.MEMBER, identifier)
            after = status.removed(before, identifier, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def get(self, identifier: str) -> Record[Member]:
        with self._context.uow.read() as transaction:
            return _read_member(transaction, identifier).members[identifier]

    def list(self, query: Query) -> list[Record[Member]]:
        with self._context.uow.read() as transaction:
            return views.list_members(transaction, replace(query, v1=True))


def _read_member(transaction: TreePart, identifier: str) -> Tree:
    tree = guards.read_tree(transaction, Kind.MEMBER, identifier)
    if tree.pools[tree.members[identifier].item.pool_id].v1 is None:
        raise guards.not_found(Kind.MEMBER, identifier)
    return tree


def _moved(
    transaction: TreePart, before: Tree, record: Record[Member], pool_id: str, *, now: datetime
) -> list[tuple[Tree, Tree]]:
    """The trees before and after a move, the one that loses the member first."""
    target = read_pool(transaction, pool_id)
    pool = target.pools[pool_id]
    guards.require_living(target.load_balancer, pool)
    if pool.project_id != record.project_id:
        raise ForeignProject(f"Pool {pool_id} belongs to another project.")
    former = record.item.pool_id
    if target.id == before.id:
        edited = moves.with_member(before, record, pool_id)
        guards.require(rules.validate_members(edited, [edited.members[record.id].item]))
        return [(before, status.advance(edited, changed=[record.id, former], now=now))]
    left = status.advance(moves.without_member(before, record.id), changed=[former], now=now)
    edited = moves.with_member(target, record, pool_id)
    guards.require(rules.validate_members(edited, [edited.members[record.id].item]))
    return [(before, left), (target, status.advance(edited, changed=[record.id], now=now))]
