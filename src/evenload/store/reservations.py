"""Ports that were taken for load balancers which are not there yet: reading and writing the rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from evenload.interfaces import PortReservation
from evenload.store import tables
from evenload.store.mapping import from_moment, to_moment

_TABLE = tables.PORT_RESERVATIONS.c
_INSERT = insert(tables.PORT_RESERVATIONS)
_DELETE = delete(tables.PORT_RESERVATIONS).where(_TABLE.port_id == bindparam("identifier"))
_COLUMNS = (_TABLE.port_id, _TABLE.own_port, _TABLE.made_at)
_BY_PORT = select(*_COLUMNS).where(_TABLE.port_id == bindparam("identifier"))
_BEFORE = select(*_COLUMNS).where(_TABLE.made_at < bindparam("moment")).order_by(_TABLE.port_id)


def insert_reservation(connection: Connection, reservation: PortReservation) -> None:
    row = {"port_id": reservation.port_id, "own_port": reservation.own_port, "made_at": to_moment(reservation.made_at)}
    connection.execute(_INSERT, row)


def remove_reservation(connection: Connection, port_id: str) -> bool:
    return bool(connection.execute(_DELETE, {"identifier": port_id}).rowcount)


def read_reservation(connection: Connection, port_id: str) -> PortReservation | None:
    row = connection.execute(_BY_PORT, {"identifier": port_id}).first()
    return None if row is None else _decoded(row)


def read_before(connection: Connection, moment: datetime) -> list[PortReservation]:
    return [_decoded(row) for row in connection.execute(_BEFORE, {"moment": to_moment(moment)})]


def _decoded(row: Sequence[Any]) -> PortReservation:
    return PortReservation(port_id=row[0], own_port=row[1], made_at=from_moment(row[2]))
