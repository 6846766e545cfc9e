"""What one statement answers, and what it does not: every UnitOfWork's ``look``; and connections that are gone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from tests.contract.samples import a_tree, moment, new_id, retouched
from tests.databases import KINDS, Database, Databases
from tests.fakes.hints import NotedHints

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.balancer import AnyRecord
from evenload.model.enums import Kind
from evenload.model.errors import NotFound
from evenload.model.query import Page, Query
from evenload.model.tree import Tree
from evenload.service import guards
from evenload.store.unit_of_work import SqlUnitOfWork


def put(store: UnitOfWork, tree: Tree) -> None:
    store.write(lambda transaction: transaction.insert_tree(tree))


def renamed(tree: Tree, name: str) -> Tree:
    return tree.with_record(replace(tree.load_balancer, name=name))


def listed(transaction: Transaction) -> Page[AnyRecord]:
    return transaction.find(Kind.LOAD_BALANCER, Query(sort=(("name", False),), limit=10))


def found(transaction: Transaction, query: Query) -> Page[AnyRecord]:
    return transaction.find(Kind.LOAD_BALANCER, query)


def test_it_sees_every_change(store: UnitOfWork) -> None:
    first = a_tree(name="first")
    put(store, first)

    def require_seen(tree: Tree) -> None:
        for _ in range(2):  # read, and found again
            seen = store.look(lambda at: guards.read_view(at, Kind.LOAD_BALANCER, tree.id))
            assert seen.record == tree.load_balancer
            assert [view.record for view in store.look(listed).views] == [tree.load_balancer]
            assert store.look(lambda at: at.tree(tree.id)) == tree

    require_seen(first)
    second = renamed(first, "second")
    store.write(lambda at: at.update_tree(first, second))
    require_seen(second)


def test_what_is_gone_is_not_found(store: UnitOfWork) -> None:
    tree = a_tree()
    put(store, tree)
    assert store.look(lambda at: at.tree(tree.id)) == tree
    store.write(lambda at: at.remove_tree(tree))
    assert store.look(lambda at: at.tree(tree.id)) is None
    assert store.look(lambda at: at.view(Kind.LOAD_BALANCER, tree.id)) is None
    with pytest.raises(NotFound):
        store.look(lambda at: guards.read_tree(at, Kind.LOAD_BALANCER, new_id()))


def test_two_answers_are_of_the_same_moment(store: UnitOfWork) -> None:
    tree = a_tree(name="before")
    put(store, tree)
    after = renamed(tree, "after")
    changes: Iterator[Callable[[], None]] = iter([lambda: store.write(lambda at: at.update_tree(tree, after))])

    def question(at: Transaction) -> tuple[str, str]:
        first = guards.read_view(at, Kind.LOAD_BALANCER, tree.id).record.name
        for change in changes:
            change()
        return first, guards.read_view(at, Kind.LOAD_BALANCER, tree.id).record.name

    first, second = store.look(question)
    assert first == second


def test_pages_follow_each_other(store: UnitOfWork) -> None:
    for number in range(5):
        put(store, a_tree(name=f"n{number}"))
    seen: list[str] = []
    marker: str | None = None
    for _ in range(3):
        query = Query(sort=(("name", False),), limit=2, marker=marker)
        page = store.look(partial(found, query=query))
        seen += [view.record.name for view in page.views]
        marker = page.views[-1].record.id
    assert seen == [f"n{number}" for number in range(5)]


def test_nothing_is_written_by_it(store: UnitOfWork) -> None:
    with pytest.raises(RuntimeError):
        store.look(lambda at: at.insert_agent("a", moment(0)))


# ------------------------------------------------------------------------------------------------- lost connections

_OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL"
    " AND backend_type = 'client backend'",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE id <> connection_id()",
}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, databases: Databases) -> Database:
    return databases.empty(request.param)


def _end_all_connections(database: Database) -> None:
    with database.engine.connect() as connection:
        for (number,) in connection.execute(text(_OTHERS[database.kind])).all():
            connection.execute(text(_END[database.kind].format(number)))
        connection.invalidate()


def _look(store: UnitOfWork, tree: Tree) -> object:
    return store.look(lambda at: at.tree(tree.id))


def _list(store: UnitOfWork, _tree: Tree) -> object:
    return store.look(listed)


def _read(store: UnitOfWork, tree: Tree) -> object:
    with store.read() as transaction:
        return transaction.tree(tree.id)


def _write(store: UnitOfWork, tree: Tree) -> object:
    before = store.write(lambda at: at.tree(tree.id))
    assert before is not None
    member = next(iter(before.members.values()))
    return store.write(lambda at: at.update_tree(before, before.with_record(retouched(member, weight=9))))


@pytest.mark.parametrize("act", [_look, _list, _read, _write])
def test_a_connection_that_was_cut_at_rest_harms_nobody(database: Database, act: Callable[..., Any]) -> None:
    """As after another start of the database: more connections than one were open, and all of them are gone."""
    store = SqlUnitOfWork(database.engine, NotedHints())
    tree = a_tree()
    put(store, tree)
    with store.read() as one, store.read() as another:
        assert one.tree(tree.id) == another.tree(tree.id)
    act(store, tree)
    _end_all_connections(database)
    act(store, tree)
    act(store, tree)


def test_statements_that_postgresql_has_forgotten_are_prepared_anew(databases: Databases) -> None:
    """As after a ROLLBACK, for which its driver does that. Nobody has to connect again."""
    database = databases.empty("postgresql")
    store = SqlUnitOfWork(database.engine, NotedHints())
    tree = a_tree()
    put(store, tree)

    def backend() -> object:
        with database.engine.connect() as connection:
            return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    def seen() -> bool:
        return store.look(lambda at: at.view(Kind.LOAD_BALANCER, tree.id)) is not None

    assert seen()
    before = backend()
    with database.engine.connect() as connection:
        connection.execute(text("DEALLOCATE ALL"))
    assert seen()
    assert backend() == before


@pytest.mark.parametrize("name", ["", "Ä", "x" * 4000, "%s", "$1", "'"])
def test_any_text_may_be_looked_up(store: UnitOfWork, name: str) -> None:
    put(store, a_tree())
    assert store.look(lambda at: at.view(Kind.LOAD_BALANCER, name)) is None
    assert store.look(lambda at: at.tree(name)) is None
