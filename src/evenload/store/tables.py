"""The tables, as SQLAlchemy metadata, so that they mean the same in every database.

Used by the other modules of ``store`` and by the migrations' environment. A column is named after the model's field
that it holds, a field that is itself a dataclass takes columns ``<field>_<its field>`` (see mapping.py); those of
``Record.v1`` stand in lbaas_v1.py; the further columns are said here with their reason. Times are in UTC without zone,
tuples are JSON text.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler


@compiles(CreateTable, "mysql", "mariadb")
def _create_table(element: CreateTable, compiler: DDLCompiler, **options: Any) -> str:
    """Equal is what has the same bytes, and they sort by them, as in the other databases: MariaDB's own collations
    take ``web``, ``Web`` and ``web `` for the same. All tables, those of the migrations too."""
    plain: str = compiler.visit_create_table(element, **options)  # type: ignore[no-untyped-call]
    return f"{plain.rstrip()} ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _Moment(DateTime):
    """MariaDB keeps whole seconds unless told otherwise."""


class _Text(Text):
    """MariaDB's TEXT ends at 64 KB."""


class _Bytes(LargeBinary):
    """As for ``_Text``."""


# In words, not by SQLAlchemy's types for MariaDB: they bring 1.3 MiB along that nobody else needs.
for _type, _word in ((_Moment, "DATETIME(6)"), (_Text, "MEDIUMTEXT"), (_Bytes, "MEDIUMBLOB")):
    compiles(_type, "mysql", "mariadb")(lambda _element, _compiler, word=_word, **_options: word)

_Position = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's own row number
_Id = String(36)
_Address = String(45)
_Word = String(32)
_Reference = String(255)
_Ciphers = String(2048)


def _position() -> "Column[int]":
    """The order of creation, which two objects made in the same microsecond would not tell by their times."""
    return Column("position", _Position, primary_key=True, autoincrement=True)


def _record() -> list["Column[object]"]:
    """The fields of ``Record`` but its item."""
    return [
        Column("project_id", String(255), nullable=False),
        Column("name", String(255), nullable=False),
        Column("description", String(255), nullable=False),
        Column("tags", _Text, nullable=False),
        Column("provisioning_status", _Word, nullable=False, index=True),
        Column("operating_status", _Word, nullable=False),
        Column("generation", BigInteger, nullable=False),
        Column("deleting", Boolean, nullable=False),
        Column("fault", _Text),
        Column("operating_reason", _Text),
        Column("operating_since", _Moment),
        Column("as_sent", _Text, nullable=False, server_default="[]"),
        Column("created_at", _Moment, nullable=False),
        Column("updated_at", _Moment),
    ]


def _owner() -> "Column[str]":
    """The load balancer to which a row belongs: model field of listeners and pools, kept for members and monitors so
    that a tree is read by one index each."""
    return Column(
        "load_balancer_id", _Id, ForeignKey("load_balancers.id", ondelete="CASCADE"), nullable=False, index=True
    )


def _pool() -> "Column[str]":
    return Column("pool_id", _Id, ForeignKey("pools.id", ondelete="CASCADE"), nullable=False, index=True)


def _check() -> list["Column[object]"]:
    """What a health monitor and a template of one have in common."""
    return [
        Column("type", _Word, nullable=False),
        Column("delay", Integer, nullable=False),
        Column("timeout", Integer, nullable=False),
        Column("rise", Integer, nullable=False),
        Column("fall", Integer, nullable=False),
        Column("admin_state_up", Boolean, nullable=False),
        Column("http_method", _Word),
        Column("http_url_path", _Text),
        Column("http_expected_codes", _Text),
        Column("http_version", _Word),
        Column("http_domain_name", String(255)),
    ]


def _lists() -> Iterator[Index]:
    """Of load balancers, by each field that a list is filtered or sorted by. What follows the field is the order of
    lists beneath it, and whether it is one (a pool of LBaaS v1 that stands alone has no port), so that a page is cut
    from the index alone, however many there are. PostgreSQL's are in the order of bytes (migration 0021), as its lists
    are, and what compares with a text there has to say so (queries.py)."""
    order = ("created_at", "id", "port_id")
    yield Index("ix_load_balancers_list", *order)
    for name in LISTED:
        yield Index(f"ix_load_balancers_list_{name}", name, *(each for each in order if each != name))


LISTED = (
    *("project_id", "name", "description", "provisioning_status", "operating_status", "updated_at", "admin_state_up"),
    *("provider", "vip_address", "vip_subnet_id", "network_id", "port_id", "flavor_id", "availability_zone"),
)

LOAD_BALANCERS = Table(
    "load_balancers",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("admin_state_up", Boolean, nullable=False),
    Column("provider", String(64), nullable=False),
    Column("network_id", _Id),
    Column("port_id", _Id),
    Column("own_port", Boolean, nullable=False),
    Column("vips", _Text, nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("flavor_id", _Id),
    Column("availability_zone", String(255)),
    Column("flavor_threads", Integer),
    Column("flavor_connection_limit", Integer),
    Column("flavor_log", Boolean),
    *_record(),
    # The primary VIP once more, for filters and sorting.
    Column("vip_address", _Address),
    Column("vip_subnet_id", _Id),
    # What the tree as a whole carries; ``generation`` above is that of the load balancer's own record.
    Column("tree_generation", BigInteger, nullable=False),
    # Another random number after every change of a row of the tree, or of its counts: what was read is still so.
    Column("revision", BigInteger, nullable=False, server_default="0"),
    *_lists(),
)

PLACEMENTS = Table(
    "placements",
    METADATA,
    Column("load_balancer_id", _Id, ForeignKey("load_balancers.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", String(255), primary_key=True, index=True),
    Column("role", _Word, nullable=False),
    Column("applied_generation", BigInteger, nullable=False),
)

POOLS = Table(
    "pools",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    _owner(),
    Column("protocol", _Word, nullable=False),
    Column("algorithm", _Word, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("session_persistence_type", _Word),
    Column("session_persistence_cookie_name", String(255)),
    Column("tls", _Text),
    # Parts of that once more, for filters and sorting.
    Column("tls_enabled", Boolean, nullable=False, server_default=false()),
    Column("tls_certificate", _Reference),
    Column("tls_authorities", _Reference),
    Column("tls_revocations", _Reference),
    Column("tls_ciphers", _Ciphers),
    Column("v1_subnet_id", _Id),
    Column("v1_provider", String(64)),
    Column("v1_bytes_in", BigInteger),
    Column("v1_bytes_out", BigInteger),
    Column("v1_total_connections", BigInteger),
    *_record(),
    Index("ix_pools_project_id", "project_id"),
)

LISTENERS = Table(
    "listeners",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    _owner(),
    Column("protocol", _Word, nullable=False),
    Column("port", Integer, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("default_pool_id", _Id, ForeignKey("pools.id", ondelete="SET NULL"), index=True),
    Column("connection_limit", Integer, nullable=False),
    Column("insert_headers", _Text, nullable=False),
    Column("headers_off", String(1024), nullable=False, server_default="[]"),
    Column("timeout_client_data", BigInteger, nullable=False),
    Column("timeout_member_connect", BigInteger, nullable=False),
    Column("timeout_member_data", BigInteger, nullable=False),
    Column("timeout_tcp_inspect", BigInteger, nullable=False),
    Column("allowed_cidrs", _Text, nullable=False),
    Column("tls", _Text),
    # Parts of that once more, for filters and sorting.
    Column("tls_certificate", _Reference),
    Column("tls_ciphers", _Ciphers),
    Column("tls_hsts_max_age", Integer),
    Column("tls_hsts_include_subdomains", Boolean, nullable=False, server_default=false()),
    Column("tls_hsts_preload", Boolean, nullable=False, server_default=false()),
    Column("tls_client_authentication", _Word, nullable=False, server_default="NONE"),
    Column("tls_client_authorities", _Reference),
    Column("tls_client_revocations", _Reference),
    Column("v1", Boolean, nullable=False, server_default=false()),
    *_record(),
    Index("ix_listeners_project_id", "project_id"),
)

MEMBERS = Table(
    "members",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    _pool(),
    Column("address", _Address, nullable=False),
    Column("port", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("backup", Boolean, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("subnet_id", _Id),
    Column("monitor_address", _Address),
    Column("monitor_port", Integer),
    *_record(),
    _owner(),
)

HEALTH_MONITORS = Table(
    "health_monitors",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    _pool(),
    *_check(),
    Column("template_id", _Id, index=True),
    *_record(),
    _owner(),
    Index("ix_health_monitors_project_id", "project_id"),
)

L7_POLICIES = Table(
    "l7_policies",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("listener_id", _Id, ForeignKey("listeners.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("action", _Word, nullable=False),
    Column("place", Integer, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("redirect_pool_id", _Id, ForeignKey("pools.id", ondelete="SET NULL"), index=True),
    Column("redirect_url", String(255)),
    Column("redirect_prefix", String(255)),
    Column("redirect_http_code", Integer),
    *_record(),
    _owner(),
    Index("ix_l7_policies_project_id", "project_id"),
)

L7_RULES = Table(
    "l7_rules",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("policy_id", _Id, ForeignKey("l7_policies.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("type", _Word, nullable=False),
    Column("compare_type", _Word, nullable=False),
    Column("value", String(255), nullable=False),
    Column("key", String(255)),
    Column("invert", Boolean, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    *_record(),
    _owner(),
    Index("ix_l7_rules_project_id", "project_id"),
)

# The tags of all kinds once more, one by one, for filters; the rows themselves hold them in order.
OBJECT_TAGS = Table(
    "object_tags",
    METADATA,
    Column("object_id", _Id, primary_key=True),
    Column("tag", String(255), primary_key=True, index=True),
)

# What each agent counted for a listener in each of its epochs (model/totals.py).
LISTENER_COUNTS = Table(
    "listener_counts",
    METADATA,
    Column("listener_id", _Id, ForeignKey("listeners.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", String(255), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("active_connections", BigInteger, nullable=False),
    Column("total_connections", BigInteger, nullable=False),
    Column("request_errors", BigInteger, nullable=False),
)

# One row: the UUID of the database itself.
IDENTITY = Table(
    "identity",
    METADATA,
    Column("single", Integer, primary_key=True, autoincrement=False),
    Column("id", _Id, nullable=False),
)

AGENTS = Table(
    "agents",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("seen_at", _Moment, nullable=False),
    Column("created_at", _Moment),
    Column("started_at", _Moment),
    Column("admin_state_up", Boolean, nullable=False, server_default=true()),
    Column("description", String(255), nullable=False, server_default=""),
    Column("availability_zone", String(255), nullable=False, server_default="nova"),
)

MONITOR_TEMPLATES = Table(
    "monitor_templates",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("project_id", String(255), nullable=False, index=True),
    *_check(),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment),
)


def _profile(name: str) -> Table:
    return Table(
        name,
        METADATA,
        _position(),
        Column("id", _Id, nullable=False, unique=True),
        Column("name", String(255), nullable=False),
        Column("provider", String(64), nullable=False),
        Column("data", _Text, nullable=False),
    )


FLAVOR_PROFILES = _profile("flavor_profiles")
FLAVORS = Table(
    "flavors",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("profile_id", _Id, ForeignKey("flavor_profiles.id"), nullable=False, index=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
)
ZONE_PROFILES = _profile("availability_zone_profiles")
ZONES = Table(
    "availability_zones",
    METADATA,
    _position(),
    Column("name", String(255), nullable=False, unique=True),
    Column("profile_id", _Id, ForeignKey("availability_zone_profiles.id"), nullable=False, index=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
)


def _stored() -> list["Column[Any]"]:
    """What secrets and containers have in common; ``acl_*`` NULL: nothing was said of who may read it."""
    return [
        _position(),
        Column("id", _Id, nullable=False, unique=True),
        Column("project_id", String(255), nullable=False, index=True),
        Column("creator_id", String(255)),
        Column("name", String(255)),
        Column("type", _Word, nullable=False),
        Column("acl_project_access", Boolean),
        Column("acl_users", _Text),
        Column("acl_created_at", _Moment),
        Column("acl_updated_at", _Moment),
        Column("created_at", _Moment, nullable=False),
        Column("updated_at", _Moment, nullable=False),
    ]


SECRETS = Table(
    "secrets",
    METADATA,
    *_stored(),
    Column("algorithm", String(255)),
    Column("bit_length", Integer),
    Column("mode", String(255)),
    Column("expiration", _Moment),
    Column("content_type", String(255)),
    Column("metadata", _Text, nullable=False),
)

# Payloads, encrypted (secrets/keyring.py). Apart, so that nobody who lists secrets reads them.
SEALED = Table(
    "sealed_payloads",
    METADATA,
    Column("secret_id", _Id, ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", _Word, nullable=False, index=True),
    Column("content", _Bytes, nullable=False),
)

SECRET_CONTAINERS = Table(
    "secret_containers",
    METADATA,
    *_stored(),
    Column("secrets", _Text, nullable=False),
    Column("consumers", _Text, nullable=False),
)

# What was set for a project; resources that are missing have the default of the settings.
QUOTAS = Table(
    "quotas",
    METADATA,
    Column("project_id", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("limit", Integer, nullable=False),
)

# VIP ports as they are held at the port provider. A row outlives its load balancer where the provider has yet to let
# the port go, and is there before it while the port is reserved.
HELD_PORTS = Table(
    "held_ports",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("load_balancer_id", _Id, nullable=False),
    Column("given_port_id", _Id),
    Column("state", _Word, nullable=False, index=True),
    Column("since", _Moment, nullable=False),
    Column("host", String(255), nullable=False),
    Column("port_id", _Id, unique=True),
    # ``DesiredPort`` but its id, as JSON (held_ports.py): it is only ever read and written whole.
    Column("described", _Text),
)

# Load balancers that an agent has lost while it was away: deleted, or given elsewhere, at that generation.
TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("load_balancer_id", _Id, primary_key=True),
    Column("agent", String(255), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("made_at", _Moment, nullable=False),
)

# What happened (model/event.py). Names and ids stay when what they name is gone. Positions are never given twice:
# whoever follows goes by them.
EVENTS = Table(
    "events",
    METADATA,
    _position(),
    Column("kind", _Word, nullable=False),
    Column("at", _Moment, nullable=False),
    Column("state", _Word, nullable=False),
    Column("former", _Word),
    Column("project_id", String(255)),
    Column("load_balancer_id", _Id),
    Column("load_balancer_name", String(255), nullable=False),
    Column("object_kind", _Word),
    Column("object_id", _Id),
    Column("object_name", String(255), nullable=False),
    Column("reason", _Text),
    Column("agent", String(255)),
    Column("times", Integer, nullable=False),
    Index("ix_events_load_balancer_id", "load_balancer_id", "position"),
    sqlite_autoincrement=True,
)

# Nothing but a row to lock while a project's objects are counted.
PROJECTS = Table("projects", METADATA, Column("id", String(255), primary_key=True))

NETWORKS = Table(
    "networks",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("segment_type", _Word, nullable=False),
    Column("segment_physical_network", String(64), nullable=False),
    Column("segment_vlan", Integer),
    Column("tags", _Text, nullable=False),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment),
    # The segment in one word, since NULL is never equal to NULL: one network per segment.
    Column("segment_key", String(100), nullable=False, unique=True),
)

SUBNETS = Table(
    "subnets",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("network_id", _Id, ForeignKey("networks.id"), nullable=False, index=True),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", String(49), nullable=False),
    Column("gateway_ip", _Address),
    Column("host_routes", _Text, nullable=False),
    Column("dns_nameservers", _Text, nullable=False),
    Column("allocation_pools", _Text, nullable=False),
    Column("enable_dhcp", Boolean, nullable=False),
    Column("tags", _Text, nullable=False),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment),
)

PORTS = Table(
    "ports",
    METADATA,
    _position(),
    Column("id", _Id, nullable=False, unique=True),
    Column("network_id", _Id, ForeignKey("networks.id"), nullable=False),
    Column("project_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255), nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("mac_address", String(17), nullable=False),
    Column("device_id", String(255), nullable=False, index=True),
    Column("device_owner", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("tags", _Text, nullable=False),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment),
    UniqueConstraint("network_id", "mac_address"),
)

# ``Port.fixed_ips``, a table of its own so that the database itself sees to it that no address is handed out twice.
FIXED_IPS = Table(
    "fixed_ips",
    METADATA,
    Column("port_id", _Id, ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("subnet_id", _Id, ForeignKey("subnets.id"), nullable=False),
    Column("address", _Address, nullable=False),
    UniqueConstraint("subnet_id", "address"),
)
