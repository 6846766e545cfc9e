"""Load balancers and all that belongs to them, a table for each kind of object, with their tags and counts; and the
templates of which LBaaS v1 makes monitors.

What all kinds have are ``record_columns``; those of ``Record.v1`` stand in lbaas_v1.py.
"""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, false

from evenload.store.tables.columns import ADDRESS, ID, METADATA, WORD, LongText, Moment, position_column

_REFERENCE = String(255)
_CIPHERS = String(2048)


def record_columns() -> list["Column[object]"]:
    """The fields of ``Record`` but its item."""
    return [
        Column("project_id", String(255), nullable=False),
        Column("name", String(255), nullable=False),
        Column("description", String(255), nullable=False),
        Column("tags", LongText, nullable=False),
        Column("provisioning_status", WORD, nullable=False, index=True),
        Column("operating_status", WORD, nullable=False),
        Column("generation", BigInteger, nullable=False),
        Column("deleting", Boolean, nullable=False),
        Column("fault", LongText),
        Column("operating_reason", LongText),
        Column("operating_since", Moment),
        Column("as_sent", LongText, nullable=False, server_default="[]"),
        Column("created_at", Moment, nullable=False),
        Column("updated_at", Moment),
    ]


def owner_column() -> "Column[str]":
    """The load balancer to which a row belongs: model field of listeners and pools, kept for members and monitors so
    that a tree is read by one index each."""
    return Column(
        "load_balancer_id", ID, ForeignKey("load_balancers.id", ondelete="CASCADE"), nullable=False, index=True
    )


def _pool_column() -> "Column[str]":
    return Column("pool_id", ID, ForeignKey("pools.id", ondelete="CASCADE"), nullable=False, index=True)


def _check_columns() -> list["Column[object]"]:
    """What a health monitor and a template of one have in common."""
    return [
        Column("type", WORD, nullable=False),
        Column("delay", Integer, nullable=False),
        Column("timeout", Integer, nullable=False),
        Column("rise", Integer, nullable=False),
        Column("fall", Integer, nullable=False),
        Column("admin_state_up", Boolean, nullable=False),
        Column("http_method", WORD),
        Column("http_url_path", LongText),
        Column("http_expected_codes", LongText),
        Column("http_version", WORD),
        Column("http_domain_name", String(255)),
    ]


def _list_indexes() -> Iterator[Index]:
    """Of load balancers, by each field that a list is filtered or sorted by. What follows the field is the order of
    lists beneath it, and whether it is one (a pool of LBaaS v1 that stands alone has no port), so that a page is cut
    from the index alone, however many there are. PostgreSQL's are in the order of bytes (migration 0021), as its lists
    are, and what compares with a text there has to say so (queries.py)."""
    order = ("created_at", "id", "port_id")
    yield Index("ix_load_balancers_list", *order)
    for name in _LISTED:
        yield Index(f"ix_load_balancers_list_{name}", name, *(each for each in order if each != name))


_LISTED = (
    *("project_id", "name", "description", "provisioning_status", "operating_status", "updated_at", "admin_state_up"),
    *("provider", "vip_address", "vip_subnet_id", "network_id", "port_id", "flavor_id", "availability_zone"),
)

LOAD_BALANCERS = Table(
    "load_balancers",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("admin_state_up", Boolean, nullable=False),
    Column("provider", String(64), nullable=False),
    Column("network_id", ID),
    Column("port_id", ID),
    Column("own_port", Boolean, nullable=False),
    Column("vips", LongText, nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("flavor_id", ID),
    Column("availability_zone", String(255)),
    Column("flavor_threads", Integer),
    Column("flavor_connection_limit", Integer),
    Column("flavor_log", Boolean),
    *record_columns(),
    # The primary VIP once more, for filters and sorting.
    Column("vip_address", ADDRESS),
    Column("vip_subnet_id", ID),
    # What the tree as a whole carries; ``generation`` above is that of the load balancer's own record.
    Column("tree_generation", BigInteger, nullable=False),
    # Another random number after every change of a row of the tree, or of its counts: what was read is still so.
    Column("revision", BigInteger, nullable=False, server_default="0"),
    *_list_indexes(),
)

POOLS = Table(
    "pools",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    owner_column(),
    Column("protocol", WORD, nullable=False),
    Column("algorithm", WORD, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("session_persistence_type", WORD),
    Column("session_persistence_cookie_name", String(255)),
    Column("tls", LongText),
    # Parts of that once more, for filters and sorting.
    Column("tls_enabled", Boolean, nullable=False, server_default=false()),
    Column("tls_certificate", _REFERENCE),
    Column("tls_authorities", _REFERENCE),
    Column("tls_revocations", _REFERENCE),
    Column("tls_ciphers", _CIPHERS),
    Column("v1_subnet_id", ID),
    Column("v1_provider", String(64)),
    Column("v1_bytes_in", BigInteger),
    Column("v1_bytes_out", BigInteger),
    Column("v1_total_connections", BigInteger),
    *record_columns(),
    Index("ix_pools_project_id", "project_id"),
)

LISTENERS = Table(
    "listeners",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    owner_column(),
    Column("protocol", WORD, nullable=False),
    Column("port", Integer, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("default_pool_id", ID, ForeignKey("pools.id", ondelete="SET NULL"), index=True),
    Column("connection_limit", Integer, nullable=False),
    Column("insert_headers", LongText, nullable=False),
    Column("headers_off", String(1024), nullable=False, server_default="[]"),
    Column("timeout_client_data", BigInteger, nullable=False),
    Column("timeout_member_connect", BigInteger, nullable=False),
    Column("timeout_member_data", BigInteger, nullable=False),
    Column("timeout_tcp_inspect", BigInteger, nullable=False),
    Column("allowed_cidrs", LongText, nullable=False),
    Column("tls", LongText),
    # Parts of that once more, for filters and sorting.
    Column("tls_certificate", _REFERENCE),
    Column("tls_ciphers", _CIPHERS),
    Column("tls_hsts_max_age", Integer),
    Column("tls_hsts_include_subdomains", Boolean, nullable=False, server_default=false()),
    Column("tls_hsts_preload", Boolean, nullable=False, server_default=false()),
    Column("tls_client_authentication", WORD, nullable=False, server_default="NONE"),
    Column("tls_client_authorities", _REFERENCE),
    Column("tls_client_revocations", _REFERENCE),
    Column("v1", Boolean, nullable=False, server_default=false()),
    *record_columns(),
    Index("ix_listeners_project_id", "project_id"),
)

MEMBERS = Table(
    "members",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    _pool_column(),
    Column("address", ADDRESS, nullable=False),
    Column("port", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("backup", Boolean, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("subnet_id", ID),
    Column("monitor_address", ADDRESS),
    Column("monitor_port", Integer),
    *record_columns(),
    owner_column(),
)

HEALTH_MONITORS = Table(
    "health_monitors",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    _pool_column(),
    *_check_columns(),
    Column("template_id", ID, index=True),
    *record_columns(),
    owner_column(),
    Index("ix_health_monitors_project_id", "project_id"),
)

L7_POLICIES = Table(
    "l7_policies",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("listener_id", ID, ForeignKey("listeners.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("action", WORD, nullable=False),
    Column("place", Integer, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("redirect_pool_id", ID, ForeignKey("pools.id", ondelete="SET NULL"), index=True),
    Column("redirect_url", String(255)),
    Column("redirect_prefix", String(255)),
    Column("redirect_http_code", Integer),
    *record_columns(),
    owner_column(),
    Index("ix_l7_policies_project_id", "project_id"),
)

L7_RULES = Table(
    "l7_rules",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("policy_id", ID, ForeignKey("l7_policies.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("type", WORD, nullable=False),
    Column("compare_type", WORD, nullable=False),
    Column("value", String(255), nullable=False),
    Column("key", String(255)),
    Column("invert", Boolean, nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    *record_columns(),
    owner_column(),
    Index("ix_l7_rules_project_id", "project_id"),
)

# The tags of all kinds once more, one by one, for filters; the rows themselves hold them in order.
OBJECT_TAGS = Table(
    "object_tags",
    METADATA,
    Column("object_id", ID, primary_key=True),
    Column("tag", String(255), primary_key=True, index=True),
)

# What each agent counted for a listener in each of its epochs (model/totals.py).
LISTENER_COUNTS = Table(
    "listener_counts",
    METADATA,
    Column("listener_id", ID, ForeignKey("listeners.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", String(255), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("active_connections", BigInteger, nullable=False),
    Column("total_connections", BigInteger, nullable=False),
    Column("request_errors", BigInteger, nullable=False),
)

MONITOR_TEMPLATES = Table(
    "monitor_templates",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("project_id", String(255), nullable=False, index=True),
    *_check_columns(),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
)
