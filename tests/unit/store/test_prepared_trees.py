"""What a large load balancer costs the others: its rows are made before the writer's turn."""

from pathlib import Path

import pytest
from sqlalchemy import Dialect
from tests.contract.samples import a_tree
from tests.fakes.hints import NotedHints

from evenload.interfaces import Transaction
from evenload.model.balancer import AnyRecord
from evenload.model.tree import Tree
from evenload.store import tree_writing
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import upgrade
from evenload.store.prepared import Row
from evenload.store.unit_of_work import SqlUnitOfWork


def test_the_writers_turn_makes_no_row_of_a_child_that_was_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())
    tree = a_tree()
    prepared = store.prepare(tree)
    made: list[str] = []
    make = tree_writing._driver_row

    def noted(dialect: Dialect, tree: Tree, record: AnyRecord) -> Row:
        made.append(record.id)
        return make(dialect, tree, record)

    monkeypatch.setattr(tree_writing, "_driver_row", noted)

    def work(transaction: Transaction) -> None:
        transaction.insert_tree(tree, prepared)

    store.write(work)
    assert made == [tree.id], "the load balancer's own row alone, which names its host"
    with store.read() as transaction:
        assert transaction.tree(tree.id) == tree
    store.close()
