"""VIP ports that are held at the port provider: reading and writing the rows."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.errors import Overtaken
from evenload.model.held_port import HeldPort, PortState
from evenload.model.network import Route, Segment
from evenload.store.mapping import from_moment, to_moment
from evenload.store.tables.networks import HELD_PORTS

_TABLE = HELD_PORTS
_NAMES = ("id", "load_balancer_id", "given_port_id", "state", "since", "host", "port_id", "described")
_ALL = select(*(_TABLE.c[name] for name in _NAMES))
_BY_ID = _ALL.where(_TABLE.c.id == bindparam("identifier"))
_BY_PORT = _ALL.where(_TABLE.c.port_id == bindparam("port"))
_UNFINISHED = (PortState.BINDING.value, PortState.RELEASING.value)
_DUE = _ALL.where(
    or_(
        _TABLE.c.state.in_(_UNFINISHED),
        (_TABLE.c.state == PortState.RESERVED.value) & (_TABLE.c.since < bindparam("moment")),
    )
).order_by(_TABLE.c.since, _TABLE.c.id)
_INSERT = insert(_TABLE)
_CHANGED: dict[str, Any] = {name: bindparam(name) for name in _NAMES if name != "id"}
_UPDATE = update(_TABLE).where(_TABLE.c.id == bindparam("identifier")).values(_CHANGED)
_DELETE = delete(_TABLE).where(_TABLE.c.id == bindparam("identifier"))
_BY_ID_LOCKED = _BY_ID.with_for_update()


def insert_held_port(connection: Connection, held: HeldPort) -> None:
    connection.execute(_INSERT, _encoded(held))


def update_held_port(connection: Connection, held: HeldPort) -> None:
    row = _encoded(held)
    if connection.execute(_UPDATE, {**row, "identifier": row.pop("id")}).rowcount == 0:
        raise Overtaken(f"The held port {held.id} is gone.")


def remove_held_port(connection: Connection, identifier: str) -> None:
    connection.execute(_DELETE, {"identifier": identifier})


def read_held_port(connection: Connection, identifier: str, *, lock: bool) -> HeldPort | None:
    row = connection.execute(_BY_ID_LOCKED if lock else _BY_ID, {"identifier": identifier}).first()
    return None if row is None else _decoded(row)


def read_held_port_at(connection: Connection, port_id: str) -> HeldPort | None:
    row = connection.execute(_BY_PORT, {"port": port_id}).first()
    return None if row is None else _decoded(row)


def read_due(connection: Connection, moment: datetime) -> list[HeldPort]:
    return [_decoded(row) for row in connection.execute(_DUE, {"moment": to_moment(moment)})]


def _encoded(held: HeldPort) -> dict[str, Any]:
    return {
        "id": held.id,
        "load_balancer_id": held.load_balancer_id,
        "given_port_id": held.given_port_id,
        "state": held.state.value,
        "since": to_moment(held.since),
        "host": held.host,
        "port_id": held.described and held.described.id,
        "described": held.described and encode_description(held.described),
    }


def _decoded(row: Sequence[Any]) -> HeldPort:
    identifier, load_balancer_id, given_port_id, state, since, host, port_id, described = row
    return HeldPort(
        id=identifier,
        load_balancer_id=load_balancer_id,
        given_port_id=given_port_id,
        state=PortState(state),
        since=from_moment(since),
        host=host,
        described=None if port_id is None else _decode_description(port_id, described),
    )


def encode_description(port: DesiredPort) -> str:
    """All but its id, which has a column of its own."""
    return json.dumps(
        {
            "mac_address": port.mac_address,
            "mtu": port.mtu,
            "segment": [port.segment.type.value, port.segment.physical_network, port.segment.vlan],
            "ips": [[ip.address, ip.prefix_length, ip.gateway_ip, _encode_routes(ip)] for ip in port.ips],
        },
        separators=(",", ":"),
    )


def _encode_routes(ip: DesiredIp) -> list[list[str]]:
    return [[route.destination, route.nexthop] for route in ip.host_routes]


def _decode_description(port_id: str, text: str) -> DesiredPort:
    parts = json.loads(text)
    kind, physical_network, vlan = parts["segment"]
    return DesiredPort(
        id=port_id,
        mac_address=parts["mac_address"],
        mtu=parts["mtu"],
        segment=Segment(type=NetworkType(kind), physical_network=physical_network, vlan=vlan),
        ips=tuple(
            DesiredIp(
                address=address,
                prefix_length=prefix_length,
                gateway_ip=gateway_ip,
                host_routes=tuple(Route(destination=destination, nexthop=nexthop) for destination, nexthop in routes),
            )
            for address, prefix_length, gateway_ip, routes in parts["ips"]
        ),
    )
