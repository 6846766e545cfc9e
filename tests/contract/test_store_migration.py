"""Databases of earlier versions, with rows in every table, brought to the present schema: on each kind of database."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from tests.contract.samples import a_count
from tests.databases import KINDS, Databases
from tests.fakes.hints import NotedHints

from evenload.model.balancer import V1Monitor, V1Pool, V1Vip
from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType, ProvisioningStatus
from evenload.model.held_port import HeldPort, PortState
from evenload.model.network import Route, Segment
from evenload.model.placement import alone_on
from evenload.store import migrate
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork

MADE = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC).replace(tzinfo=None)
BEGINNINGS = ("0001", "0005", "0007")


@pytest.fixture(params=["sqlite", *KINDS])
def engine(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> Iterator[sa.Engine]:
    if request.param in KINDS:
        with databases.without_schema(request.param) as engine:
            yield engine
        return
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    yield engine
    engine.dispose()


def lb(identifier: str, port_id: str | None, address: str | None, **fields: Any) -> dict[str, Any]:
    vips = [{"address": address, "subnet_id": "four"}, {"address": "2001:db8::5", "subnet_id": "six"}]
    given = vips[: 2 if identifier == "lb" else 1] if address else []
    return {
        "id": identifier,
        "provider": "evenload",
        "network_id": port_id and "net",
        "port_id": port_id,
        "own_port": port_id != "given",
        "vips": json.dumps(given),
        "incarnation": 1,
        "vip_address": address,
        "vip_subnet_id": address and "four",
        "tree_generation": 3,
        "applied_generation": 2,
        **fields,
    }


def port(identifier: str, device: str, **fields: Any) -> dict[str, Any]:
    number = sum(map(ord, identifier)) % 256
    return {
        "id": identifier,
        "network_id": "net",
        "mac_address": f"fa:16:3e:00:00:{number:02x}",
        "device_id": device,
        **fields,
    }


CHECK = {"type": "HTTP", "delay": 5, "timeout": 4, "rise": 3, "fall": 2, "http_method": "GET", "http_url_path": "/up"}
CHECK |= {"http_expected_codes": "200"}
COUNTERS = {"bytes_in": 2**40, "bytes_out": 2, "active_connections": 3, "total_connections": 4, "request_errors": 5}

ROWS: Mapping[str, list[dict[str, Any]]] = {
    "networks": [
        {"id": "net", "mtu": 1400, "segment_type": "vlan", "segment_physical_network": "physnet1", "segment_vlan": 7}
        | {"segment_key": "vlan:physnet1:7"}
    ],
    "subnets": [
        {"id": "four", "network_id": "net", "ip_version": 4, "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1"}
        | {"host_routes": json.dumps([{"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}])},
        {"id": "six", "network_id": "net", "ip_version": 6, "cidr": "2001:db8::/64", "gateway_ip": None},
    ],
    "ports": [
        port("own", "lb", host="host-1", active=True),
        port("given", "leaving"),
        port("reserved", "coming"),
        port("free", ""),
    ],
    "fixed_ips": [
        {"port_id": "own", "ordinal": 0, "subnet_id": "four", "address": "10.0.0.5"},
        {"port_id": "own", "ordinal": 1, "subnet_id": "six", "address": "2001:db8::5"},
        {"port_id": "given", "ordinal": 0, "subnet_id": "four", "address": "10.0.0.6"},
        {"port_id": "reserved", "ordinal": 0, "subnet_id": "four", "address": "10.0.0.7"},
    ],
    "agents": [{"name": "host-1", "seen_at": MADE}, {"name": "host-2", "seen_at": MADE}],
    "load_balancers": [
        lb("lb", "own", "10.0.0.5", agent="host-1", tags='["blue"]', fault="ü" * 1000),
        lb("leaving", "given", "10.0.0.6", agent="host-2", deleting=True, provisioning_status="PENDING_DELETE"),
        lb("holder", None, None, agent="host-2"),
    ],
    "object_tags": [{"object_id": "lb", "tag": "blue"}],
    "pools": [
        {"id": "pool", "load_balancer_id": "lb", "session_persistence_type": "SOURCE_IP"},
        {"id": "alone", "load_balancer_id": "holder", "v1_subnet_id": "four", "v1_provider": "haproxy"}
        | {"v1_bytes_in": -7, "v1_bytes_out": 8, "v1_total_connections": 9},
    ],
    "listeners": [{"id": "listener", "load_balancer_id": "lb", "default_pool_id": "pool", "port": 80, "v1": True}],
    "members": [{"id": "member", "pool_id": "pool", "load_balancer_id": "lb", "address": "10.0.1.1", "port": 8080}],
    "health_monitors": [
        {"id": "monitor", "pool_id": "pool", "load_balancer_id": "lb", "template_id": "template", **CHECK}
    ],
    "monitor_templates": [{"id": "template", **CHECK}],
    "quotas": [{"project_id": "project", "resource": "vip", "limit": 3}],
    "projects": [{"id": "project"}],
    "listener_statistics": [{"listener_id": "listener", **COUNTERS}],
    "listener_counts": [{"listener_id": "listener", "agent": "host-1", "epoch": "", "place": 1, **COUNTERS}],
    "port_reservations": [{"port_id": "reserved", "own_port": True, "made_at": MADE}],
}
OTHERWISE: Mapping[str, Any] = {
    "project_id": "project",
    "protocol": "HTTP",
    "algorithm": "ROUND_ROBIN",
    "provisioning_status": "ACTIVE",
    "operating_status": "ONLINE",
    "generation": 1,
    "deleting": False,
    "created_at": MADE,
    "admin_state_up": True,
}
"""For columns that are not named above."""


def fill(connection: sa.Connection) -> set[str]:
    """Rows in every table that there is. Returns the names of the tables."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    filled = set()
    for table in metadata.sorted_tables:
        if table.name in ("alembic_version", "identity"):
            continue
        # Pools that stand alone have come with 0003.
        rows = [row for row in ROWS[table.name] if "quotas" in metadata.tables or "holder" not in row.values()]
        connection.execute(table.insert(), [completed(table, row) for row in rows])
        filled.add(table.name)
    return filled


def completed(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with a value for each column."""
    values = {column.name: row.get(column.name) for column in table.columns if column.name != "position"}
    for column in table.columns:
        if column.name in values and values[column.name] is None and not column.nullable:
            values[column.name] = OTHERWISE.get(column.name, _empty(column))
    return values


def _empty(column: "sa.Column[Any]") -> str | int | bool:
    if not isinstance(column.type, sa.String):
        return False if isinstance(column.type, sa.Boolean) else 0
    return "[]" if column.name == "headers_off" or "TEXT" in str(column.type).upper() else ""


def begin(engine: sa.Engine, revision: str) -> set[str]:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # as migrate.py does
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(migrate._config(connection), revision)
        filled = fill(connection)
        connection.commit()
        return filled


@pytest.mark.parametrize("revision", BEGINNINGS)
def test_what_was_there_is_there_after_the_upgrade(engine: sa.Engine, revision: str) -> None:
    filled = begin(engine, revision)
    later = {
        "0001": {"quotas", "monitor_templates", "projects", "listener_counts", "port_reservations"},
        "0005": {"listener_counts", "port_reservations"},
        "0007": {"listener_statistics"},
    }
    assert filled == ROWS.keys() - later[revision]
    with_v1, with_reservations = revision >= "0003", revision >= "0007"
    migrate.upgrade(engine)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert connection.dialect.name != "sqlite" or connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert _but_for_orders(compare_metadata(context, METADATA)) == []
    store = SqlUnitOfWork(engine, NotedHints())
    with store.read() as transaction:
        tree, leaving, holder = (transaction.tree(name) for name in ("lb", "leaving", "holder"))
        counts = transaction.counts("lb")
        agents = transaction.agents()
        held = {each: transaction.held_port_at(each) for each in ("own", "given", "reserved", "free")}
        assert [each.id for each in transaction.networks()] == ["net"]
        assert [each.id for each in transaction.subnets()] == ["four", "six"]
        assert [each.id for each in transaction.ports()] == ["own", "given", "reserved", "free"]
        assert transaction.assignments("host-1") == {"lb": 3}
        if with_v1:
            assert transaction.quotas() == {"project": {"vip": 3}}
            assert [each.id for each in transaction.templates()] == ["template"]
    assert tree is not None
    assert tree.placements == alone_on("host-1", 2)
    assert (tree.generation, tree.load_balancer.tags, tree.load_balancer.fault) == (3, ("blue",), "ü" * 1000)
    assert tree.load_balancer.created_at == MADE.replace(tzinfo=UTC)
    assert [vip.address for vip in tree.load_balancer.item.vips] == ["10.0.0.5", "2001:db8::5"]
    assert [len(kind) for kind in (tree.pools, tree.listeners, tree.members, tree.monitors)] == [1, 1, 1, 1]
    assert tree.listeners["listener"].item.default_pool_id == "pool"
    assert tree.listeners["listener"].v1 == (V1Vip() if with_v1 else None)
    assert tree.monitors["monitor"].v1 == (V1Monitor(template_id="template") if with_v1 else None)
    assert counts == {"listener": (a_count("host-1", "", **COUNTERS),)}
    assert leaving is not None
    assert leaving.placements == alone_on("host-2", 2)
    assert leaving.load_balancer.deleting
    assert leaving.load_balancer.provisioning_status is ProvisioningStatus.PENDING_DELETE
    assert (holder is not None) == with_v1
    if holder is not None:
        assert not holder.hosted
        assert holder.placements == alone_on("host-2", 2)
        kept = V1Pool(subnet_id="four", provider="haproxy", bytes_in=-7, bytes_out=8, total_connections=9)
        assert holder.pools["alone"].v1 == kept
    assert {agent.name: agent.load for agent in agents} == {"host-1": 1, "host-2": 1 + with_v1}
    segment = Segment(type=NetworkType.VLAN, physical_network="physnet1", vlan=7)
    route = Route(destination="192.0.2.0/24", nexthop="10.0.0.9")
    four = DesiredIp(address="10.0.0.5", prefix_length=24, gateway_ip="10.0.0.1", host_routes=(route,))
    six = DesiredIp(address="2001:db8::5", prefix_length=64, gateway_ip=None)
    own, given, reserved = held["own"], held["given"], held["reserved"]
    assert own == HeldPort(
        id="own",
        load_balancer_id="lb",
        state=PortState.USED,
        since=MADE.replace(tzinfo=UTC),
        host="host-1",
        described=DesiredPort(id="own", mac_address="fa:16:3e:00:00:54", mtu=1400, segment=segment, ips=(four, six)),
    )
    assert given is not None
    assert (given.load_balancer_id, given.given_port_id, given.state) == ("leaving", "given", PortState.USED)
    assert (reserved is not None) == with_reservations
    if reserved is not None:
        assert (reserved.load_balancer_id, reserved.given_port_id) == ("coming", None)
        assert (reserved.state, reserved.since) == (PortState.RESERVED, MADE.replace(tzinfo=UTC))
    assert held["free"] is None


def test_a_load_balancer_of_an_earlier_version_is_changed_and_removed(engine: sa.Engine) -> None:
    begin(engine, "0001")
    migrate.upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())
    with store.read() as transaction:
        tree = transaction.tree("lb")
    assert tree is not None
    store.write(lambda transaction: transaction.remove_tree(tree))
    with engine.connect() as connection:
        for table in METADATA.sorted_tables:
            if "load_balancer_id" in table.c and table.name != "held_ports":
                left = connection.execute(sa.select(sa.func.count()).where(table.c.load_balancer_id == "lb")).scalar()
                assert left == 0, table.name
        counts = sa.select(sa.func.count()).select_from(METADATA.tables["listener_counts"])
        assert connection.execute(counts).scalar() == 0


def _but_for_orders(differences: list[Any]) -> list[Any]:
    """Without what PostgreSQL alone needs: indexes that have the same columns, and differ in where NULL stands; and ids
    in the order of bytes."""
    columns: dict[tuple[str, str], list[str]] = {}
    for what, thing, *_ in differences:
        if what in ("remove_index", "add_index"):
            names = [getattr(each, "element", each).name for each in thing.expressions]
            columns[what, thing.name] = names
    same = {name for what, name in columns if columns.get(("remove_index", name)) == columns.get(("add_index", name))}
    same.add("ix_load_balancers_list_id")
    return [each for each in differences if getattr(each[1], "name", None) not in same]
