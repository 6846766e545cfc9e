"""When the certificates in use expire: of listeners, and those that pools show to members. For whoever watches them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evenload.interfaces.store import UnitOfWork
from evenload.model.balancer import Listener, Pool, Record
from evenload.model.enums import Kind
from evenload.model.tls import TlsSecret
from evenload.model.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """``kind``, ``id`` and ``name``: of the listener or pool."""

    load_balancer_id: str
    load_balancer_name: str
    kind: Kind
    id: str
    name: str
    subject: str
    not_after: datetime


def read_expiries(uow: UnitOfWork) -> list[Expiry]:
    """The next one first. Those of which nobody knows yet when they expire are left out. Raises StoreUnavailable."""
    found: list[Expiry] = []
    with uow.read() as transaction:
        for identifier in transaction.with_tls():
            tree = transaction.tree(identifier)
            if tree is not None:
                found += _of_tree(tree)
    return sorted(found, key=lambda each: (each.not_after, each.load_balancer_id, each.id, each.subject))


def _of_tree(tree: Tree) -> Iterator[Expiry]:
    for listener in tree.listeners.values():
        if listener.item.tls is not None and not listener.deleting:
            yield from _of_record(tree, Kind.LISTENER, listener, listener.item.tls.certificates)
    for pool in tree.pools.values():
        tls = pool.item.tls
        if tls is not None and tls.enabled and tls.certificate is not None and not pool.deleting:
            yield from _of_record(tree, Kind.POOL, pool, (tls.certificate,))


def _of_record(
    tree: Tree, kind: Kind, record: Record[Listener] | Record[Pool], certificates: tuple[TlsSecret, ...]
) -> Iterator[Expiry]:
    for each in certificates:
        if each.not_after is not None:
            yield Expiry(
                load_balancer_id=tree.id,
                load_balancer_name=tree.load_balancer.name,
                kind=kind,
                id=record.id,
                name=record.name,
                subject=each.subject or "",
                not_after=each.not_after,
            )
