"""VIP ports with what the agents are told of them: in place of the bare reservations.

Revision 0009, after 0008.
"""

import json
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    table = op.create_table(
        "held_ports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.Column("given_port_id", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=True),
        sa.Column("described", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_held_ports"),
        sa.UniqueConstraint("port_id", name="uq_held_ports_port_id"),
    )
    op.create_index("ix_held_ports_state", "held_ports", ["state"])
    rows = _held(op.get_bind())
    if rows:
        op.bulk_insert(table, rows)
    op.drop_table("port_reservations")


def downgrade() -> None:
    op.create_table(
        "port_reservations",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("own_port", sa.Boolean(), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("port_id", name="pk_port_reservations"),
    )
    op.execute(
        "INSERT INTO port_reservations (port_id, own_port, made_at) "
        "SELECT port_id, given_port_id IS NULL, since FROM held_ports "
        "WHERE state IN ('RESERVED', 'RELEASING') AND port_id IS NOT NULL"
    )
    op.drop_table("held_ports")


def _held(connection: sa.Connection) -> list[dict[str, Any]]:
    """The ports of load balancers and the reserved ones; the port's own id is as good as any for its row."""
    metadata = sa.MetaData()
    names = ("networks", "subnets", "ports", "fixed_ips", "load_balancers", "port_reservations")
    tables = {name: sa.Table(name, metadata, autoload_with=connection) for name in names}

    def read(name: str) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(sa.select(tables[name])).mappings()]

    networks = {row["id"]: row for row in read("networks")}
    subnets = {row["id"]: row for row in read("subnets")}
    ports = {row["id"]: row for row in read("ports")}
    addresses: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(read("fixed_ips"), key=lambda each: each["ordinal"]):
        addresses.setdefault(row["port_id"], []).append((row["address"], row["subnet_id"]))

    def describe(port: Mapping[str, Any], vips: list[tuple[str, str]]) -> str:
        network = networks[port["network_id"]]
        return json.dumps(
            {
                "mac_address": port["mac_address"],
                "mtu": network["mtu"],
                "segment": [network["segment_type"], network["segment_physical_network"], network["segment_vlan"]],
                "ips": [_described(address, subnets[subnet_id]) for address, subnet_id in vips],
            },
            separators=(",", ":"),
        )

    held = []
    for row in read("load_balancers"):
        port = ports.get(row["port_id"])
        if port is not None:
            vips = [(vip["address"], vip["subnet_id"]) for vip in json.loads(row["vips"])]
            own, since = bool(row["own_port"]), row["created_at"]
            held.append(_row(port, row["id"], "USED", own, since, describe(port, vips)))
    for row in read("port_reservations"):
        port = ports.get(row["port_id"])
        if port is not None:
            described = describe(port, addresses.get(port["id"], []))
            held.append(_row(port, port["device_id"], "RESERVED", bool(row["own_port"]), row["made_at"], described))
    return held


def _row(
    port: Mapping[str, Any], load_balancer_id: str, state: str, own: bool, since: object, described: str
) -> dict[str, Any]:
    return {
        "id": port["id"],
        "load_balancer_id": load_balancer_id,
        "given_port_id": None if own else port["id"],
        "state": state,
        "since": since,
        "host": port["host"] if state == "USED" else "",
        "port_id": port["id"],
        "described": described,
    }


def _described(address: str, subnet: Mapping[str, Any]) -> list[Any]:
    routes = [[route["destination"], route["nexthop"]] for route in json.loads(subnet["host_routes"])]
    return [address, ip_network(subnet["cidr"]).prefixlen, subnet["gateway_ip"], routes]
