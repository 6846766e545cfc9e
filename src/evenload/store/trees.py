"""Load balancers with all that belongs to them, and their statistics: reading and writing the rows.

Called by unit_of_work.py inside a transaction, with its connection. All statements are made once, so that SQLAlchemy
finds each in its cache of compiled ones. No rule of the domain stands here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Generic, cast

from sqlalchemy import Connection, Dialect, Table, bindparam, delete, insert, or_, select, union, update

from evenload.model.balancer import AnyRecord, HealthMonitor, Item, Listener, LoadBalancer, Member, Pool, Record, T
from evenload.model.enums import Kind, ProvisioningStatus
from evenload.model.errors import Overtaken
from evenload.model.tree import KINDS, Tree, kind_of
from evenload.store import placements, tables
from evenload.store.lbaas_v1 import V1_COLUMNS
from evenload.store.mapping import RowCodec, to_moment
from evenload.store.prepared import DriverInsert, Prepared, Row

_PENDING = (
    ProvisioningStatus.PENDING_CREATE.value,
    ProvisioningStatus.PENDING_UPDATE.value,
    ProvisioningStatus.PENDING_DELETE.value,
)


SQLITE = "sqlite"
OWNER = "load_balancer_id"
"""The tree's id in the rows of every kind but the load balancer's own, whether the model's object names it or not."""


class RecordTable(Generic[T]):
    """One kind's table with the statements on it. Rows are item columns, record columns, LBaaS v1's, then ``extra``."""

    def __init__(self, cls: type[T], table: Table, extra: Sequence[str] = ()) -> None:
        self.table = table
        self._items: RowCodec[T] = RowCodec(cls, table)
        self._records: RowCodec[Record[T]] = RowCodec(Record, table, skip=("item", "v1"))
        self._v1 = V1_COLUMNS.get(table.name)
        self._offset = len(self._items.columns)
        self._own = [*self._items.columns, *self._records.columns]
        self._v1_at = len(self._own)
        if self._v1 is not None:
            self._own += [table.c[name] for name in self._v1.names]
        self.names_owner = OWNER in extra
        self.columns = [*self._own, *(table.c[name] for name in extra)]
        tree = table.c.id if table is tables.LOAD_BALANCERS else table.c.load_balancer_id
        self.of_tree = select(*self.columns).where(tree == bindparam("tree")).order_by(table.c.position)
        self.of_tree_locked = self.of_tree.with_for_update()
        self.by_id = select(*self.columns).where(table.c.id == bindparam("identifier"))
        if table is tables.LOAD_BALANCERS:
            self.by_id = self.by_id.where(table.c.port_id.is_not(None))
        self.owner = select(tree).where(table.c.id == bindparam("identifier"))
        self.insert = insert(table)
        self._driver_insert: DriverInsert | None = None
        written = [column.name for column in table.columns if column.name not in ("position", "id")]
        self.update = (
            update(table)
            .where(table.c.id == bindparam("identifier"))
            .values({name: bindparam(name) for name in written})
        )
        self.delete = delete(table).where(table.c.id == bindparam("identifier"))

    def decode(self, row: Sequence[Any]) -> Record[T]:
        v1 = None if self._v1 is None else self._v1.decode(row[self._v1_at : len(self._own)])
        return self._records.decode(row, self._offset, item=self._items.decode(row), v1=v1)

    def encode(self, record: Record[T], extra: Mapping[str, Any]) -> dict[str, Any]:
        """Raises TypeError where LBaaS v1 knows something of the object that this kind has no place for."""
        row = {**self._items.encode(record.item), **self._records.encode(record), **extra}
        if self._v1 is not None:
            row.update(self._v1.encode(record.v1))
        elif record.v1 is not None:
            raise TypeError(f"{self.table.name} have no columns for {record.v1!r}")
        return row

    def driver_insert(self, dialect: Dialect, extra: Iterable[str]) -> DriverInsert:
        """``extra``: names of the columns beside the record's own."""
        if self._driver_insert is None:
            names = [column.name for column in self._own]
            self._driver_insert = DriverInsert(self.table, [*names, *extra], dialect)
        return self._driver_insert


LOAD_BALANCERS = RecordTable(LoadBalancer, tables.LOAD_BALANCERS, ("tree_generation",))

BY_KIND: dict[Kind, RecordTable[Any]] = {
    Kind.LOAD_BALANCER: LOAD_BALANCERS,
    Kind.LISTENER: RecordTable(Listener, tables.LISTENERS),
    Kind.POOL: RecordTable(Pool, tables.POOLS),
    Kind.MEMBER: RecordTable(Member, tables.MEMBERS, (OWNER,)),
    Kind.HEALTH_MONITOR: RecordTable(HealthMonitor, tables.HEALTH_MONITORS, (OWNER,)),
}

_INSERT_TAGS = insert(tables.OBJECT_TAGS)
_DELETE_TAGS = delete(tables.OBJECT_TAGS).where(tables.OBJECT_TAGS.c.object_id == bindparam("identifier"))


_LOCK_TREE = select(tables.LOAD_BALANCERS.c.id).where(tables.LOAD_BALANCERS.c.id == bindparam("tree")).with_for_update()


def lock_trees(connection: Connection, load_balancer_ids: Iterable[str | None]) -> None:
    wanted = sorted({identifier for identifier in load_balancer_ids if identifier is not None})
    for identifier in wanted:  # one by one: the order in which a statement locks its rows is the database's affair
        connection.execute(_LOCK_TREE, {"tree": identifier})


def read_tree(connection: Connection, load_balancer_id: str, *, lock: bool) -> Tree | None:
    """``lock``: nobody else changes the tree until the transaction ends, on databases that lock rows."""
    key = {"tree": load_balancer_id}
    row = connection.execute(LOAD_BALANCERS.of_tree_locked if lock else LOAD_BALANCERS.of_tree, key).first()
    if row is None:
        return None
    return Tree(
        load_balancer=LOAD_BALANCERS.decode(row),
        generation=row[-1],
        placements=placements.read_placements(connection, load_balancer_id),
        children={
            kind: _read_children(connection, BY_KIND[kind], key) for kind in KINDS if kind is not Kind.LOAD_BALANCER
        },
    )


def _read_children(connection: Connection, rows: RecordTable[T], key: Mapping[str, str]) -> dict[str, Record[T]]:
    decoded = (rows.decode(row) for row in connection.execute(rows.of_tree, key))
    return {record.item.id: record for record in decoded}


def read_owner(connection: Connection, kind: Kind, identifier: str) -> str | None:
    return cast("str | None", connection.execute(BY_KIND[kind].owner, {"identifier": identifier}).scalar())


@dataclass(slots=True)
class _Differences:
    added: list[AnyRecord] = field(default_factory=list)
    changed: list[AnyRecord] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def prepare_tree(dialect: Dialect, tree: Tree) -> Prepared:
    """The children's rows, ready for ``insert_tree`` of the same records. Touches no database."""
    prepared = Prepared()
    if dialect.name == SQLITE:
        for kind in KINDS:
            if kind is not Kind.LOAD_BALANCER:
                for record in tree.of_kind(kind).values():
                    prepared.add(record, _driver_row(dialect, tree, record))
    return prepared


def insert_tree(connection: Connection, tree: Tree, prepared: Prepared | None = None) -> None:
    _write_tree(connection, None, tree, prepared)


def update_tree(connection: Connection, before: Tree, after: Tree) -> None:
    _write_tree(connection, before, after)


def remove_tree(connection: Connection, before: Tree) -> None:
    _write_tree(connection, before, None)


def _write_tree(
    connection: Connection, before: Tree | None, after: Tree | None, prepared: Prepared | None = None
) -> None:
    """Writes the records that differ: a statement per kind and sort of change, however many records.

    Raises Overtaken where a record that is to be changed or removed is gone.
    """
    differences = {kind: _differences(_records(before, kind), _records(after, kind)) for kind in KINDS}
    if after is not None:
        if before is not None and not differences[Kind.LOAD_BALANCER].changed and _heads_differ(before, after):
            differences[Kind.LOAD_BALANCER].changed.append(after.load_balancer)
        for kind in KINDS:
            rows = BY_KIND[kind]
            added, changed = differences[kind].added, differences[kind].changed
            if added:
                _insert(connection, after, kind, added, prepared or Prepared())
            if changed:
                encoded = [
                    {**rows.encode(record, _extra(after, record)), "identifier": record.id} for record in changed
                ]
                _require_all(connection.execute(rows.update, encoded).rowcount, kind, len(changed))
        placements.write_placements(connection, after.id, () if before is None else before.placements, after.placements)
    for kind in reversed(KINDS):
        if removed := differences[kind].removed:
            gone = [{"identifier": identifier} for identifier in removed]
            _require_all(connection.execute(BY_KIND[kind].delete, gone).rowcount, kind, len(removed))
    _write_tags(connection, before, after, differences.values())


def _insert(connection: Connection, tree: Tree, kind: Kind, added: list[AnyRecord], prepared: Prepared) -> None:
    rows, dialect = BY_KIND[kind], connection.dialect
    if dialect.name != SQLITE:
        connection.execute(rows.insert, [rows.encode(record, _extra(tree, record)) for record in added])
        return
    ready = [prepared.rows.get(id(record)) or _driver_row(dialect, tree, record) for record in added]
    rows.driver_insert(dialect, _extra(tree, added[0])).run(connection, ready)


def _driver_row(dialect: Dialect, tree: Tree, record: AnyRecord) -> Row:
    rows, extra = BY_KIND[kind_of(record.item)], _extra(tree, record)
    return rows.driver_insert(dialect, extra).row(rows.encode(record, extra))


def _require_all(found: int, kind: Kind, wanted: int) -> None:
    if found != wanted:
        raise Overtaken(f"{wanted - found} of {wanted} rows ({kind.value}) that were to be written are gone.")


def _records(tree: Tree | None, kind: Kind) -> Mapping[str, AnyRecord]:
    return {} if tree is None else tree.of_kind(kind)


def _differences(before: Mapping[str, AnyRecord], after: Mapping[str, AnyRecord]) -> _Differences:
    found = _Differences()
    if before is after:
        return found
    for identifier, record in after.items():
        known = before.get(identifier)
        if known is None:
            found.added.append(record)
        elif known is not record and known != record:
            found.changed.append(record)
    found.removed.extend(identifier for identifier in before if identifier not in after)
    return found


def _heads_differ(before: Tree, after: Tree) -> bool:
    return before.generation != after.generation


def _extra(tree: Tree, record: AnyRecord) -> dict[str, Any]:
    """The columns beside those of the record itself."""
    item: Item = record.item
    if not isinstance(item, LoadBalancer):
        return {OWNER: tree.id} if BY_KIND[kind_of(item)].names_owner else {}
    primary = item.vips[0] if item.vips else None
    return {
        "vip_address": primary and primary.address,
        "vip_subnet_id": primary and primary.subnet_id,
        "tree_generation": tree.generation,
    }


def _write_tags(
    connection: Connection, before: Tree | None, after: Tree | None, differences: Iterable[_Differences]
) -> None:
    stale: list[dict[str, str]] = []
    fresh: list[dict[str, str]] = []
    for found in differences:
        for record in [*found.added, *found.changed]:
            known = before.get(record.id) if before is not None else None
            if known is not None and known.tags == record.tags:
                continue
            if known is not None and known.tags:
                stale.append({"identifier": record.id})
            fresh.extend({"object_id": record.id, "tag": tag} for tag in dict.fromkeys(record.tags))
        for identifier in found.removed:
            gone = before.get(identifier) if before is not None else None
            if gone is not None and gone.tags:
                stale.append({"identifier": identifier})
    if stale:
        connection.execute(_DELETE_TAGS, stale)
    if fresh:
        connection.execute(_INSERT_TAGS, fresh)


# ----------------------------------------------------------------------------------------------------------- pending


def _pending(rows: RecordTable[Any]) -> Any:
    columns = rows.table.c
    tree = columns.id if rows is LOAD_BALANCERS else columns.load_balancer_id
    return select(tree.label("tree")).where(
        columns.provisioning_status.in_(_PENDING),
        or_(
            columns.updated_at < bindparam("moment"),
            columns.updated_at.is_(None) & (columns.created_at < bindparam("moment")),
        ),
    )


@cache
def _pending_since(kinds: tuple[Kind, ...]) -> Any:
    return union(*(_pending(BY_KIND[kind]) for kind in kinds)).order_by("tree")


def read_pending_since(connection: Connection, moment: datetime) -> list[str]:
    return list(connection.execute(_pending_since(tuple(KINDS)), {"moment": to_moment(moment)}).scalars())
