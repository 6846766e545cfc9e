"""How the store talks to the database: how often, how little, and in which dialects."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable
from tests.contract.samples import a_network, a_port, a_subnet, a_tree, moment, retouched
from tests.fakes.hints import NotedHints
from tests.own_thread import of_this_thread

from evenload.interfaces.store import Transaction
from evenload.model.enums import Kind
from evenload.model.network import FixedIp
from evenload.model.query import Query
from evenload.store import networks, trees
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork


@pytest.fixture
def said(engine: Engine) -> list[str]:
    """The statements sent so far, transaction control left out."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA busy_timeout")):
            statements.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", of_this_thread(note))
    return statements


def test_only_what_differs_is_written(store: SqlUnitOfWork, said: list[str]) -> None:
    tree = a_tree(members=100)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(tree)

    member = next(iter(tree.members.values()))
    equal = tree.with_record(replace(member))
    said.clear()

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(tree, equal)

    assert said == []

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(tree, tree.with_record(retouched(member, weight=200)))

    assert [statement.split(" SET ")[0] for statement in said] == ["UPDATE load_balancers", "UPDATE members"]


def test_many_records_of_a_kind_take_one_statement(store: SqlUnitOfWork, said: list[str]) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(a_tree(members=300, ports=(80, 81, 82)))

    assert [statement.split(" (")[0] for statement in said] == [
        "INSERT INTO load_balancers",
        "INSERT INTO pools",
        "INSERT INTO listeners",
        "INSERT INTO members",
        "INSERT INTO health_monitors",
        "INSERT INTO placements",
        "INSERT INTO object_tags",
    ]


def test_a_tree_is_read_by_a_statement_per_kind_and_one_for_placements(store: SqlUnitOfWork, said: list[str]) -> None:
    tree = a_tree(members=50)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(tree)

    other = SqlUnitOfWork(store._engine, NotedHints())  # what this one has written it need not read
    said.clear()
    with other.read() as reader:
        assert reader.tree(tree.id) is not None
    assert len(said) == 7  # there are no policies, so nobody is asked for their rules
    said.clear()
    for unit in (store, other):
        with unit.read() as reader:
            assert reader.tree(tree.id) == tree
    assert len(said) == 2


@pytest.mark.parametrize(("kind", "statements"), [(Kind.LOAD_BALANCER, 4), (Kind.POOL, 6), (Kind.MEMBER, 1)])
def test_a_page_takes_as_many_statements_however_long(
    store: SqlUnitOfWork, said: list[str], kind: Kind, statements: int
) -> None:
    for count in (1, 20):

        @store.write
        def _(transaction: Transaction, count: int = count) -> None:
            for _ in range(count):
                transaction.insert_tree(a_tree())
            said.clear()
            transaction.find(kind, Query(limit=100))

        assert len(said) == statements


def test_statements_are_compiled_once(store: SqlUnitOfWork, engine: Engine) -> None:
    """SQLAlchemy would otherwise spend more on the text of a statement than SQLite on its execution."""

    def round_trip(number: int) -> None:
        tree = a_tree()

        @store.write
        def _(transaction: Transaction) -> None:
            transaction.insert_tree(tree)
            transaction.tree(tree.id)
            transaction.update_tree(tree, replace(tree, generation=number))
            transaction.find(Kind.MEMBER, Query(filters={"name": (f"m{number}",)}, limit=number, tags=(f"t{number}",)))
            transaction.insert_agent(f"host-{number}", moment(number))

    misses: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, _parameters: object, context: object, *_: object):  # type: ignore[no-untyped-def]
        if getattr(context, "compiled", None) is not None and context.cache_hit.name != "CACHE_HIT":  # type: ignore[attr-defined]
            misses.append(statement)

    event.listen(engine, "before_cursor_execute", of_this_thread(note))
    round_trip(1)
    assert misses
    misses.clear()
    round_trip(2)
    assert misses == []


@pytest.mark.parametrize("dialect", [postgresql.dialect, mysql.dialect], ids=["postgresql", "mariadb"])
def test_tables_and_locks_can_be_said_to_other_databases(dialect: Callable[[], Dialect]) -> None:
    for table in METADATA.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect()))
    for rows in trees.BY_KIND.values():
        for statement in (rows.of_tree, rows.by_id, rows.insert, rows.update, rows.delete):
            assert str(statement.compile(dialect=dialect()))
    locked = str(trees.LOAD_BALANCERS.of_tree_locked.compile(dialect=dialect()))
    assert locked.endswith("FOR UPDATE")
    assert str(networks._NETWORKS.by_id_locked.compile(dialect=dialect())).endswith("FOR UPDATE")


def test_the_database_itself_hands_no_address_out_twice(store: SqlUnitOfWork, engine: Engine) -> None:
    """Behind the question before each write, for databases where two may ask at once."""
    network = a_network()
    subnet = a_subnet(network)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(network)
        transaction.insert_subnet(subnet)
        transaction.insert_port(a_port(network, FixedIp(subnet_id=subnet.id, address="10.0.0.9")))
        transaction.insert_port(a_port(network, number=2))

    twice = "INSERT INTO fixed_ips SELECT id, 0, '{}', '10.0.0.9' FROM ports WHERE mac_address LIKE '%02'"
    again = "UPDATE ports SET mac_address = 'fa:16:3e:00:00:01'"
    for statement in (twice.format(subnet.id), again):
        with engine.connect() as connection, pytest.raises(Exception, match="UNIQUE constraint failed"):
            connection.exec_driver_sql(statement)


def test_what_has_not_changed_is_looked_at_by_one_statement_and_no_transaction(
    store: SqlUnitOfWork, engine: Engine
) -> None:
    tree = a_tree()
    page = Query(sort=(("name", False),), limit=10)
    store.write(lambda transaction: transaction.insert_tree(tree))
    questions: list[Callable[[Transaction], object]] = [
        lambda transaction: transaction.tree(tree.id),
        lambda transaction: transaction.view(Kind.LOAD_BALANCER, tree.id),
        lambda transaction: transaction.find(Kind.LOAD_BALANCER, page),
        lambda transaction: transaction.agents(),
    ]
    for question in questions:
        store.look(question)
    with engine.connect() as connection:  # the one that is used again
        driver = connection.connection.driver_connection
        assert driver is not None
    for question in questions:
        said: list[str] = []
        driver.set_trace_callback(said.append)
        store.look(question)
        driver.set_trace_callback(None)
        assert [statement.partition(" ")[0] for statement in said] == ["SELECT"]
