"""Look-ups and refusals that all use cases share: what is not there, what is being deleted, what breaks a rule.

Inside a transaction; raises ``Rejected`` errors, changes nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from evenload.interfaces.store import ListPart, Transaction, TreePart
from evenload.model.balancer import AnyRecord, Item, Record
from evenload.model.enums import Kind
from evenload.model.errors import Immutable, NotFound, Overtaken
from evenload.model.query import Page, Query, Value, View
from evenload.model.rules import Violation, validate_tags
from evenload.model.tree import Tree, kind_of
from evenload.service.commands import Changes


def word_for(kind: Kind) -> str:
    """As the APIs write it: Load Balancer, Health Monitor."""
    return kind.value.replace("_", " ").title()


def not_found(kind: Kind, identifier: str, *, field: str | None = None) -> NotFound:
    return NotFound(word_for(kind), identifier, field=field)


def read_tree(transaction: TreePart, kind: Kind, identifier: str) -> Tree:
    """The tree to which the object belongs, which is in it."""
    owner = identifier if kind is Kind.LOAD_BALANCER else transaction.owner_of(kind, identifier)
    tree = transaction.tree(owner) if owner is not None else None
    if owner is None or (kind is Kind.LOAD_BALANCER and (tree is None or not tree.hosted)):
        raise not_found(kind, identifier)
    if tree is None or tree.get(identifier) is None:
        raise Overtaken(f"{word_for(kind)} {identifier} has left {owner} meanwhile.")
    return tree


def read_view(transaction: ListPart, kind: Kind, identifier: str) -> View[AnyRecord]:
    view = transaction.view(kind, identifier)
    if view is None:
        raise not_found(kind, identifier)
    return view


def read_members(transaction: Transaction, pool_id: str, query: Query) -> Page[AnyRecord]:
    if transaction.owner_of(Kind.POOL, pool_id) is None:
        raise not_found(Kind.POOL, pool_id)
    of_pool: dict[str, tuple[Value, ...]] = {**query.filters, "pool_id": (pool_id,)}
    return transaction.find(Kind.MEMBER, replace(query, filters=of_pool))


def require_living(*records: Record[Item]) -> None:
    """Deletion is final: nothing about the object is changed any more, nor is anything attached to it."""
    for record in records:
        if record.deleting:
            raise Immutable(f"{word_for(kind_of(record.item))} {record.id} is immutable and cannot be updated.")


def require(violations: Iterable[Violation]) -> None:
    """Raises for the first one."""
    for violation in violations:
        raise violation.error(violation.detail, field=violation.field)


def require_tags(changes: Changes) -> None:
    require(validate_tags(changes.record.get("tags") or ()))
