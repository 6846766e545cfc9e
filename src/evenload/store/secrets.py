"""Secrets, containers and sealed payloads: reading and writing the rows.

Inside a transaction. A payload passes through as it is, encrypted.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from evenload.model.errors import Overtaken
from evenload.model.stored_secret import AnyStored, Sealed, SecretContainer, Stored, StoredSecret
from evenload.store.mapping import RowCodec, to_moment
from evenload.store.tables.secrets import SEALED, SECRET_CONTAINERS, SECRETS


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The statements on one kind's table."""

    codec: RowCodec[Any]
    all: Select[Any]
    of_project: Select[Any]
    count: Select[Any]
    one: Select[Any]
    locked: Select[Any]
    insert: Insert
    update: Update
    delete: Delete


def _shelf(cls: type[Any], table: Table) -> _Shelf:
    codec: RowCodec[Any] = RowCodec(cls, table)
    wanted = table.c.id == bindparam("wanted")
    every = select(*codec.columns).order_by(table.c.position)
    one = select(*codec.columns).where(wanted)
    return _Shelf(
        codec,
        every,
        every.where(table.c.project_id == bindparam("project")),
        select(func.count()).select_from(table).where(table.c.project_id == bindparam("project")),
        one,
        one.with_for_update(),
        insert(table),
        update(table)
        .where(wanted)
        .values({column.name: bindparam(column.name) for column in codec.columns if column.name != "id"}),
        delete(table).where(wanted),
    )


_SHELVES: dict[type[Any], _Shelf] = {
    StoredSecret: _shelf(StoredSecret, SECRETS),
    SecretContainer: _shelf(SecretContainer, SECRET_CONTAINERS),
}
_PAST = _SHELVES[StoredSecret].of_project.where(SECRETS.c.expiration <= bindparam("now"))
_SEALED = SEALED
_BY_SECRET = _SEALED.c.secret_id == bindparam("wanted")
_READ_SEALED = select(_SEALED.c.key_id, _SEALED.c.content).where(_BY_SECRET)
_INSERT_SEALED = insert(_SEALED)
_UPDATE_SEALED = (
    update(_SEALED).where(_BY_SECRET).values(key_id=bindparam("new_key_id"), content=bindparam("new_content"))
)
_OTHERWISE = (
    select(_SEALED.c.secret_id)
    .where(_SEALED.c.key_id.not_in(bindparam("keys", expanding=True)))
    .order_by(_SEALED.c.secret_id)
    .limit(bindparam("most"))
)
_KEYS = select(_SEALED.c.key_id, func.count()).group_by(_SEALED.c.key_id)


def read_stored(connection: Connection, kind: type[AnyStored], identifier: str, *, lock: bool) -> AnyStored | None:
    shelf = _SHELVES[kind]
    row = connection.execute(shelf.locked if lock else shelf.one, {"wanted": identifier}).first()
    return None if row is None else shelf.codec.decode(row)


def read_all_stored(connection: Connection, kind: type[AnyStored], project_id: str | None) -> list[AnyStored]:
    shelf = _SHELVES[kind]
    if project_id is None:
        rows = connection.execute(shelf.all)
    else:
        rows = connection.execute(shelf.of_project, {"project": project_id})
    return [shelf.codec.decode(row) for row in rows]


def count_stored(connection: Connection, kind: type[AnyStored], project_id: str) -> int:
    return int(connection.execute(_SHELVES[kind].count, {"project": project_id}).scalar_one())


def read_past(connection: Connection, project_id: str, now: datetime) -> list[StoredSecret]:
    rows = connection.execute(_PAST, {"project": project_id, "now": to_moment(now)})
    return [_SHELVES[StoredSecret].codec.decode(row) for row in rows]


def insert_stored(connection: Connection, stored: Stored) -> None:
    shelf = _SHELVES[type(stored)]
    connection.execute(shelf.insert, shelf.codec.encode(stored))


def update_stored(connection: Connection, stored: Stored) -> None:
    shelf = _SHELVES[type(stored)]
    row = shelf.codec.encode(stored)
    if connection.execute(shelf.update, {**row, "wanted": row.pop("id")}).rowcount == 0:
        raise Overtaken(f"{stored.id} is gone.")


def remove_stored(connection: Connection, stored: Stored) -> None:
    connection.execute(_SHELVES[type(stored)].delete, {"wanted": stored.id})


def read_sealed(connection: Connection, identifier: str) -> Sealed | None:
    row = connection.execute(_READ_SEALED, {"wanted": identifier}).first()
    return None if row is None else Sealed(key_id=row[0], content=row[1])


def write_sealed(connection: Connection, identifier: str, sealed: Sealed) -> None:
    """Raises Overtaken where the secret is gone."""
    row = {"wanted": identifier, "new_key_id": sealed.key_id, "new_content": sealed.content}
    if connection.execute(_UPDATE_SEALED, row).rowcount == 0:
        try:
            connection.execute(
                _INSERT_SEALED, {"secret_id": identifier, "key_id": sealed.key_id, "content": sealed.content}
            )
        except IntegrityError as error:
            raise Overtaken(f"{identifier} is gone.") from error


def read_sealed_otherwise(connection: Connection, key_ids: Collection[str], most: int) -> list[str]:
    return list(connection.execute(_OTHERWISE, {"keys": list(key_ids), "most": most}).scalars())


def read_sealing_keys(connection: Connection) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(_KEYS)}
