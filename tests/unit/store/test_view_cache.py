"""A list reads those load balancers alone that have changed, and shows all the same what the database holds."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event
from tests.contract.samples import a_count, a_record, a_tree, moment, new_id, retouched
from tests.fakes.hints import NotedHints
from tests.own_thread import of_this_thread

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.model.balancer import AnyRecord
from evenload.model.enums import Kind, ProvisioningStatus
from evenload.model.errors import Conflict
from evenload.model.query import Page, Query, Relations, View
from evenload.model.tree import Tree
from evenload.store.unit_of_work import SqlUnitOfWork
from evenload.store.view_cache import ViewCache

Change = Callable[[Tree], Tree]


@pytest.fixture
def read_ids(engine: Engine) -> list[str]:
    """The load balancers whose whole rows were read."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: tuple[str, ...], *_: object) -> None:
        words = " ".join(statement.split())
        if words.startswith("SELECT load_balancers.id, load_balancers.admin_state_up") and " IN (" in words:
            found.extend(parameters)

    event.listen(engine, "before_cursor_execute", of_this_thread(note))
    return found


@pytest.fixture
def trees(store: SqlUnitOfWork) -> list[Tree]:
    made = [a_tree(members=2) for _ in range(5)]
    for tree in made:
        store.write(lambda transaction, tree=tree: transaction.insert_tree(tree))  # type: ignore[misc]
    return made


def listed(store: SqlUnitOfWork, **query: object) -> Page[AnyRecord]:
    with store.read() as transaction:
        return transaction.find(Kind.LOAD_BALANCER, Query(**query))  # type: ignore[arg-type]


def change(store: SqlUnitOfWork, identifier: str, work: Change) -> None:
    def done(transaction: Transaction) -> None:
        before = transaction.tree(identifier)
        assert before is not None
        transaction.update_tree(before, work(before))

    store.write(done)


def renamed(tree: Tree) -> Tree:
    return tree.with_record(replace(tree.load_balancer, name="another"))


def without_listener(tree: Tree) -> Tree:
    return tree.without(next(iter(tree.listeners)))


def with_pool(tree: Tree) -> Tree:
    pool = next(iter(tree.pools.values()))
    return tree.with_record(a_record(replace(pool.item, id=new_id())))


def failed(tree: Tree) -> Tree:
    return tree.with_record(replace(tree.load_balancer, provisioning_status=ProvisioningStatus.ERROR, fault="no"))


def weighed(tree: Tree) -> Tree:
    member = next(iter(tree.members.values()))
    return status.advance(tree.with_record(retouched(member, weight=9)), changed=[member.id], now=moment(9))


def test_what_has_not_changed_is_not_read_again(store: SqlUnitOfWork, trees: list[Tree], read_ids: list[str]) -> None:
    first = listed(store)
    assert sorted(read_ids) == sorted(tree.id for tree in trees)
    del read_ids[:]
    change(store, trees[2].id, renamed)
    second = listed(store, sort=(("id", True),), limit=4)
    third = listed(store)
    assert set(read_ids) <= {trees[2].id}
    assert [each.record.id for each in third.views] == [each.record.id for each in first.views]
    same = {each.record.id for each in first.views if any(each is other for other in third.views)}
    assert same == {tree.id for tree in trees} - {trees[2].id}
    assert second.more


@pytest.mark.parametrize("work", [renamed, without_listener, with_pool, failed, weighed])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_list_shows_what_is(
    store: SqlUnitOfWork, engine: Engine, trees: list[Tree], work: Change, elsewhere: bool
) -> None:
    """``elsewhere``: by another process."""
    before = listed(store)
    change(SqlUnitOfWork(engine, NotedHints()) if elsewhere else store, trees[1].id, work)
    after = listed(store)
    assert after != before
    assert after == listed(SqlUnitOfWork(engine, NotedHints()))


def test_what_is_counted_or_removed_shows_in_a_list(store: SqlUnitOfWork, engine: Engine, trees: list[Tree]) -> None:
    listed(store)
    listener = next(iter(trees[0].listeners))
    store.write(lambda transaction: transaction.save_counts(trees[0].id, {listener: (a_count(bytes_in=1),)}))
    store.write(lambda transaction: transaction.remove_tree(trees[3]))
    after = listed(store)
    assert after == listed(SqlUnitOfWork(engine, NotedHints()))
    assert len(after.views) == 4


def test_what_is_undone_was_never_shown(store: SqlUnitOfWork, trees: list[Tree]) -> None:
    before = listed(store)

    def work(transaction: Transaction) -> None:
        transaction.update_tree(trees[0], renamed(trees[0]))
        assert transaction.find(Kind.LOAD_BALANCER, Query()) != before
        raise Conflict("no")

    with pytest.raises(Conflict):
        store.write(work)
    assert listed(store) == before


def test_there_is_room_for_so_many() -> None:
    cache = ViewCache(room=2)
    first, second, third = (_view() for _ in range(3))
    cache.keep(first, 1)
    cache.keep(second, 1)
    assert cache.get_all([(second.record.id, 1), (first.record.id, 1)]) == {
        second.record.id: second,
        first.record.id: first,
    }
    assert cache.get_all([(first.record.id, 2)]) == {first.record.id: None}
    cache.keep(third, 1)
    assert list(cache.get_all([(view.record.id, 1) for view in (first, second, third)]).values()) == [
        first,
        None,  # it was used least recently
        third,
    ]


def _view() -> View[AnyRecord]:
    tree = a_tree(members=0)
    return View(record=tree.load_balancer, relations=Relations(load_balancer_id=tree.id))
