"""Work that is done before the writer's turn, and repeated in it without being done again.

On SQLite everybody waits for the one who writes. Work on a large load balancer reads, decides and encodes thousands of
records, so it is rehearsed on a snapshot, where nobody waits for it: what it read is noted, and what it wants written
is made ready. In the writer's turn the replay asks whether everything that was read is still so, and writes. A tree
is still so while its revision is the same; anything else is read again and compared.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from evenload.interfaces.store import T, Transaction
from evenload.model.errors import Rejected
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.store.tree_writing import Writing


class Rehearsable(Transaction, Protocol):
    """What a rehearsal needs of a transaction beside what work needs."""

    def revision(self, load_balancer_id: str) -> int | None: ...
    def plan_tree(self, before: Tree | None, after: Tree | None) -> Writing: ...
    def plan_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> Writing: ...
    def write_tree(self, writing: Writing, before: Tree | None, after: Tree | None) -> None: ...
    def write_counts(self, load_balancer_id: str, writing: Writing) -> None: ...


class Outdated(Exception):
    """Something that was read in the rehearsal is no longer so."""


class NotForeseeable(Exception):
    """The work does what only shows in the turn itself."""


_COMPARED = frozenset(
    (
        "owner_of",
        "view",
        "find",
        "count",
        "assignments",
        "pending_since",
        "agents",
        "held_agent",
        "locked_agent",
        "bound_to",
        "template",
        "templates",
        "quotas",
        "locked_network",
        "network",
        "networks",
        "subnet",
        "subnets",
        "locked_port",
        "port",
        "ports",
        "addresses_taken",
        "entries",
        "held_entry",
        "locked_entry",
        "stored",
        "locked_stored",
        "all_stored",
        "count_stored",
        "past_secrets",
        "sealed",
        "sealed_otherwise",
        "sealing_keys",
        "held_port",
        "held_port_at",
        "held_ports_due",
        "tombstone",
        "has_tombstones_before",
    )
)
"""Reads that are made again in the turn."""

_DEFERRED = frozenset(
    (
        "remove_agent",
        "insert_entry",
        "update_entry",
        "remove_entry",
        "insert_stored",
        "update_stored",
        "remove_stored",
        "save_sealed",
        "insert_template",
        "update_template",
        "remove_template",
        "update_network",
        "update_subnet",
        "insert_port",
        "update_port",
        "remove_port",
        "insert_held_port",
        "update_held_port",
        "remove_held_port",
        "save_tombstone",
        "remove_tombstone",
        "rename_tombstones",
        "insert_events",
    )
)
"""Writes that return nothing."""

_LOCKS = frozenset({"lock_trees", "lock_templates_of", "lock_project"})
"""Of no effect on SQLite."""


class Rehearsal:
    """Stands for a ``Transaction`` on a snapshot, for ``work`` to be tried out on. ``claim`` raises Taken where others
    work on the load balancer."""

    def __init__(self, snapshot: Rehearsable, claim: Callable[[str], None] = lambda _: None) -> None:
        self._snapshot = snapshot
        self._claim = claim
        self._steps: list[Callable[[Rehearsable], object]] = []
        self._read: set[str] = set()
        self._written: set[str] = set()

    def run(self, work: Callable[[Transaction], T]) -> Callable[[Rehearsable], T]:
        """The replay, which gives what ``work`` has returned. It raises Outdated where something has changed since,
        NotForeseeable where work itself has to go on from there."""
        result = work(cast(Transaction, self))
        steps = tuple(self._steps)

        def replay(transaction: Rehearsable) -> T:
            try:
                for step in steps:
                    step(transaction)
            except Rejected as error:
                raise NotForeseeable from error
            return result

        return replay

    def tree(self, load_balancer_id: str) -> Tree | None:
        self._require_same(load_balancer_id)
        return self._snapshot.tree(load_balancer_id)

    def counts(self, load_balancer_id: str) -> dict[str, tuple[Count, ...]]:
        self._require_same(load_balancer_id)
        return self._snapshot.counts(load_balancer_id)

    def insert_tree(self, tree: Tree) -> None:
        self._write_tree(None, tree)

    def update_tree(self, before: Tree, after: Tree) -> None:
        self._write_tree(before, after)

    def remove_tree(self, before: Tree) -> None:
        self._write_tree(before, None)

    def save_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> None:
        if load_balancer_id not in self._read:
            self._require_same(load_balancer_id)
        writing = self._snapshot.plan_counts(load_balancer_id, by_listener)
        self._written.add(load_balancer_id)
        self._steps.append(lambda transaction: transaction.write_counts(load_balancer_id, writing))

    def __getattr__(self, name: str) -> Any:
        if name in _LOCKS:
            return getattr(self._snapshot, name)
        if name in _COMPARED:
            return lambda *args, **kwargs: self._compared(name, args, kwargs)
        if name in _DEFERRED:
            return lambda *args, **kwargs: self._steps.append(
                lambda transaction: getattr(transaction, name)(*args, **kwargs)
            )
        raise NotForeseeable(name)

    def _require_same(self, load_balancer_id: str) -> None:
        """A tree that was written in the rehearsal is nowhere to be read."""
        if load_balancer_id in self._written:
            raise NotForeseeable
        self._claim(load_balancer_id)
        revision = self._snapshot.revision(load_balancer_id)
        self._read.add(load_balancer_id)

        def check(transaction: Rehearsable) -> None:
            if transaction.revision(load_balancer_id) != revision:
                raise Outdated

        self._steps.append(check)

    def _write_tree(self, before: Tree | None, after: Tree | None) -> None:
        writing = self._snapshot.plan_tree(before, after)
        self._written.update(tree.id for tree in (before, after) if tree is not None)
        self._steps.append(lambda transaction: transaction.write_tree(writing, before, after))

    def _compared(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = getattr(self._snapshot, name)(*args, **kwargs)

        def check(transaction: Rehearsable) -> None:
            if getattr(transaction, name)(*args, **kwargs) != result:
                raise Outdated

        self._steps.append(check)
        return result
