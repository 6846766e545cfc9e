"""The built-in networks with their subnets and ports; and the ports of VIPs, whoever provides them."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from evenload.store.tables.columns import ADDRESS, ID, METADATA, WORD, LongText, Moment, position_column

NETWORKS = Table(
    "networks",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("segment_type", WORD, nullable=False),
    Column("segment_physical_network", String(64), nullable=False),
    Column("segment_vlan", Integer),
    Column("tags", LongText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
    # The segment in one word, since NULL is never equal to NULL: one network per segment.
    Column("segment_key", String(100), nullable=False, unique=True),
)

SUBNETS = Table(
    "subnets",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("network_id", ID, ForeignKey("networks.id"), nullable=False, index=True),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", String(49), nullable=False),
    Column("gateway_ip", ADDRESS),
    Column("host_routes", LongText, nullable=False),
    Column("dns_nameservers", LongText, nullable=False),
    Column("allocation_pools", LongText, nullable=False),
    Column("enable_dhcp", Boolean, nullable=False),
    Column("tags", LongText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
)

PORTS = Table(
    "ports",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("network_id", ID, ForeignKey("networks.id"), nullable=False),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("mac_address", String(17), nullable=False),
    Column("device_id", String(255), nullable=False, index=True),
    Column("device_owner", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("tags", LongText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
    UniqueConstraint("network_id", "mac_address"),
)

# ``Port.fixed_ips``, a table of its own so that the database itself sees to it that no address is handed out twice.
FIXED_IPS = Table(
    "fixed_ips",
    METADATA,
    Column("port_id", ID, ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("subnet_id", ID, ForeignKey("subnets.id"), nullable=False),
    Column("address", ADDRESS, nullable=False),
    UniqueConstraint("subnet_id", "address"),
)

# VIP ports as they are held at the port provider. A row outlives its load balancer where the provider has yet to let
# the port go, and is there before it while the port is reserved.
HELD_PORTS = Table(
    "held_ports",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("load_balancer_id", ID, nullable=False),
    Column("given_port_id", ID),
    Column("state", WORD, nullable=False, index=True),
    Column("since", Moment, nullable=False),
    Column("host", String(255), nullable=False),
    Column("port_id", ID, unique=True),
    # ``DesiredPort`` but its id, as JSON (held_ports.py): it is only ever read and written whole.
    Column("described", LongText),
)
