"""Flavors, availability zones and their profiles: reading and writing the rows.

Inside a transaction.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Table, Update, bindparam, delete, insert, select, update

from evenload.model.catalogue import AnyEntry, Entry, Flavor, FlavorProfile, Zone, ZoneProfile
from evenload.model.errors import Overtaken
from evenload.store.mapping import RowCodec
from evenload.store.tables.catalogue import FLAVOR_PROFILES, FLAVORS, ZONE_PROFILES, ZONES


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The statements on one kind's table."""

    codec: RowCodec[Any]
    all: Select[Any]
    one: Select[Any]
    insert: Insert
    update: Update
    delete: Delete


def _shelf(cls: type[Any], table: Table, key: str) -> _Shelf:
    codec: RowCodec[Any] = RowCodec(cls, table)
    found = table.c[key] == bindparam("key_wanted")
    return _Shelf(
        codec,
        select(*codec.columns).order_by(table.c.position),
        select(*codec.columns).where(found),
        insert(table),
        update(table)
        .where(found)
        .values({column.name: bindparam(column.name) for column in codec.columns if column.name != key}),
        delete(table).where(found),
    )


_SHELVES: dict[type[Any], _Shelf] = {
    FlavorProfile: _shelf(FlavorProfile, FLAVOR_PROFILES, "id"),
    Flavor: _shelf(Flavor, FLAVORS, "id"),
    ZoneProfile: _shelf(ZoneProfile, ZONE_PROFILES, "id"),
    Zone: _shelf(Zone, ZONES, "name"),
}


def read_entries(connection: Connection, kind: type[AnyEntry]) -> list[AnyEntry]:
    shelf = _SHELVES[kind]
    return [shelf.codec.decode(row) for row in connection.execute(shelf.all)]


def read_entry(
    connection: Connection, kind: type[AnyEntry], key: str, *, hold: bool = False, lock: bool = False
) -> AnyEntry | None:
    """``hold``: together with others who do the same; ``lock``: alone."""
    shelf = _SHELVES[kind]
    statement = shelf.one.with_for_update(read=not lock) if hold or lock else shelf.one
    row = connection.execute(statement, {"key_wanted": key}).first()
    return None if row is None else shelf.codec.decode(row)


def insert_entry(connection: Connection, entry: Entry) -> None:
    shelf = _SHELVES[type(entry)]
    connection.execute(shelf.insert, shelf.codec.encode(entry))


def update_entry(connection: Connection, entry: Entry) -> None:
    shelf = _SHELVES[type(entry)]
    row = {**shelf.codec.encode(entry), "key_wanted": entry.key}
    if connection.execute(shelf.update, row).rowcount == 0:
        raise Overtaken(f"{entry.key} is gone.")


def remove_entry(connection: Connection, entry: Entry) -> None:
    connection.execute(_SHELVES[type(entry)].delete, {"key_wanted": entry.key})
