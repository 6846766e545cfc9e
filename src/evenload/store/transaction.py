"""One transaction: fulfils ``Transaction`` of ``interfaces`` on any SQLAlchemy database.

It hands each question and each change to the module of its table, locks rows where the database has such locks, and
notes what the agents are to be told. It begins and ends nothing; unit_of_work.py does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from evenload.model.balancer import AnyRecord, MonitorTemplate
from evenload.model.catalogue import AnyEntry, Entry
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.event import Event, EventQuery, KeptEvent
from evenload.model.query import Page, Query, View
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.store import catalogue, counts, queries, quotas, status_counts, templates, tree_writing, trees
from evenload.store import events as event_rows
from evenload.store.hints import Hint, hints_of
from evenload.store.host_transaction import HostTransaction
from evenload.store.identity import ensure_identity, read_identity
from evenload.store.network_transaction import NetworkTransaction
from evenload.store.secret_transaction import SecretTransaction
from evenload.store.tree_cache import TreeCache, count_children, new_edition
from evenload.store.tree_writing import Writing
from evenload.store.view_cache import ViewCache


class SqlTransaction(HostTransaction, NetworkTransaction, SecretTransaction):
    """One transaction on one connection; of use only inside the block or the work that it was given to.

    ``hints``: what is to be told to the agents after the commit. ``most``: records of trees that may be read, and that
    one which is written may have; where there are more, TooLarge is raised.
    """

    def __init__(
        self, connection: Connection, cache: TreeCache, views: ViewCache, *, writing: bool, most: int | None = None
    ) -> None:
        super().__init__(connection, writing=writing)
        self._cache = cache
        self._views = views
        self.hints: list[Hint] = []
        self._most = most
        self._left = most

    def identity(self) -> str | None:
        return read_identity(self._connection)

    def ensure_identity(self) -> str:
        return ensure_identity(self._writable())

    def tree(self, load_balancer_id: str) -> Tree | None:
        tree = trees.read_tree(self._connection, load_balancer_id, self._cache, lock=self._lock_rows, most=self._left)
        if tree is not None and self._left is not None:
            self._left = max(0, self._left - 1 - count_children(tree))
        return tree

    def revision(self, load_balancer_id: str) -> int | None:
        return trees.read_revision(self._connection, load_balancer_id)

    def lock_trees(self, load_balancer_ids: Iterable[str | None]) -> None:
        if self._lock_rows:
            trees.lock_trees(self._connection, load_balancer_ids)

    def owner_of(self, kind: Kind, identifier: str) -> str | None:
        return trees.read_owner(self._connection, kind, identifier)

    def insert_tree(self, tree: Tree) -> None:
        self._require_small(tree)
        self.write_tree(self.plan_tree(None, tree), None, tree)

    def update_tree(self, before: Tree, after: Tree) -> None:
        self._require_small(after)
        self.write_tree(self.plan_tree(before, after), before, after)

    def remove_tree(self, before: Tree) -> None:
        self.write_tree(self.plan_tree(before, None), before, None)

    def plan_tree(self, before: Tree | None, after: Tree | None) -> Writing:
        return tree_writing.plan_writing(self._connection.dialect, before, after)

    def write_tree(self, writing: Writing, before: Tree | None, after: Tree | None) -> None:
        """What was planned for these two."""
        writing.run(self._writable())
        if after is not None:
            grown = _grown_from(before, after)
            after.note_stored(_edition_of(before, after) if grown else 0)
            self.hints += hints_of(before, after)
            if writing.steps and grown:
                self._cache.keep(after, writing.revision)

    def view(self, kind: Kind, identifier: str) -> View[AnyRecord] | None:
        return queries.read_view(self._connection, kind, identifier, self._views)

    def find(self, kind: Kind, query: Query) -> Page[AnyRecord]:
        return queries.read_page(self._connection, kind, query, self._views)

    def count(self, kind: Kind, query: Query) -> int:
        return queries.read_count(self._connection, kind, query)

    def count_statuses(self, kind: Kind) -> dict[tuple[ProvisioningStatus, OperatingStatus], int]:
        return status_counts.count_statuses(self._connection, kind)

    def names(self, kind: Kind, identifiers: Collection[str]) -> dict[str, tuple[str, str]]:
        return status_counts.read_names(self._connection, kind, identifiers)

    def counts(self, load_balancer_id: str) -> dict[str, tuple[Count, ...]]:
        return counts.read_counts(self._connection, load_balancer_id)

    def save_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> None:
        self.write_counts(load_balancer_id, self.plan_counts(load_balancer_id, by_listener))

    def plan_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> Writing:
        return counts.plan_counts(self._connection, load_balancer_id, by_listener)

    def write_counts(self, load_balancer_id: str, writing: Writing) -> None:
        former = self.revision(load_balancer_id) if writing.steps else None
        writing.run(self._writable())
        self._cache.renew(load_balancer_id, former, writing.revision)

    def pending_since(self, moment: datetime) -> list[str]:
        return trees.read_pending_since(self._connection, moment)

    def with_tls(self) -> list[str]:
        return trees.read_with_tls(self._connection)

    def template(self, identifier: str) -> MonitorTemplate | None:
        return templates.read_template(self._connection, identifier, lock=self._lock_rows)

    def lock_templates_of(self, load_balancer_id: str) -> None:
        if self._lock_rows:
            templates.lock_templates_of(self._connection, load_balancer_id)

    def templates(self, project_id: str | None = None) -> list[MonitorTemplate]:
        return templates.read_templates(self._connection, project_id)

    def insert_template(self, template: MonitorTemplate) -> None:
        templates.insert_template(self._writable(), template)

    def update_template(self, template: MonitorTemplate) -> None:
        templates.update_template(self._writable(), template)

    def remove_template(self, identifier: str) -> None:
        templates.remove_template(self._writable(), identifier)

    def entries(self, kind: type[AnyEntry]) -> list[AnyEntry]:
        return catalogue.read_entries(self._connection, kind)

    def held_entry(self, kind: type[AnyEntry], key: str) -> AnyEntry | None:
        return catalogue.read_entry(self._connection, kind, key, hold=self._lock_rows)

    def locked_entry(self, kind: type[AnyEntry], key: str) -> AnyEntry | None:
        return catalogue.read_entry(self._connection, kind, key, lock=self._lock_rows)

    def insert_entry(self, entry: Entry) -> None:
        catalogue.insert_entry(self._writable(), entry)

    def update_entry(self, entry: Entry) -> None:
        catalogue.update_entry(self._writable(), entry)

    def remove_entry(self, entry: Entry) -> None:
        catalogue.remove_entry(self._writable(), entry)

    def lock_project(self, project_id: str) -> None:
        if self._lock_rows:
            quotas.lock_project(self._connection, project_id)

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        return quotas.read_quotas(self._connection, project_id)

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        quotas.write_quotas(self._writable(), project_id, limits)

    def remove_quotas(self, project_id: str, resources: Collection[str]) -> None:
        quotas.remove_quotas(self._writable(), project_id, resources)

    def insert_events(self, events: Sequence[Event]) -> None:
        event_rows.insert_events(self._writable(), events)

    def events(self, query: EventQuery) -> list[KeptEvent]:
        return event_rows.read_events(self._connection, query)

    def remove_events(self, *, before: datetime, keep: int, most: int) -> int:
        return event_rows.remove_events(self._writable(), before=before, keep=keep, most=most)

    def _require_small(self, tree: Tree) -> None:
        if self._most is not None and count_children(tree) > self._most:
            raise trees.TooLarge


def _edition_of(before: Tree | None, after: Tree) -> int:
    """The same where nothing has changed for agents, as after their own reports."""
    if before is None or before.generation != after.generation or before.carried() != after.carried():
        return new_edition()
    return before.edition or new_edition()


def _grown_from(before: Tree | None, after: Tree) -> bool:
    """Whether everything that was there has its place still. Of what referred to something that is gone the database
    itself may have changed the row."""
    if before is None:
        return True
    return all(
        len(children) <= len(after.children[kind])
        and all(old == new for old, new in zip(children, after.children[kind], strict=False))
        for kind, children in before.children.items()
    )
