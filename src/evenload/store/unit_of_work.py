"""Transactions on the store: fulfils ``UnitOfWork`` and ``Transaction`` of interfaces.py on any SQLAlchemy database.

``main`` makes one SqlUnitOfWork for the process; ``service`` uses it. A transaction reads a consistent snapshot or
writes alone: on SQLite there is one writer at a time, elsewhere the tree's and the subnet's rows are locked. Errors of
the database leave here as StoreUnavailable.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from evenload.interfaces import AgentRecord
from evenload.model.balancer import AnyRecord, MonitorTemplate, Tree
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.errors import StoreUnavailable
from evenload.model.network import Network, Port, Subnet
from evenload.model.query import Page, Query, View
from evenload.store import agents, networks, queries, quotas, templates, trees


class SqlTransaction:
    """One transaction on one connection; of use only inside the ``with`` block that gave it."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing
        # SQLite has the whole file locked for its writer.
        self._lock_rows = writing and connection.dialect.name != "sqlite"

    def tree(self, load_balancer_id: str) -> Tree | None:
        return trees.read_tree(self._connection, load_balancer_id, lock=self._lock_rows)

    def owner_of(self, kind: Kind, identifier: str) -> str | None:
        return trees.read_owner(self._connection, kind, identifier)

    def save_tree(self, before: Tree | None, after: Tree | None) -> None:
        trees.write_tree(self._writable(), before, after)

    def view(self, kind: Kind, identifier: str) -> View[AnyRecord] | None:
        return queries.read_view(self._connection, kind, identifier)

    def find(self, kind: Kind, query: Query) -> Page[AnyRecord]:
        return queries.read_page(self._connection, kind, query)

    def count(self, kind: Kind, query: Query) -> int:
        return queries.read_count(self._connection, kind, query)

    def statistics(self, load_balancer_id: str) -> dict[str, Statistics]:
        return trees.read_statistics(self._connection, load_balancer_id)

    def save_statistics(self, load_balancer_id: str, statistics: Mapping[str, Statistics]) -> None:
        trees.write_statistics(self._writable(), load_balancer_id, statistics)

    def assignments(self, agent: str) -> dict[str, int]:
        return agents.read_assignments(self._connection, agent)

    def pending_since(self, moment: datetime) -> list[str]:
        return trees.read_pending_since(self._connection, moment)

    def agents(self) -> list[AgentRecord]:
        return agents.read_agents(self._connection)

    def bound_to(self, agent: str) -> list[str]:
        return agents.read_bound_to(self._connection, agent)

    def agent_seen(self, name: str, moment: datetime, *, started: bool = False) -> None:
        agents.write_agent_seen(self._writable(), name, moment, started=started)

    def save_agent(self, name: str, *, admin_state_up: bool, description: str) -> None:
        agents.write_agent(self._writable(), name, admin_state_up=admin_state_up, description=description)

    def remove_agent(self, name: str) -> None:
        agents.remove_agent(self._writable(), name)

    def template(self, identifier: str) -> MonitorTemplate | None:
        return templates.read_template(self._connection, identifier, lock=self._lock_rows)

    def templates(self, project_id: str | None = None) -> list[MonitorTemplate]:
        return templates.read_templates(self._connection, project_id)

    def save_template(self, template: MonitorTemplate) -> None:
        templates.write_template(self._writable(), template)

    def remove_template(self, identifier: str) -> None:
        templates.remove_template(self._writable(), identifier)

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        return quotas.read_quotas(self._connection, project_id)

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        quotas.write_quotas(self._writable(), project_id, limits)

    def remove_quotas(self, project_id: str) -> None:
        quotas.remove_quotas(self._writable(), project_id)

    def network(self, identifier: str) -> Network | None:
        return networks.read_network(self._connection, identifier)

    def networks(self) -> list[Network]:
        return networks.read_networks(self._connection)

    def save_network(self, network: Network) -> None:
        networks.write_network(self._writable(), network)

    def remove_network(self, identifier: str) -> None:
        networks.remove_network(self._writable(), identifier)

    def subnet(self, identifier: str) -> Subnet | None:
        return networks.read_subnet(self._connection, identifier)

    def subnets(self, network_id: str | None = None) -> list[Subnet]:
        return networks.read_subnets(self._connection, network_id)

    def save_subnet(self, subnet: Subnet) -> None:
        networks.write_subnet(self._writable(), subnet)

    def remove_subnet(self, identifier: str) -> None:
        networks.remove_subnet(self._writable(), identifier)

    def port(self, identifier: str) -> Port | None:
        return networks.read_port(self._connection, identifier)

    def ports(self, network_id: str | None = None, device_id: str | None = None) -> list[Port]:
        return networks.read_ports(self._connection, network_id, device_id)

    def save_port(self, port: Port) -> None:
        networks.write_port(self._writable(), port)

    def remove_port(self, identifier: str) -> None:
        networks.remove_port(self._writable(), identifier)

    def addresses_taken(self, subnet_id: str) -> set[str]:
        return networks.read_addresses_taken(self._connection, subnet_id, lock=self._lock_rows)

    def _writable(self) -> Connection:
        if not self._writing:
            raise RuntimeError("This transaction was opened for reading only.")
        return self._connection


class SqlUnitOfWork:
    """``engine`` comes from engine.open_engine, its schema from migrate.upgrade.

    ``busy_timeout``: seconds that a writer waits for the writers before it in this process.
    """

    def __init__(self, engine: Engine, *, busy_timeout: float = 10.0) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._busy_timeout = busy_timeout
        # SQLite lets writers of other connections poll with growing pauses; in one process they can simply queue.
        self._writer = threading.Lock()
        self._writer_thread: int | None = None

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with _translated(), self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield SqlTransaction(connection, writing=False)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with self._alone(), _translated(), self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield SqlTransaction(connection, writing=True)
            connection.commit()

    def close(self) -> None:
        """Closes the idle connections; the last one to go folds SQLite's log into the file."""
        self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._sqlite:
            yield
            return
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("A writing transaction inside a writing transaction would wait for itself.")
        if not self._writer.acquire(timeout=self._busy_timeout):
            raise StoreUnavailable(f"Waited {self._busy_timeout} s for other changes to be written.")
        self._writer_thread = threading.get_ident()
        try:
            yield
        finally:
            self._writer_thread = None
            self._writer.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"The database refused: {_words(error)}") from error


def _words(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or type(error).__name__)
