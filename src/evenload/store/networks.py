"""Networks, subnets, ports and their addresses: reading and writing the rows.

Inside a transaction. The rules stand in the service; that a segment, an
address or a MAC has one owner is also the database's own constraint, said here in the domain's words.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from evenload.model.errors import Conflict, Overtaken
from evenload.model.network import FixedIp, Network, Port, Segment, Subnet
from evenload.store.mapping import RowCodec
from evenload.store.tables.networks import FIXED_IPS, NETWORKS, PORTS, SUBNETS

V = TypeVar("V", Network, Subnet, Port)


class _Rows(Generic[V]):
    """One table with the statements on it."""

    def __init__(self, cls: type[V], table: Table, *, skip: Sequence[str] = ()) -> None:
        self.table = table
        self.codec: RowCodec[V] = RowCodec(cls, table, skip=skip)
        self.all = select(*self.codec.columns).order_by(table.c.position)
        self.by_id = self.all.where(table.c.id == bindparam("identifier"))
        self.by_id_locked = self.by_id.with_for_update()
        self.insert = insert(table)
        written = [column.name for column in table.columns if column.name not in ("position", "id")]
        self.update = (
            update(table)
            .where(table.c.id == bindparam("identifier"))
            .values({name: bindparam(name) for name in written})
        )
        self.delete = delete(table).where(table.c.id == bindparam("identifier"))

    def write(self, connection: Connection, row: dict[str, Any], *, new: bool) -> None:
        """Raises Overtaken where a row that is to be changed is gone."""
        if new:
            connection.execute(self.insert, row)
        elif connection.execute(self.update, {**row, "identifier": row["id"]}).rowcount == 0:
            raise Overtaken(f"{row['id']} of {self.table.name} is gone.")


_NETWORKS = _Rows(Network, NETWORKS)
_SUBNETS = _Rows(Subnet, SUBNETS)
_PORTS = _Rows(Port, PORTS, skip=("fixed_ips",))

_SUBNETS_OF = _SUBNETS.all.where(SUBNETS.c.network_id == bindparam("network"))
_ADDRESSES = select(FIXED_IPS.c.address).where(FIXED_IPS.c.subnet_id == bindparam("identifier"))

_IPS = (
    select(FIXED_IPS.c.port_id, FIXED_IPS.c.subnet_id, FIXED_IPS.c.address)
    .join(PORTS, PORTS.c.id == FIXED_IPS.c.port_id)
    .order_by(FIXED_IPS.c.port_id, FIXED_IPS.c.ordinal)
)
_IPS_OF_PORT = _IPS.where(PORTS.c.id == bindparam("identifier"))
_INSERT_IPS = insert(FIXED_IPS)
_DELETE_IPS = delete(FIXED_IPS).where(FIXED_IPS.c.port_id == bindparam("identifier"))
_SEGMENT_OWNER = select(NETWORKS.c.id).where(NETWORKS.c.segment_key == bindparam("segment"))
_MAC_OWNER = select(PORTS.c.id).where(
    PORTS.c.network_id == bindparam("network"),
    PORTS.c.mac_address == bindparam("mac"),
    PORTS.c.id != bindparam("identifier"),
)
_IP_OWNERS = select(FIXED_IPS.c.address).where(
    tuple_(FIXED_IPS.c.subnet_id, FIXED_IPS.c.address).in_(bindparam("wanted", expanding=True)),
    FIXED_IPS.c.port_id != bindparam("identifier"),
)


# ---------------------------------------------------------------------------------------------------------- networks


def read_network(connection: Connection, identifier: str, *, lock: bool) -> Network | None:
    statement = _NETWORKS.by_id_locked if lock else _NETWORKS.by_id
    row = connection.execute(statement, {"identifier": identifier}).first()
    return None if row is None else _NETWORKS.codec.decode(row)


def read_networks(connection: Connection) -> list[Network]:
    return [_NETWORKS.codec.decode(row) for row in connection.execute(_NETWORKS.all)]


def write_network(connection: Connection, network: Network, *, new: bool) -> None:
    segment = _segment_key(network.segment)
    if new and connection.execute(_SEGMENT_OWNER, {"segment": segment}).first() is not None:
        raise Conflict(f"Another network lies on segment {segment}.", field="segment")
    _NETWORKS.write(connection, {**_NETWORKS.codec.encode(network), "segment_key": segment}, new=new)


def remove_network(connection: Connection, identifier: str) -> None:
    _translated(
        lambda: connection.execute(_NETWORKS.delete, {"identifier": identifier}),
        Conflict(f"Network {identifier} is in use."),
    )


def _segment_key(segment: Segment) -> str:
    key = f"{segment.type.value}:{segment.physical_network}"
    return key if segment.vlan is None else f"{key}:{segment.vlan}"


# ----------------------------------------------------------------------------------------------------------- subnets


def read_subnet(connection: Connection, identifier: str) -> Subnet | None:
    row = connection.execute(_SUBNETS.by_id, {"identifier": identifier}).first()
    return None if row is None else _SUBNETS.codec.decode(row)


def read_subnets(connection: Connection, network_id: str | None) -> list[Subnet]:
    if network_id is None:
        rows = connection.execute(_SUBNETS.all)
    else:
        rows = connection.execute(_SUBNETS_OF, {"network": network_id})
    return [_SUBNETS.codec.decode(row) for row in rows]


def write_subnet(connection: Connection, subnet: Subnet, *, new: bool) -> None:
    _SUBNETS.write(connection, _SUBNETS.codec.encode(subnet), new=new)


def remove_subnet(connection: Connection, identifier: str) -> None:
    _translated(
        lambda: connection.execute(_SUBNETS.delete, {"identifier": identifier}),
        Conflict(f"Subnet {identifier} is in use."),
    )


def read_addresses_taken(connection: Connection, subnet_id: str) -> set[str]:
    return set(connection.execute(_ADDRESSES, {"identifier": subnet_id}).scalars())


# ------------------------------------------------------------------------------------------------------------- ports


def read_port(connection: Connection, identifier: str, *, lock: bool) -> Port | None:
    row = connection.execute(_PORTS.by_id_locked if lock else _PORTS.by_id, {"identifier": identifier}).first()
    if row is None:
        return None
    ips = connection.execute(_IPS_OF_PORT, {"identifier": identifier})
    return _PORTS.codec.decode(row, fixed_ips=tuple(FixedIp(subnet_id=ip[1], address=ip[2]) for ip in ips))


def read_ports(connection: Connection, network_id: str | None) -> list[Port]:
    ports, ips, key = _PORTS.all, _IPS, dict[str, str]()
    if network_id is not None:
        ports = ports.where(PORTS.c.network_id == bindparam("network"))
        ips = ips.where(PORTS.c.network_id == bindparam("network"))
        key["network"] = network_id
    fixed: dict[str, list[FixedIp]] = {}
    for port_id, subnet_id, address in connection.execute(ips, key):
        fixed.setdefault(port_id, []).append(FixedIp(subnet_id=subnet_id, address=address))
    return [_PORTS.codec.decode(row, fixed_ips=tuple(fixed.get(row.id, ()))) for row in connection.execute(ports, key)]


def write_port(connection: Connection, port: Port, *, new: bool) -> None:
    """Asks before it writes, so that a Conflict leaves the transaction usable on every database. Where another one
    takes the same meanwhile, the database's refusal has the work run again."""
    identity: Mapping[str, Any] = {"identifier": port.id}
    taken = connection.execute(_MAC_OWNER, {**identity, "network": port.network_id, "mac": port.mac_address}).first()
    if taken is not None:
        raise Conflict(
            f"MAC address {port.mac_address} is already in use on network {port.network_id}.", field="mac_address"
        )
    wanted = [(ip.subnet_id, ip.address) for ip in port.fixed_ips]
    if wanted:
        owned = connection.execute(_IP_OWNERS, {**identity, "wanted": wanted}).scalars().all()
        if owned:
            raise Conflict(f"IP address {', '.join(sorted(owned))} is already in use.", field="fixed_ips")

    addresses = [
        {"port_id": port.id, "ordinal": number, "subnet_id": ip.subnet_id, "address": ip.address}
        for number, ip in enumerate(port.fixed_ips)
    ]
    _PORTS.write(connection, _PORTS.codec.encode(port), new=new)
    if not new:
        connection.execute(_DELETE_IPS, identity)
    if addresses:
        connection.execute(_INSERT_IPS, addresses)


def remove_port(connection: Connection, identifier: str) -> None:
    connection.execute(_PORTS.delete, {"identifier": identifier})


def _translated(action: Callable[[], object], conflict: Conflict) -> None:
    try:
        action()
    except IntegrityError as error:
        raise conflict from error
