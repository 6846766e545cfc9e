"""Transactions on the store: fulfils ``UnitOfWork`` and ``Transaction`` of interfaces.py on any SQLAlchemy database.

``main`` makes one SqlUnitOfWork for the process; ``service`` uses it. A transaction reads a consistent snapshot or
writes alone: on SQLite there is one writer at a time, elsewhere it locks the rows that it is going to change. Errors of
the database leave here as StoreUnavailable. Work that another change has overtaken is run again here, and the agents
get their hints from here, after the commit.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from evenload.interfaces import AgentBus, AgentRecord, T, Transaction
from evenload.model.balancer import AnyRecord, MonitorTemplate
from evenload.model.desired import Desired
from evenload.model.enums import Kind
from evenload.model.errors import EvenloadError, Overtaken, StoreUnavailable
from evenload.model.held_port import HeldPort
from evenload.model.network import Network, Port, Subnet
from evenload.model.query import Page, Query, View
from evenload.model.snapshot import Snapshot
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.store import (
    agents,
    counts,
    held_ports,
    networks,
    queries,
    quotas,
    templates,
    tombstones,
    tree_writing,
    trees,
)
from evenload.store.hints import Hint, hints_of
from evenload.store.identity import ensure_identity, read_identity
from evenload.store.prepared import Prepared
from evenload.store.rehearsal import NotForeseeable, Outdated, Rehearsal
from evenload.store.tree_writing import Writing
from evenload.store.writer_queue import WriterQueue

_TRIES = 8
"""Of one piece of work: who is overtaken that often, under locks, is not going to succeed."""
_LONGEST_PAUSE = 0.2
RECORDS_IN_A_TURN = 200
"""Of trees, that are read while others wait, on SQLite."""
_REHEARSALS = 3
_RECORDS_IN_A_SNAPSHOT = 200
"""Of a larger load balancer the agent fetches the document: who made the change is not to wait while it is written."""

Describe = Callable[[Transaction, Tree], Desired]
"""What an agent is told of a tree that it has to serve. Raises EvenloadError."""


class SqlTransaction:
    """One transaction on one connection; of use only inside the block or the work that it was given to.

    ``hints``: what is to be told to the agents after the commit. ``most``: records of trees that may be read; where
    there are more, TooLarge is raised.
    """

    def __init__(self, connection: Connection, *, writing: bool, most: int | None = None) -> None:
        self.hints: list[Hint] = []
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
        tree = trees.read_tree(self._connection, load_balancer_id, lock=self._lock_rows, most=self._left)
        if tree is not None and self._left is not None:
            self._left = max(0, self._left - _count(tree))
        return tree

    def revision(self, load_balancer_id: str) -> int | None:
        return trees.read_revision(self._connection, load_balancer_id)

    def lock_trees(self, load_balancer_ids: Iterable[str | None]) -> None:
        if self._lock_rows:
            trees.lock_trees(self._connection, load_balancer_ids)

    def owner_of(self, kind: Kind, identifier: str) -> str | None:
        return trees.read_owner(self._connection, kind, identifier)

    def insert_tree(self, tree: Tree, prepared: object = None) -> None:
        ready = prepared if isinstance(prepared, Prepared) else None
        self.write_tree(self.plan_tree(None, tree, ready), None, tree)

    def update_tree(self, before: Tree, after: Tree) -> None:
        self.write_tree(self.plan_tree(before, after), before, after)

    def remove_tree(self, before: Tree) -> None:
        self.write_tree(self.plan_tree(before, None), before, None)

    def plan_tree(self, before: Tree | None, after: Tree | None, prepared: Prepared | None = None) -> Writing:
        return tree_writing.plan_writing(self._connection.dialect, before, after, prepared)

    def write_tree(self, writing: Writing, before: Tree | None, after: Tree | None) -> None:
        """What was planned for these two."""
        writing.run(self._writable())
        if after is not None:
            self.hints += hints_of(before, after)

    def view(self, kind: Kind, identifier: str) -> View[AnyRecord] | None:
        return queries.read_view(self._connection, kind, identifier)

    def find(self, kind: Kind, query: Query) -> Page[AnyRecord]:
        return queries.read_page(self._connection, kind, query)

    def count(self, kind: Kind, query: Query) -> int:
        return queries.read_count(self._connection, kind, query)

    def counts(self, load_balancer_id: str) -> dict[str, tuple[Count, ...]]:
        return counts.read_counts(self._connection, load_balancer_id)

    def save_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> None:
        self.write_counts(self.plan_counts(load_balancer_id, by_listener))

    def plan_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> Writing:
        return counts.plan_counts(self._connection, load_balancer_id, by_listener)

    def write_counts(self, writing: Writing) -> None:
        writing.run(self._writable())

    def assignments(self, agent: str) -> dict[str, int]:
        return agents.read_assignments(self._connection, agent)

    def pending_since(self, moment: datetime) -> list[str]:
        return trees.read_pending_since(self._connection, moment)

    def agents(self) -> list[AgentRecord]:
        return agents.read_agents(self._connection)

    def held_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, hold=self._lock_rows)

    def locked_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, lock=self._lock_rows)

    def bound_to(self, agent: str) -> list[str]:
        return agents.read_bound_to(self._connection, agent)

    def insert_agent(self, name: str, moment: datetime) -> None:
        agents.insert_agent(self._writable(), name, moment)

    def agent_seen(self, name: str, moment: datetime, *, started: bool = False) -> bool:
        return agents.write_agent_seen(self._writable(), name, moment, started=started)

    def update_agent(self, name: str, *, admin_state_up: bool, description: str) -> None:
        agents.update_agent(self._writable(), name, admin_state_up=admin_state_up, description=description)

    def remove_agent(self, name: str) -> None:
        agents.remove_agent(self._writable(), name)

    def template(self, identifier: str) -> MonitorTemplate | None:
        return templates.read_template(self._connection, identifier, lock=self._lock_rows)

    def templates(self, project_id: str | None = None) -> list[MonitorTemplate]:
        return templates.read_templates(self._connection, project_id)

    def insert_template(self, template: MonitorTemplate) -> None:
        templates.insert_template(self._writable(), template)

    def update_template(self, template: MonitorTemplate) -> None:
        templates.update_template(self._writable(), template)

    def remove_template(self, identifier: str) -> None:
        templates.remove_template(self._writable(), identifier)

    def lock_project(self, project_id: str) -> None:
        if self._lock_rows:
            quotas.lock_project(self._connection, project_id)

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        return quotas.read_quotas(self._connection, project_id)

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        quotas.write_quotas(self._writable(), project_id, limits)

    def remove_quotas(self, project_id: str) -> None:
        quotas.remove_quotas(self._writable(), project_id)

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

    def ports(self, network_id: str | None = None, device_id: str | None = None) -> list[Port]:
        return networks.read_ports(self._connection, network_id, device_id)

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

    def _writable(self) -> Connection:
        if not self._writing:
            raise RuntimeError("This transaction was opened for reading only.")
        return self._connection


class SqlUnitOfWork:
    """``engine`` comes from engine.open_engine, its schema from migrate.upgrade. ``bus`` carries the hints.

    ``busy_timeout``: seconds that a writer waits for the writers before it in this process. ``describe``: makes the
    document that goes with a hint; without it agents fetch what they are told of. ``records_in_a_turn``: of trees, that
    work reads while others wait, on SQLite; work that wants more is rehearsed.
    """

    def __init__(
        self,
        engine: Engine,
        bus: AgentBus,
        *,
        busy_timeout: float = 10.0,
        describe: Describe | None = None,
        records_in_a_turn: int = RECORDS_IN_A_TURN,
    ) -> None:
        self._most = records_in_a_turn
        self._engine = engine
        self._bus = bus
        self._describe = describe
        self._database: str | None = None
        self._sqlite = engine.dialect.name == "sqlite"
        self._busy_timeout = busy_timeout
        # SQLite lets writers of other connections poll with growing pauses; in one process they can simply queue.
        self._queue = WriterQueue(busy_timeout)
        self._here = threading.local()

    def identity(self) -> str:
        with self.read() as transaction:
            found = transaction.identity()
        return found or self._write(SqlTransaction.ensure_identity)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with _translated(), self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield SqlTransaction(connection, writing=False)

    def prepare(self, tree: Tree) -> object:
        return tree_writing.prepare_tree(self._engine.dialect, tree)

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self._write(work)

    def _write(self, work: Callable[[SqlTransaction], T]) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                result, hints, moment = self._attempt(work)
            except Overtaken:
                if not tries_left:
                    raise
                # Two who overtake each other must not meet again at the next try.
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.005 * 2 ** (_TRIES - tries_left))))
            else:
                for hint in {(hint.agent, hint.load_balancer_id): hint for hint in hints}.values():  # the last of each
                    self._bus.hint(hint.agent, hint.load_balancer_id, hint.generation, self._snapshot(hint, moment))
                return result
        raise AssertionError("unreachable")

    def _snapshot(self, hint: Hint, moment: float) -> Snapshot | None:
        """None where the agent had better fetch the document."""
        tree = hint.tree
        if self._describe is None or tree is None or _count(tree) > _RECORDS_IN_A_SNAPSHOT:
            return None
        try:
            with self.read() as transaction:
                self._database = self._database or transaction.identity()
                document = self._describe(transaction, tree)
        except EvenloadError:  # the change is committed; what stands in the way of a fetch is told to who fetches
            return None
        return None if self._database is None else Snapshot(document=document, moment=moment, database=self._database)

    def _attempt(self, work: Callable[[SqlTransaction], T]) -> tuple[T, list[Hint], float]:
        """On SQLite what is too large for a turn is rehearsed before it. What others overtake again and again is done
        in the turn in the end, however long they have to wait for it."""
        if not self._sqlite:
            return self._in_turn(work)
        try:
            return self._in_turn(work, most=self._most)
        except trees.TooLarge:
            pass
        for _ in range(_REHEARSALS):
            try:
                return self._in_turn(self._rehearse(work))
            except Outdated:
                continue
            except NotForeseeable:
                break
        return self._in_turn(work)

    def _rehearse(self, work: Callable[[SqlTransaction], T]) -> Callable[[SqlTransaction], T]:
        with self._not_within(), self.read() as snapshot:
            return Rehearsal(snapshot).run(cast(Callable[[Transaction], T], work))

    def _in_turn(self, work: Callable[[SqlTransaction], T], *, most: int | None = None) -> tuple[T, list[Hint], float]:
        """``work``'s result, what is to be told, and a moment at which it was written and nobody else could write."""
        with self._alone(), _translated(), self._engine.connect() as connection:
            if self._sqlite:
                self._begin_alone(connection)
            else:
                # What is read after a lock was waited for is what is there by then; see docs/adr/0016.
                connection = connection.execution_options(isolation_level="READ COMMITTED")
            transaction = SqlTransaction(connection, writing=True, most=most)
            result = work(transaction)
            moment = time.monotonic()
            connection.commit()
            return result, transaction.hints, moment

    def close(self) -> None:
        """Closes the idle connections; the last one to go folds SQLite's log into the file."""
        self._engine.dispose()

    def _begin_alone(self, connection: Connection) -> None:
        """Other processes may hold the file: waits for as long as is left of the time, and says so to the queue."""
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self._queue.left() * 1000)}")
        with self._queue.waiting_for_others():
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._not_within():
            if self._sqlite:
                self._queue.enter()
            try:
                yield
            finally:
                if self._sqlite:
                    self._queue.leave()

    @contextmanager
    def _not_within(self) -> Iterator[None]:
        """Of one and the same thread."""
        if getattr(self._here, "writes", False):
            raise RuntimeError("A writing transaction inside a writing transaction would wait for itself.")
        self._here.writes = True
        try:
            yield
        finally:
            self._here.writes = False


def _count(tree: Tree) -> int:
    return 1 + sum(len(children) for children in tree.children.values())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        kind = Overtaken if _is_conflict(error) else StoreUnavailable
        raise kind(f"The database refused: {_words(error)}") from error


_CONFLICT_STATES = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure, deadlock."""

_CONFLICT_NUMBERS = frozenset({1020, 1213})
"""MariaDB: the record has changed since it was read, deadlock."""


def _is_conflict(error: SQLAlchemyError) -> bool:
    """Whether the work may succeed if it is run again: somebody else's change came in between."""
    if isinstance(error, IntegrityError):
        return True
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    number = error.orig.args[0] if error.orig.args else None
    return getattr(error.orig, "sqlstate", None) in _CONFLICT_STATES or number in _CONFLICT_NUMBERS


def _words(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or type(error).__name__)
