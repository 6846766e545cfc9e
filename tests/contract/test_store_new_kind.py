"""A throw-away kind of object: what it costs is its dataclass, its table and its line in the table of kinds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any, cast

import pytest
from sqlalchemy import Boolean, Column, ForeignKey, String, Table
from tests.contract.samples import a_record, a_tree, moment, new_id
from tests.fakes.hints import NotedHints

from evenload.model import moves, status
from evenload.model.enums import Kind, ProvisioningStatus
from evenload.model.query import Query
from evenload.model.tree import KINDS, KindOfObject
from evenload.service.views import view_of
from evenload.store import trees
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.tables.columns import position_column
from evenload.store.tables.trees import owner_column, record_columns
from evenload.store.unit_of_work import SqlUnitOfWork


class _Kinds(Enum):
    NOTE = "note"


NOTE = cast(Kind, _Kinds.NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Sticks to a member and goes with it."""

    id: str
    member_id: str
    text: str
    admin_state_up: bool = True


@pytest.fixture
def store(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlUnitOfWork]:
    table = Table(
        "notes",
        METADATA,
        position_column(),
        Column("id", String(36), nullable=False, unique=True),
        Column("member_id", String(36), ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
        Column("text", String(255), nullable=False),
        Column("admin_state_up", Boolean, nullable=False),
        *record_columns(),
        owner_column(),
    )
    monkeypatch.setitem(KINDS, NOTE, KindOfObject(Note, ((Kind.MEMBER, "member_id"),)))
    monkeypatch.setitem(trees.BY_KIND, NOTE, trees.RecordTable(Note, table, (trees.OWNER,)))
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/db"))
    METADATA.create_all(engine)
    unit_of_work = SqlUnitOfWork(engine, NotedHints())
    yield unit_of_work
    unit_of_work.close()
    METADATA.remove(table)


def test_a_new_kind_of_object(store: SqlUnitOfWork) -> None:
    plain = a_tree(members=2)
    pool_id = next(iter(plain.pools))
    member_id = next(iter(plain.members))
    note = Note(id=new_id(), member_id=member_id, text="hello")
    tree = plain.with_record(a_record(note, tags=("t",)))
    store.write(lambda transaction: transaction.insert_tree(tree))

    with store.read() as transaction:
        assert transaction.tree(tree.id) == tree
        assert transaction.owner_of(NOTE, note.id) == tree.id
        view = transaction.view(NOTE, note.id)
        assert view is not None
        assert view.record == tree.get(note.id)
        assert [each.record.id for each in transaction.find(NOTE, Query(tags=("t",))).views] == [note.id]
    assert view.relations == view_of(tree, view.record).relations

    changed = tree.with_record(a_record(replace(note, text="bye")))
    changed = status.advance(changed, now=moment(9), changed=[note.id])
    assert {each.id for each in changed.records() if status.is_pending(each)} >= {note.id, member_id, pool_id, tree.id}
    store.write(lambda transaction: transaction.update_tree(tree, changed))
    with store.read() as transaction:
        assert transaction.tree(tree.id) == changed
        assert transaction.pending_since(moment(9) + timedelta(hours=1)) == [tree.id]

    going = status.removed(changed, member_id, now=moment(10))
    note_record = going.get(note.id)
    assert note_record is not None
    assert note_record.provisioning_status is ProvisioningStatus.PENDING_DELETE
    gone = status.applied(going, going.home, going.generation)
    assert gone is not None
    assert gone.get(note.id) is None
    store.write(lambda transaction: transaction.update_tree(changed, gone))
    with store.read() as transaction:
        assert transaction.tree(tree.id) == gone
        assert transaction.owner_of(NOTE, note.id) is None

    assert moves.without_pool(tree, pool_id).get(note.id) is None
