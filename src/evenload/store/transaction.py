"""One transaction: fulfils ``Transaction`` of ``interfaces`` on any SQLAlchemy database.

It hands each question and each change to the module of its table, locks rows where the database has such locks, and
notes what the agents are to be told. It begins and ends nothing; unit_of_work.py does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from evenload.interfaces.store import AgentRecord
from evenload.model.balancer import AnyRecord, MonitorTemplate
from evenload.model.catalogue import AnyEntry, Entry
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.event import Event, EventQuery, KeptEvent
from evenload.model.held_port import HeldPort
from evenload.model.network import Network, Port, Subnet
from evenload.model.placement import Placement, Placements
from evenload.model.query import Page, Query, View
from evenload.model.registration import DEFAULT_ZONE
from evenload.model.stored_secret import AnyStored, Sealed, Stored, StoredSecret
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.store import (
    agents,
    catalogue,
    counts,
    held_ports,
    networks,
    placements,
    queries,
    quotas,
    secrets,
    status_counts,
    templates,
    tombstones,
    tree_writing,
    trees,
)
from evenload.store import events as event_rows
from evenload.store.hints import Hint, hints_of
from evenload.store.identity import ensure_identity, read_identity
from evenload.store.tree_cache import TreeCache, count_children, new_edition
from evenload.store.tree_writing import Writing
from evenload.store.view_cache import ViewCache


class SqlTransaction:
    """One transaction on one connection; of use only inside the block or the work that it was given to.

    ``hints``: what is to be told to the agents after the commit. ``most``: records of trees that may be read, and that
    one which is written may have; where there are more, TooLarge is raised.
    """

    def __init__(
        self, connection: Connection, cache: TreeCache, views: ViewCache, *, writing: bool, most: int | None = None
    ) -> None:
        self._cache = cache
        self._views = views
        self.hints: list[Hint] = []
        self._most = most
        self._left = most
        self._connection = connection
        self._writing = writing
        # SQLite has the whole file locked for its writer.
        self._lock_rows = writing and connection.dialect.name != "sqlite"

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

    def assignments(self, agent: str) -> dict[str, int]:
        return agents.read_assignments(self._connection, agent)

    def placements(self) -> list[tuple[str, int, Placement]]:
        return placements.read_all_placements(self._connection)

    def placements_of(self, load_balancer_ids: Sequence[str]) -> dict[str, Placements]:
        return placements.read_placements_of(self._connection, load_balancer_ids)

    def pending_since(self, moment: datetime) -> list[str]:
        return trees.read_pending_since(self._connection, moment)

    def with_tls(self) -> list[str]:
        return trees.read_with_tls(self._connection)

    def agents(self) -> list[AgentRecord]:
        return agents.read_agents(self._connection)

    def held_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, hold=self._lock_rows)

    def locked_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, lock=self._lock_rows)

    def bound_to(self, agent: str) -> list[str]:
        return agents.read_bound_to(self._connection, agent)

    def insert_agent(self, name: str, moment: datetime, availability_zone: str = DEFAULT_ZONE) -> None:
        agents.insert_agent(self._writable(), name, moment, availability_zone)

    def agent_seen(
        self, name: str, moment: datetime, *, started: bool = False, availability_zone: str | None = None
    ) -> bool:
        return agents.write_agent_seen(
            self._writable(), name, moment, started=started, availability_zone=availability_zone
        )

    def update_agent(self, name: str, *, admin_state_up: bool, description: str) -> None:
        agents.update_agent(self._writable(), name, admin_state_up=admin_state_up, description=description)

    def remove_agent(self, name: str) -> None:
        agents.remove_agent(self._writable(), name)

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

    def stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        return secrets.read_stored(self._connection, kind, identifier, lock=False)

    def locked_stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        return secrets.read_stored(self._connection, kind, identifier, lock=self._lock_rows)

    def all_stored(self, kind: type[AnyStored], project_id: str | None = None) -> list[AnyStored]:
        return secrets.read_all_stored(self._connection, kind, project_id)

    def count_stored(self, kind: type[AnyStored], project_id: str) -> int:
        return secrets.count_stored(self._connection, kind, project_id)

    def past_secrets(self, project_id: str, now: datetime) -> list[StoredSecret]:
        return secrets.read_past(self._connection, project_id, now)

    def insert_stored(self, stored: Stored) -> None:
        secrets.insert_stored(self._writable(), stored)

    def update_stored(self, stored: Stored) -> None:
        secrets.update_stored(self._writable(), stored)

    def remove_stored(self, stored: Stored) -> None:
        secrets.remove_stored(self._writable(), stored)

    def sealed(self, identifier: str) -> Sealed | None:
        return secrets.read_sealed(self._connection, identifier)

    def save_sealed(self, identifier: str, sealed: Sealed) -> None:
        secrets.write_sealed(self._writable(), identifier, sealed)

    def sealed_otherwise(self, key_ids: Collection[str], most: int) -> list[str]:
        return secrets.read_sealed_otherwise(self._connection, key_ids, most)

    def sealing_keys(self) -> dict[str, int]:
        return secrets.read_sealing_keys(self._connection)

    def lock_project(self, project_id: str) -> None:
        if self._lock_rows:
            quotas.lock_project(self._connection, project_id)

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        return quotas.read_quotas(self._connection, project_id)

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        quotas.write_quotas(self._writable(), project_id, limits)

    def remove_quotas(self, project_id: str, resources: Collection[str]) -> None:
        quotas.remove_quotas(self._writable(), project_id, resources)

    def locked_network(self, identifier: str) -> Network | None:
        return networks.read_network(self._connection, identifier, lock=self._lock_rows)

    def network(self, identifier: str) -> Network | None:
        return networks.read_network(self._connection, identifier, lock=False)

    def networks(self) -> list[Network]:
        return networks.read_networks(self._connection)

    def insert_network(self, network: Network) -> None:
        networks.write_network(self._writable(), network, new=True)

    def update_network(self, network: Network) -> None:
        networks.write_network(self._writable(), network, new=False)

    def remove_network(self, identifier: str) -> None:
        networks.remove_network(self._writable(), identifier)

    def subnet(self, identifier: str) -> Subnet | None:
        return networks.read_subnet(self._connection, identifier)

    def subnets(self, network_id: str | None = None) -> list[Subnet]:
        return networks.read_subnets(self._connection, network_id)

    def insert_subnet(self, subnet: Subnet) -> None:
        networks.write_subnet(self._writable(), subnet, new=True)

    def update_subnet(self, subnet: Subnet) -> None:
        networks.write_subnet(self._writable(), subnet, new=False)

    def remove_subnet(self, identifier: str) -> None:
        networks.remove_subnet(self._writable(), identifier)

    def locked_port(self, identifier: str) -> Port | None:
        return networks.read_port(self._connection, identifier, lock=self._lock_rows)

    def port(self, identifier: str) -> Port | None:
        return networks.read_port(self._connection, identifier, lock=False)

    def ports(self, network_id: str | None = None) -> list[Port]:
        return networks.read_ports(self._connection, network_id)

    def insert_port(self, port: Port) -> None:
        networks.write_port(self._writable(), port, new=True)

    def update_port(self, port: Port) -> None:
        networks.write_port(self._writable(), port, new=False)

    def remove_port(self, identifier: str) -> None:
        networks.remove_port(self._writable(), identifier)

    def addresses_taken(self, subnet_id: str) -> set[str]:
        return networks.read_addresses_taken(self._connection, subnet_id)

    def tombstone(self, load_balancer_id: str, agent: str) -> int | None:
        return tombstones.read_tombstone(self._connection, load_balancer_id, agent)

    def save_tombstone(self, load_balancer_id: str, agent: str, generation: int, moment: datetime) -> None:
        tombstones.write_tombstone(self._writable(), load_balancer_id, agent, generation, moment)

    def remove_tombstone(self, load_balancer_id: str, agent: str) -> None:
        tombstones.remove_tombstone(self._writable(), load_balancer_id, agent)

    def rename_tombstones(self, former: str, name: str) -> None:
        tombstones.rename_tombstones(self._writable(), former, name)

    def has_tombstones_before(self, moment: datetime) -> bool:
        return tombstones.has_tombstones_before(self._connection, moment)

    def remove_tombstones_before(self, moment: datetime) -> None:
        tombstones.remove_tombstones_before(self._writable(), moment)

    def insert_events(self, events: Sequence[Event]) -> None:
        event_rows.insert_events(self._writable(), events)

    def events(self, query: EventQuery) -> list[KeptEvent]:
        return event_rows.read_events(self._connection, query)

    def remove_events(self, *, before: datetime, keep: int, most: int) -> int:
        return event_rows.remove_events(self._writable(), before=before, keep=keep, most=most)

    def insert_held_port(self, held: HeldPort) -> None:
        held_ports.insert_held_port(self._writable(), held)

    def update_held_port(self, held: HeldPort) -> None:
        held_ports.update_held_port(self._writable(), held)

    def remove_held_port(self, identifier: str) -> None:
        held_ports.remove_held_port(self._writable(), identifier)

    def held_port(self, identifier: str) -> HeldPort | None:
        return held_ports.read_held_port(self._connection, identifier, lock=self._lock_rows)

    def held_port_at(self, port_id: str) -> HeldPort | None:
        return held_ports.read_held_port_at(self._connection, port_id)

    def held_ports_due(self, reserved_before: datetime) -> list[HeldPort]:
        return held_ports.read_due(self._connection, reserved_before)

    def _require_small(self, tree: Tree) -> None:
        if self._most is not None and count_children(tree) > self._most:
            raise trees.TooLarge

    def _writable(self) -> Connection:
        if not self._writing:
            raise RuntimeError("This transaction was opened for reading only.")
        return self._connection


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
