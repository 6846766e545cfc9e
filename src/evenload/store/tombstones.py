"""What agents that were away have yet to remove: reading and writing the rows."""

from datetime import datetime
from typing import cast

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evenload.store.mapping import to_moment
from evenload.store.tables.hosts import TOMBSTONES

_TABLE = TOMBSTONES
_KEY = (_TABLE.c.load_balancer_id == bindparam("tree")) & (_TABLE.c.agent == bindparam("name"))
_READ = select(_TABLE.c.generation).where(_KEY)
_INSERT = insert(_TABLE)
_DELETE = delete(_TABLE).where(_KEY)
_OLD = _TABLE.c.made_at < bindparam("moment")
_ANY_OLD = select(_TABLE.c.agent).where(_OLD).limit(1)
_DELETE_OLD = delete(_TABLE).where(_OLD)
_OF_AGENT = select(_TABLE.c.load_balancer_id).where(_TABLE.c.agent == bindparam("name"))
_RENAME = update(_TABLE).where(_KEY).values(agent=bindparam("other"))


def read_tombstone(connection: Connection, load_balancer_id: str, agent: str) -> int | None:
    key = {"tree": load_balancer_id, "name": agent}
    return cast("int | None", connection.execute(_READ, key).scalar())


def write_tombstone(
    connection: Connection, load_balancer_id: str, agent: str, generation: int, moment: datetime
) -> None:
    remove_tombstone(connection, load_balancer_id, agent)
    row = {"load_balancer_id": load_balancer_id, "agent": agent, "generation": generation}
    connection.execute(_INSERT, {**row, "made_at": to_moment(moment)})


def remove_tombstone(connection: Connection, load_balancer_id: str, agent: str) -> None:
    connection.execute(_DELETE, {"tree": load_balancer_id, "name": agent})


def rename_tombstones(connection: Connection, former: str, name: str) -> None:
    for identifier in list(connection.execute(_OF_AGENT, {"name": former}).scalars()):
        remove_tombstone(connection, identifier, name)
        connection.execute(_RENAME, {"tree": identifier, "name": former, "other": name})


def has_tombstones_before(connection: Connection, moment: datetime) -> bool:
    return connection.execute(_ANY_OLD, {"moment": to_moment(moment)}).first() is not None


def remove_tombstones_before(connection: Connection, moment: datetime) -> None:
    connection.execute(_DELETE_OLD, {"moment": to_moment(moment)})
