"""A store in memory: the same promises as ``evenload.store``, for tests that are about something else.

Passes the store's contract suite. A transaction works on a copy of the mappings, so that readers keep their snapshot
and an exception leaves nothing behind; the values themselves are immutable.
"""

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from tests.fakes.hints import NotedHints
from tests.fakes.memory_lists import find_records

from evenload.interfaces.bus import AgentBus
from evenload.interfaces.store import AgentRecord, T, Transaction
from evenload.model.balancer import AnyRecord, Listener, MonitorTemplate, Pool
from evenload.model.catalogue import AnyEntry, Entry, Flavor
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.errors import Conflict, Overtaken
from evenload.model.event import Event, EventQuery, KeptEvent
from evenload.model.held_port import HeldPort, PortState
from evenload.model.network import Network, Port, Subnet
from evenload.model.placement import Placement, Placements
from evenload.model.query import Page, Query, View
from evenload.model.registration import DEFAULT_ZONE
from evenload.model.status import is_pending
from evenload.model.stored_secret import AnyStored, Sealed, Stored, StoredSecret
from evenload.model.totals import Count
from evenload.model.tree import Tree, kind_of
from evenload.service.views import relations_of
from evenload.store.hints import Hint, hints_of

_positions = itertools.count(1)
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _State:
    trees: dict[str, Tree] = field(default_factory=dict)
    counts: dict[str, tuple[Count, ...]] = field(default_factory=dict)
    agents: dict[str, AgentRecord] = field(default_factory=dict)
    templates: dict[str, MonitorTemplate] = field(default_factory=dict)
    entries: dict[tuple[type[Entry], str], Entry] = field(default_factory=dict)
    stored: dict[tuple[type[Stored], str], Stored] = field(default_factory=dict)
    sealed: dict[str, Sealed] = field(default_factory=dict)
    quotas: dict[str, dict[str, int]] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    held_ports: dict[str, HeldPort] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    tombstones: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)

    def copied(self) -> "_State":
        return _State(**{name: dict(getattr(self, name)) for name in self.__slots__})


class MemoryTransaction:
    def __init__(self, state: _State, *, writing: bool) -> None:
        self._state = state
        self._writing = writing
        self.writes = 0
        self.hints: list[Hint] = []

    # Load balancers

    def tree(self, load_balancer_id: str) -> Tree | None:
        return self._state.trees.get(load_balancer_id)

    def lock_trees(self, load_balancer_ids: Iterable[str | None]) -> None:
        """There is one writer at a time."""

    def owner_of(self, kind: Kind, identifier: str) -> str | None:
        return next((tree.id for tree, record in self._records(kind) if record.id == identifier), None)

    def insert_tree(self, tree: Tree) -> None:
        _put_new(self._writable().trees, tree.id, tree)
        self.hints += hints_of(None, tree)

    def update_tree(self, before: Tree, after: Tree) -> None:
        state = self._writable()
        _require(state.trees, before.id)
        state.trees[after.id] = after
        self._forget_counts(set(before.listeners) - set(after.listeners))
        self.hints += hints_of(before, after)

    def remove_tree(self, before: Tree) -> None:
        state = self._writable()
        _require(state.trees, before.id)
        del state.trees[before.id]
        self._forget_counts(before.listeners)

    def _forget_counts(self, listener_ids: Iterable[str]) -> None:
        for identifier in listener_ids:
            self._state.counts.pop(identifier, None)

    def view(self, kind: Kind, identifier: str) -> View[AnyRecord] | None:
        for tree, record in self._records(kind):
            if record.id == identifier and (tree.hosted or kind is not Kind.LOAD_BALANCER):
                return View(record=record, relations=relations_of(tree, record.item))
        return None

    def find(self, kind: Kind, query: Query) -> Page[AnyRecord]:
        return find_records(kind, list(self._records(kind)), query)

    def count(self, kind: Kind, query: Query) -> int:
        return sum(not view.record.deleting for view in self.find(kind, query).views)

    def count_statuses(self, kind: Kind) -> dict[tuple[ProvisioningStatus, OperatingStatus], int]:
        records = [view.record for view in self.find(kind, Query()).views]
        return dict(Counter((each.provisioning_status, each.operating_status) for each in records))

    def names(self, kind: Kind, identifiers: Collection[str]) -> dict[str, tuple[str, str]]:
        return {
            record.id: (record.name, record.project_id)
            for _, record in self._records(kind)
            if record.id in set(identifiers)
        }

    def counts(self, load_balancer_id: str) -> dict[str, tuple[Count, ...]]:
        tree = self._state.trees.get(load_balancer_id)
        stored = self._state.counts
        return {key: stored[key] for key in tree.listeners if key in stored} if tree else {}

    def save_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> None:
        state = self._writable()
        tree = state.trees.get(load_balancer_id)
        for key in by_listener.keys() & (tree.listeners.keys() if tree else set()):
            state.counts[key] = tuple(sorted(by_listener[key], key=lambda count: (count.agent, count.place)))

    def assignments(self, agent: str) -> dict[str, int]:
        trees = self._state.trees.values()
        return {tree.id: tree.generation for tree in trees if agent in tree.agents and tree.hosted}

    def bound_to(self, agent: str) -> list[str]:
        return [tree.id for tree in self._state.trees.values() if agent in tree.agents]

    def placements(self) -> list[tuple[str, int, Placement]]:
        trees = [tree for tree in self._state.trees.values() if tree.hosted]
        return [(tree.id, tree.load_balancer.item.incarnation, each) for tree in trees for each in tree.placements]

    def placements_of(self, load_balancer_ids: Sequence[str]) -> dict[str, Placements]:
        trees = {tree.id: tree for tree in self._state.trees.values() if tree.hosted}
        return {each: trees[each].placements for each in load_balancer_ids if each in trees}

    def pending_since(self, moment: datetime) -> list[str]:
        return sorted(
            tree.id
            for tree in self._state.trees.values()
            if any(
                is_pending(record) and (record.updated_at or record.created_at) < moment for record in tree.records()
            )
        )

    def with_tls(self) -> list[str]:
        return sorted(tree.id for tree in self._state.trees.values() if any(map(_has_tls, tree.records())))

    def agents(self) -> list[AgentRecord]:
        served = [agent for tree in self._state.trees.values() for agent in tree.agents]
        return [replace(agent, load=served.count(name)) for name, agent in sorted(self._state.agents.items())]

    def held_agent(self, name: str) -> AgentRecord | None:
        return next((agent for agent in self.agents() if agent.name == name), None)

    locked_agent = held_agent

    def insert_agent(self, name: str, moment: datetime, availability_zone: str = DEFAULT_ZONE) -> None:
        now = moment.astimezone(UTC)
        record = AgentRecord(
            name=name, seen_at=now, created_at=now, started_at=now, availability_zone=availability_zone
        )
        _put_new(self._writable().agents, name, record)

    def agent_seen(
        self, name: str, moment: datetime, *, started: bool = False, availability_zone: str | None = None
    ) -> bool:
        now = moment.astimezone(UTC)
        known = self._writable().agents.get(name)
        if known is None:
            return False
        self._state.agents[name] = replace(
            known,
            seen_at=now,
            started_at=now if started else known.started_at,
            availability_zone=known.availability_zone if availability_zone is None else availability_zone,
        )
        return True

    def update_agent(self, name: str, *, admin_state_up: bool, description: str) -> None:
        known = _require(self._writable().agents, name)
        self._state.agents[name] = replace(known, admin_state_up=admin_state_up, description=description)

    def remove_agent(self, name: str) -> None:
        self._writable().agents.pop(name, None)

    # Health monitors of LBaaS v1

    def template(self, identifier: str) -> MonitorTemplate | None:
        return self._state.templates.get(identifier)

    def lock_templates_of(self, load_balancer_id: str) -> None:
        """There is one writer at a time."""

    def templates(self, project_id: str | None = None) -> list[MonitorTemplate]:
        return [each for each in self._state.templates.values() if project_id in (None, each.project_id)]

    def insert_template(self, template: MonitorTemplate) -> None:
        _put_new(self._writable().templates, template.id, template)

    def update_template(self, template: MonitorTemplate) -> None:
        _require(self._writable().templates, template.id)
        self._state.templates[template.id] = template

    def remove_template(self, identifier: str) -> None:
        self._writable().templates.pop(identifier, None)

    # Quotas

    # Flavors, availability zones and their profiles

    def entries(self, kind: type[AnyEntry]) -> list[AnyEntry]:
        return [entry for entry in self._state.entries.values() if isinstance(entry, kind)]

    def held_entry(self, kind: type[AnyEntry], key: str) -> AnyEntry | None:
        return next((entry for entry in self.entries(kind) if entry.key == key), None)

    locked_entry = held_entry

    def insert_entry(self, entry: Entry) -> None:
        self._require_unique_name(entry)
        entries = self._writable().entries
        if (type(entry), entry.key) in entries:
            raise Overtaken(f"{entry.key} is there already.")
        entries[type(entry), entry.key] = entry

    def update_entry(self, entry: Entry) -> None:
        self._require_unique_name(entry)
        entries = self._writable().entries
        if (type(entry), entry.key) not in entries:
            raise Overtaken(f"{entry.key} is gone.")
        entries[type(entry), entry.key] = entry

    def remove_entry(self, entry: Entry) -> None:
        self._writable().entries.pop((type(entry), entry.key), None)

    def _require_unique_name(self, entry: Entry) -> None:
        if isinstance(entry, Flavor) and any(
            each.name == entry.name and each.id != entry.id for each in self.entries(Flavor)
        ):
            raise Overtaken(f"A flavor {entry.name} is there already.")

    def stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        return next((each for each in self.all_stored(kind) if each.id == identifier), None)

    locked_stored = stored

    def all_stored(self, kind: type[AnyStored], project_id: str | None = None) -> list[AnyStored]:
        found = [each for each in self._state.stored.values() if isinstance(each, kind)]
        return [each for each in found if project_id in (None, each.project_id)]

    def count_stored(self, kind: type[AnyStored], project_id: str) -> int:
        return len(self.all_stored(kind, project_id))

    def past_secrets(self, project_id: str, now: datetime) -> list[StoredSecret]:
        there = self.all_stored(StoredSecret, project_id)
        return [each for each in there if each.expiration is not None and each.expiration <= now]

    def insert_stored(self, stored: Stored) -> None:
        _put_new(self._writable().stored, (type(stored), stored.id), stored)

    def update_stored(self, stored: Stored) -> None:
        _require(self._writable().stored, (type(stored), stored.id))
        self._state.stored[type(stored), stored.id] = stored

    def remove_stored(self, stored: Stored) -> None:
        self._writable().stored.pop((type(stored), stored.id), None)
        if isinstance(stored, StoredSecret):
            self._state.sealed.pop(stored.id, None)

    def sealed(self, identifier: str) -> Sealed | None:
        return self._state.sealed.get(identifier)

    def save_sealed(self, identifier: str, sealed: Sealed) -> None:
        if (StoredSecret, identifier) not in self._writable().stored:
            raise Overtaken(f"{identifier} is gone.")
        self._state.sealed[identifier] = sealed

    def sealed_otherwise(self, key_ids: Collection[str], most: int) -> list[str]:
        return sorted(id for id, sealed in self._state.sealed.items() if sealed.key_id not in key_ids)[:most]

    def sealing_keys(self) -> dict[str, int]:
        return dict(Counter(each.key_id for each in self._state.sealed.values()))

    def lock_project(self, project_id: str) -> None:
        """There is one writer at a time."""

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        return {
            project: dict(limits)
            for project, limits in sorted(self._state.quotas.items())
            if project_id in (None, project)
        }

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        state = self._writable()
        state.quotas[project_id] = {**state.quotas.get(project_id, {}), **limits}

    def remove_quotas(self, project_id: str, resources: Collection[str]) -> None:
        state = self._writable()
        left = {name: limit for name, limit in state.quotas.get(project_id, {}).items() if name not in resources}
        if left:
            state.quotas[project_id] = left
        else:
            state.quotas.pop(project_id, None)

    # Networks

    def locked_network(self, identifier: str) -> Network | None:
        return self.network(identifier)

    def network(self, identifier: str) -> Network | None:
        return self._state.networks.get(identifier)

    def networks(self) -> list[Network]:
        return list(self._state.networks.values())

    def insert_network(self, network: Network) -> None:
        state = self._writable()
        if any(other.segment == network.segment for other in state.networks.values()):
            raise Conflict("Another network lies on that segment.", field="segment")
        _put_new(state.networks, network.id, network)

    def update_network(self, network: Network) -> None:
        _require(self._writable().networks, network.id)
        self._state.networks[network.id] = network

    def remove_network(self, identifier: str) -> None:
        state = self._writable()
        if self.subnets(identifier) or self.ports(identifier):
            raise Conflict(f"Network {identifier} is in use.")
        state.networks.pop(identifier, None)

    def subnet(self, identifier: str) -> Subnet | None:
        return self._state.subnets.get(identifier)

    def subnets(self, network_id: str | None = None) -> list[Subnet]:
        return [subnet for subnet in self._state.subnets.values() if network_id in (None, subnet.network_id)]

    def insert_subnet(self, subnet: Subnet) -> None:
        state = self._writable()
        _require(state.networks, subnet.network_id)
        _put_new(state.subnets, subnet.id, subnet)

    def update_subnet(self, subnet: Subnet) -> None:
        _require(self._writable().subnets, subnet.id)
        self._state.subnets[subnet.id] = subnet

    def remove_subnet(self, identifier: str) -> None:
        state = self._writable()
        if self.addresses_taken(identifier):
            raise Conflict(f"Subnet {identifier} is in use.")
        state.subnets.pop(identifier, None)

    def locked_port(self, identifier: str) -> Port | None:
        return self.port(identifier)

    def port(self, identifier: str) -> Port | None:
        return self._state.ports.get(identifier)

    def ports(self, network_id: str | None = None) -> list[Port]:
        return [port for port in self._state.ports.values() if network_id in (None, port.network_id)]

    def insert_port(self, port: Port) -> None:
        state = self._writable()
        _require(state.networks, port.network_id)
        self._require_unique(port)
        _put_new(state.ports, port.id, port)

    def update_port(self, port: Port) -> None:
        state = self._writable()
        self._require_unique(port)
        _require(state.ports, port.id)
        state.ports[port.id] = port

    def _require_unique(self, port: Port) -> None:
        for other in self._state.ports.values():
            if other.id == port.id:
                continue
            if other.network_id == port.network_id and other.mac_address == port.mac_address:
                raise Conflict(f"MAC address {port.mac_address} is already in use.", field="mac_address")
            if set(other.fixed_ips) & set(port.fixed_ips):
                raise Conflict(f"An IP address of port {port.id} is already in use.", field="fixed_ips")

    def remove_port(self, identifier: str) -> None:
        self._writable().ports.pop(identifier, None)

    def addresses_taken(self, subnet_id: str) -> set[str]:
        return {ip.address for port in self._state.ports.values() for ip in port.fixed_ips if ip.subnet_id == subnet_id}

    def tombstone(self, load_balancer_id: str, agent: str) -> int | None:
        return self._state.tombstones.get((load_balancer_id, agent), (None,))[0]

    def save_tombstone(self, load_balancer_id: str, agent: str, generation: int, moment: datetime) -> None:
        self._writable().tombstones[load_balancer_id, agent] = (generation, moment)

    def remove_tombstone(self, load_balancer_id: str, agent: str) -> None:
        self._writable().tombstones.pop((load_balancer_id, agent), None)

    def rename_tombstones(self, former: str, name: str) -> None:
        rows = self._writable().tombstones
        for identifier, agent in list(rows):
            if agent == former:
                rows[identifier, name] = rows.pop((identifier, former))

    def has_tombstones_before(self, moment: datetime) -> bool:
        return any(made_at < moment for _, made_at in self._state.tombstones.values())

    def remove_tombstones_before(self, moment: datetime) -> None:
        rows = self._writable().tombstones
        for key in [key for key, (_, made_at) in rows.items() if made_at < moment]:
            del rows[key]

    def insert_events(self, events: Sequence[Event]) -> None:
        if events:
            rows = self._writable().events
            rows.update({next(_positions): event for event in events})

    def events(self, query: EventQuery) -> list[KeptEvent]:
        found = [KeptEvent(*each) for each in sorted(self._state.events.items()) if _is_wanted(query, *each)]
        return found[: query.limit] if query.after is not None else found[-query.limit :]

    def remove_events(self, *, before: datetime, keep: int, most: int) -> int:
        rows = self._writable().events
        newest = max(rows, default=0)
        gone = 0
        for position in sorted(rows)[:most]:
            if position > newest - keep and rows[position].at >= before:
                break
            del rows[position]
            gone += 1
        return gone

    def insert_held_port(self, held: HeldPort) -> None:
        _put_new(self._writable().held_ports, held.id, held)
        self._require_unshared(held)

    def update_held_port(self, held: HeldPort) -> None:
        _require(self._writable().held_ports, held.id)
        self._state.held_ports[held.id] = held
        self._require_unshared(held)

    def _require_unshared(self, held: HeldPort) -> None:
        if held.described is not None:
            same = [each for each in self._state.held_ports.values() if _described_id(each) == held.described.id]
            if len(same) > 1:
                raise Overtaken(f"Port {held.described.id} is held already.")

    def remove_held_port(self, identifier: str) -> None:
        self._writable().held_ports.pop(identifier, None)

    def held_port(self, identifier: str) -> HeldPort | None:
        return self._state.held_ports.get(identifier)

    def held_port_at(self, port_id: str) -> HeldPort | None:
        return next((each for each in self._state.held_ports.values() if _described_id(each) == port_id), None)

    def held_ports_due(self, reserved_before: datetime) -> list[HeldPort]:
        due = [
            each
            for each in self._state.held_ports.values()
            if each.state in (PortState.BINDING, PortState.RELEASING)
            or (each.state is PortState.RESERVED and each.since < reserved_before)
        ]
        return sorted(due, key=lambda each: (each.since, each.id))

    def _records(self, kind: Kind) -> Iterator[tuple[Tree, AnyRecord]]:
        for tree in self._state.trees.values():
            yield from ((tree, record) for record in tree.records() if kind_of(record.item) is kind)

    def _writable(self) -> _State:
        if not self._writing:
            raise RuntimeError("This transaction was opened for reading only.")
        self.writes += 1
        return self._state


class MemoryStore:
    """Fulfils ``UnitOfWork``. ``transactions`` counts the writing ones that were committed, ``writes`` what they wrote,
    for tests that ask how much work a use case makes. ``bus`` gets the hints."""

    def __init__(self, bus: AgentBus | None = None) -> None:
        self._bus = bus or NotedHints()
        self._identity = str(uuid.uuid4())
        self._state = _State()
        self._writer = threading.Lock()
        self._writer_thread: int | None = None
        self.transactions = 0
        self.writes = 0

    def identity(self) -> str:
        return self._identity

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        yield MemoryTransaction(self._state, writing=False)

    def look(self, question: Callable[[Transaction], T]) -> T:
        with self.read() as transaction:
            return question(transaction)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """One writer at a time, so that whoever is overtaken has not read what it writes: running the work again does
        not help then, but it is run again all the same, as the real store does."""
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("A writing transaction inside a writing transaction would wait for itself.")
        with self._writer:
            self._writer_thread = threading.get_ident()
            try:
                result, transaction = self._attempt(work)
            except Overtaken:
                result, transaction = self._attempt(work)
            finally:
                self._writer_thread = None
            self._state = transaction._state
            self.transactions += 1
            self.writes += transaction.writes
        for hint in transaction.hints:
            self._bus.hint(hint.agent, hint.load_balancer_id, hint.generation)
        return result

    def _attempt(self, work: Callable[[Transaction], T]) -> tuple[T, MemoryTransaction]:
        transaction = MemoryTransaction(self._state.copied(), writing=True)
        return work(transaction), transaction


def _is_wanted(query: EventQuery, position: int, event: Event) -> bool:
    names = (event.load_balancer_id, event.load_balancer_name, event.object_id, event.object_name, event.agent)
    return (
        (query.after is None or position > query.after)
        and (query.since is None or event.at >= query.since)
        and (not query.kinds or event.kind in query.kinds)
        and query.load_balancer_id in (None, event.load_balancer_id)
        and (query.named is None or query.named in names)
    )


def _described_id(held: HeldPort) -> str | None:
    return None if held.described is None else held.described.id


def _put_new(rows: dict[K, V], key: K, value: V) -> None:
    if key in rows:
        raise Overtaken(f"{key} is there already.")
    rows[key] = value


def _require(rows: dict[K, V], key: K) -> V:
    if key not in rows:
        raise Overtaken(f"{key} is gone.")
    return rows[key]


def _has_tls(record: AnyRecord) -> bool:
    return isinstance(record.item, Listener | Pool) and record.item.tls is not None
