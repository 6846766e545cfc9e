"""Events: writing a few beside a change, reading the newest, removing the oldest.

They are written in the order in which they happened to become known; nobody changes one. Removal goes by position from
the oldest on, some at a time, so that nobody waits long for it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from evenload.model.event import Event, EventQuery, KeptEvent
from evenload.store.mapping import RowCodec, to_moment
from evenload.store.prepared import SQLITE, DriverInsert, driver_insert
from evenload.store.tables.events import EVENTS

_CODEC: RowCodec[Event] = RowCodec(Event, EVENTS)
_INSERT = insert(EVENTS)
_ALL = select(EVENTS.c.position, *_CODEC.columns)
_ENDS = select(func.min(EVENTS.c.position), func.max(EVENTS.c.position))
_OLDEST = select(EVENTS.c.position, EVENTS.c.at).order_by(EVENTS.c.position).limit(bindparam("most"))
_DELETE = delete(EVENTS).where(EVENTS.c.position <= bindparam("last"))
_NAMED = ("load_balancer_id", "load_balancer_name", "object_id", "object_name", "agent")
_driver_inserts: dict[str, DriverInsert] = {}


def insert_events(connection: Connection, events: Sequence[Event]) -> None:
    if not events:
        return
    rows = [_CODEC.encode(event) for event in events]
    if connection.dialect.name != SQLITE:
        connection.execute(_INSERT, rows)
        return
    statement = _driver_inserts.get(SQLITE)
    if statement is None:
        names = [column.name for column in _CODEC.columns]
        statement = _driver_inserts[SQLITE] = driver_insert(EVENTS, names, connection.dialect)
    statement.plan([statement.row(row) for row in rows])(connection)


def read_events(connection: Connection, query: EventQuery) -> list[KeptEvent]:
    """In the order of their positions."""
    statement = _ALL.where(*_conditions(query)).limit(query.limit)
    if query.after is not None:
        return _decoded(connection.execute(statement.order_by(EVENTS.c.position)))
    return _decoded(connection.execute(statement.order_by(EVENTS.c.position.desc())))[::-1]


def remove_events(connection: Connection, *, before: datetime, keep: int, most: int) -> int:
    """The oldest ones, ``most`` at once, where they are older than ``before`` or more than the newest ``keep``."""
    _, newest = connection.execute(_ENDS).one()
    if newest is None:
        return 0
    moment = to_moment(before)
    last, found = None, 0
    for position, at in connection.execute(_OLDEST, {"most": most}).all():
        if position > newest - keep and at >= moment:
            break
        last, found = position, found + 1
    if last is not None:
        connection.execute(_DELETE, {"last": last})
    return found


def _conditions(query: EventQuery) -> Iterator[Any]:
    columns = EVENTS.c
    if query.after is not None:
        yield columns.position > query.after
    if query.since is not None:
        yield columns.at >= to_moment(query.since)
    if query.kinds:
        yield columns.kind.in_([kind.value for kind in query.kinds])
    if query.load_balancer_id is not None:
        yield columns.load_balancer_id == query.load_balancer_id
    if query.named is not None:
        yield or_(*(columns[name] == query.named for name in _NAMED))


def _decoded(rows: Any) -> list[KeptEvent]:
    return [KeptEvent(row[0], _CODEC.decode(row, 1)) for row in rows]
