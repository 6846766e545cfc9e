"""Load balancers with all that belongs to them: the tables' statements, and reading the rows.

All statements are made once, so that SQLAlchemy
finds each in its cache of compiled ones. No rule of the domain stands here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, cast

from sqlalchemy import Connection, Dialect, Table, bindparam, delete, insert, or_, select, union, update

from evenload.model.balancer import HealthMonitor, Listener, LoadBalancer, Member, Pool, Record, T
from evenload.model.enums import Kind, ProvisioningStatus
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.tree import KINDS, Tree
from evenload.store import placements
from evenload.store.lbaas_v1 import V1_COLUMNS
from evenload.store.mapping import RowCodec, to_moment
from evenload.store.prepared import DriverInsert, DriverStatement, driver_delete, driver_insert, driver_update
from evenload.store.single import Lookup, require_several
from evenload.store.tables import trees as tables
from evenload.store.tree_cache import TreeCache, count_children, new_edition

_PENDING = (
    ProvisioningStatus.PENDING_CREATE.value,
    ProvisioningStatus.PENDING_UPDATE.value,
    ProvisioningStatus.PENDING_DELETE.value,
)


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
        self._driver_statements: dict[tuple[str | bool, ...], DriverStatement] = {}
        written = [column.name for column in table.columns if column.name not in ("position", "id")]
        self.update = (
            update(table)
            .where(table.c.id == bindparam("identifier"))
            .values({name: bindparam(name) for name in written})
        )
        self.delete = delete(table).where(table.c.id == bindparam("identifier"))
        self.delete_of_tree = delete(table).where(tree == bindparam("tree"))

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
            names = [*(column.name for column in self._own), *extra]
            self._driver_insert = driver_insert(self.table, names, dialect)
        return self._driver_insert

    def driver_update(self, dialect: Dialect, names: Sequence[str], *, many: bool) -> DriverStatement:
        """Of those columns."""
        return self._once((many, *names), lambda: driver_update(self.table, names, dialect, many=many))

    def driver_delete(self, dialect: Dialect) -> DriverStatement:
        return self._once(("delete",), lambda: driver_delete(self.table.c.id, dialect))

    def _once(self, key: tuple[str | bool, ...], make: Callable[[], DriverStatement]) -> DriverStatement:
        found = self._driver_statements.get(key)
        if found is None:
            found = self._driver_statements[key] = make()
        return found


LOAD_BALANCERS = RecordTable(LoadBalancer, tables.LOAD_BALANCERS, ("tree_generation", "revision"))
_SELECT_REVISION = select(tables.LOAD_BALANCERS.c.revision).where(tables.LOAD_BALANCERS.c.id == bindparam("tree"))
_REVISION = Lookup(_SELECT_REVISION, "tree")
_REVISION_LOCKED = Lookup(_SELECT_REVISION.with_for_update(), "tree")

BY_KIND: dict[Kind, RecordTable[Any]] = {
    Kind.LOAD_BALANCER: LOAD_BALANCERS,
    Kind.LISTENER: RecordTable(Listener, tables.LISTENERS),
    Kind.POOL: RecordTable(Pool, tables.POOLS),
    Kind.MEMBER: RecordTable(Member, tables.MEMBERS, (OWNER,)),
    Kind.HEALTH_MONITOR: RecordTable(HealthMonitor, tables.HEALTH_MONITORS, (OWNER,)),
    Kind.L7_POLICY: RecordTable(L7Policy, tables.L7_POLICIES, (OWNER,)),
    Kind.L7_RULE: RecordTable(L7Rule, tables.L7_RULES, (OWNER,)),
}

_ROWS_AT_ONCE = 100

_LOCK_TREE = select(tables.LOAD_BALANCERS.c.id).where(tables.LOAD_BALANCERS.c.id == bindparam("tree")).with_for_update()


def lock_trees(connection: Connection, load_balancer_ids: Iterable[str | None]) -> None:
    wanted = sorted({identifier for identifier in load_balancer_ids if identifier is not None})
    for identifier in wanted:  # one by one: the order in which a statement locks its rows is the database's affair
        connection.execute(_LOCK_TREE, {"tree": identifier})


class TooLarge(Exception):
    """A tree has more records than were asked for."""


def read_tree(
    connection: Connection, load_balancer_id: str, cache: TreeCache, *, lock: bool, most: int | None = None
) -> Tree | None:
    """``lock``: nobody else changes the tree until the transaction ends, on databases that lock rows. ``most``: raises
    TooLarge for a tree with more children than that, having read no more of them."""
    if cache.holds(load_balancer_id):
        found = (_REVISION_LOCKED if lock else _REVISION).row(connection, load_balancer_id)
        if found is None:
            return None
        kept = cache.get(load_balancer_id, found[0])
        if kept is not None:
            if most is not None and count_children(kept) > most:
                raise TooLarge
            return kept
    require_several(connection)
    left = None if most is None else iter(range(most))
    key = {"tree": load_balancer_id}
    row = connection.execute(LOAD_BALANCERS.of_tree_locked if lock else LOAD_BALANCERS.of_tree, key).first()
    if row is None:
        return None
    generation, revision = row[-2:]
    tree = Tree(
        load_balancer=LOAD_BALANCERS.decode(row),
        generation=generation,
        placements=placements.read_placements(connection, load_balancer_id),
        children=_read_all_children(connection, key, left),
    )
    tree.note_stored(new_edition())
    cache.keep(tree, revision)
    return tree


def _read_all_children(
    connection: Connection, key: Mapping[str, str], left: Iterator[int] | None
) -> dict[Kind, dict[str, Record[Any]]]:
    """By kind; nobody is asked for children of what is not there."""
    found: dict[Kind, dict[str, Record[Any]]] = {}
    for kind, line in KINDS.items():
        if any(parent is Kind.LOAD_BALANCER or found.get(parent) for parent, _ in line.parents):
            found[kind] = _read_children(connection, BY_KIND[kind], key, left)
    return found


def _read_children(
    connection: Connection, rows: RecordTable[T], key: Mapping[str, str], left: Iterator[int] | None
) -> dict[str, Record[T]]:
    """In portions. Around each row that the driver fetches, Python lets go of the interpreter for a time too short for
    another thread to take it, and that one begins to wait anew; while records are made of rows, it gets its turn."""
    found: dict[str, Record[T]] = {}
    for portion in connection.execute(rows.of_tree, key).partitions(_ROWS_AT_ONCE):
        for row in portion:
            if left is not None and next(left, None) is None:
                raise TooLarge
            record = rows.decode(row)
            found[record.item.id] = record
    return found


def read_revision(connection: Connection, load_balancer_id: str) -> int | None:
    """Another one after every change of the tree's rows, or of what was counted for its listeners; None: it is gone."""
    found = _REVISION.row(connection, load_balancer_id)
    return None if found is None else cast(int, found[0])


def read_owner(connection: Connection, kind: Kind, identifier: str) -> str | None:
    return cast("str | None", connection.execute(BY_KIND[kind].owner, {"identifier": identifier}).scalar())


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


def read_with_tls(connection: Connection) -> list[str]:
    tables = [BY_KIND[kind].table.c for kind in (Kind.LISTENER, Kind.POOL)]
    having = (select(each.load_balancer_id.label("tree")).where(each.tls.is_not(None)) for each in tables)
    return list(connection.execute(union(*having).order_by("tree")).scalars())
