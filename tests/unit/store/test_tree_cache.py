"""A load balancer is read once, and is what the database holds all the same, whoever changes it."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, event
from tests.contract.samples import a_count, a_tree, moment, retouched
from tests.fakes.hints import NotedHints
from tests.own_thread import of_this_thread

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.model.errors import Conflict
from evenload.model.tree import Tree
from evenload.store.tree_cache import TreeCache
from evenload.store.unit_of_work import SqlUnitOfWork

MANY = 150
ROW = "FROM load_balancers WHERE load_balancers.id"


@pytest.fixture
def said(engine: Engine) -> list[str]:
    """The statements that read the rows of trees."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        words = " ".join(statement.split())
        if words.startswith("SELECT") and any(
            f"FROM {table} " in words for table in ("load_balancers", "members", "pools", "listeners", "placements")
        ):
            statements.append(words)

    event.listen(engine, "before_cursor_execute", of_this_thread(note))
    return statements


@pytest.fixture
def tree(store: SqlUnitOfWork) -> Tree:
    tree = a_tree(members=MANY)
    store.write(lambda transaction: transaction.insert_tree(tree))
    return tree


def read(store: SqlUnitOfWork, tree: Tree) -> Tree:
    with store.read() as transaction:
        found = transaction.tree(tree.id)
    assert found is not None
    return found


def weighed(tree: Tree, number: int, weight: int) -> Tree:
    member = list(tree.members.values())[number]
    return status.advance(tree.with_record(retouched(member, weight=weight)), changed=[member.id], now=moment(9))


def weigh(store: SqlUnitOfWork, tree: Tree, number: int, weight: int) -> None:
    def work(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        assert before is not None
        transaction.update_tree(before, weighed(before, number, weight))

    store.write(work)


def test_a_small_change_reads_one_row(store: SqlUnitOfWork, tree: Tree, said: list[str]) -> None:
    weigh(store, tree, 1, 7)
    weigh(store, tree, 2, 8)
    assert all(ROW in statement for statement in said), said
    found = read(store, tree)
    assert [record.item.weight for record in list(found.members.values())[1:3]] == [7, 8]
    assert found == read(SqlUnitOfWork(store._engine, NotedHints()), tree)


def test_what_another_process_changes_is_seen(store: SqlUnitOfWork, tree: Tree, engine: Engine) -> None:
    other = SqlUnitOfWork(engine, NotedHints())
    for number in range(3):
        weigh(other, tree, number, 70 + number)
        assert read(store, tree) == read(other, tree)
        weigh(store, tree, number, 90 + number)
        assert read(other, tree) == read(store, tree)


def test_a_reader_keeps_its_moment(store: SqlUnitOfWork, tree: Tree) -> None:
    with store.read() as reader:
        assert reader.tree(tree.id) == tree
        weigh(store, tree, 1, 7)
        assert read(store, tree) != tree
        assert reader.tree(tree.id) == tree


def test_what_is_undone_was_never_there(store: SqlUnitOfWork, tree: Tree) -> None:
    def work(transaction: Transaction) -> None:
        transaction.update_tree(tree, weighed(tree, 1, 7))
        raise Conflict("no")

    with pytest.raises(Conflict):
        store.write(work)
    assert read(store, tree) == tree


def test_what_is_counted_leaves_the_tree_as_it_is(store: SqlUnitOfWork, tree: Tree, said: list[str]) -> None:
    listener = next(iter(tree.listeners))
    for number in range(2):
        count = a_count(bytes_in=number + 1)
        store.write(lambda transaction, count=count: transaction.save_counts(tree.id, {listener: (count,)}))  # type: ignore[misc]
    weigh(store, tree, 1, 7)
    assert not any("FROM members " in statement for statement in said)


def test_what_the_database_changes_by_itself_is_read_again(store: SqlUnitOfWork, tree: Tree) -> None:
    """A listener whose pool goes has none in the row, whatever the tree said that was written."""
    pool = next(iter(tree.pools))
    without = tree.without(*tree.members, *tree.monitors, pool)
    careless = replace(without, children={**without.children, **_listeners_of(tree)})
    store.write(lambda transaction: transaction.update_tree(tree, careless))
    (listener,) = read(store, tree).listeners.values()
    assert listener.item.default_pool_id is None


def _listeners_of(tree: Tree):  # type: ignore[no-untyped-def]
    return {kind: children for kind, children in tree.children.items() if children is tree.listeners}


def test_there_is_room_for_so_many_children_only() -> None:
    cache = TreeCache(room=100)
    first, second, third, huge = (a_tree(members=members) for members in (38, 38, 38, 200))
    for number, tree in enumerate((first, second, huge)):
        cache.keep(tree, number)
    assert cache.get(huge.id, 2) is None
    assert cache.get(second.id, 0) is None
    assert cache.get(second.id, 1) is second
    assert cache.get(first.id, 0) is first
    cache.keep(third, 4)
    assert cache.get(second.id, 1) is None, "it was used least recently"
    assert cache.get(first.id, 0) is first
    cache.renew(first.id, 0, 9)
    cache.renew(third.id, 0, 9)
    assert cache.get(first.id, 9) is first
    assert cache.get(third.id, 4) is third
