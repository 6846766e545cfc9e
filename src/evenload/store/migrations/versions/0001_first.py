"""The first schema: load balancers with their parts, statistics, agents, networks.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_agents"),
    )
    op.create_table(
        "load_balancers",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("own_port", sa.Boolean(), nullable=False),
        sa.Column("vips", _TEXT, nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", sa.String(length=32), nullable=False),
        sa.Column("operating_status", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("fault", _TEXT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.Column("vip_address", sa.String(length=45), nullable=False),
        sa.Column("vip_subnet_id", sa.String(length=36), nullable=False),
        sa.Column("agent", sa.String(length=255), nullable=False),
        sa.Column("tree_generation", sa.BigInteger(), nullable=False),
        sa.Column("applied_generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_load_balancers"),
        sa.UniqueConstraint("id", name="uq_load_balancers_id"),
    )
    op.create_index("ix_load_balancers_agent", "load_balancers", ["agent"])
    op.create_index("ix_load_balancers_project_id", "load_balancers", ["project_id"])
    op.create_index("ix_load_balancers_provisioning_status", "load_balancers", ["provisioning_status"])

    op.create_table(
        "networks",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=False),
        sa.Column("segment_type", sa.String(length=32), nullable=False),
        sa.Column("segment_physical_network", sa.String(length=64), nullable=False),
        sa.Column("segment_vlan", sa.Integer(), nullable=True),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.Column("segment_key", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_networks"),
        sa.UniqueConstraint("id", name="uq_networks_id"),
        sa.UniqueConstraint("segment_key", name="uq_networks_segment_key"),
    )
    op.create_table(
        "object_tags",
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("object_id", "tag", name="pk_object_tags"),
    )
    op.create_index("ix_object_tags_tag", "object_tags", ["tag"])

    op.create_table(
        "pools",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.Column("protocol", sa.String(length=32), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("session_persistence_type", sa.String(length=32), nullable=True),
        sa.Column("session_persistence_cookie_name", sa.String(length=255), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", sa.String(length=32), nullable=False),
        sa.Column("operating_status", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("fault", _TEXT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["load_balancer_id"], ["load_balancers.id"], name="fk_pools_load_balancer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name="pk_pools"),
        sa.UniqueConstraint("id", name="uq_pools_id"),
    )
    op.create_index("ix_pools_load_balancer_id", "pools", ["load_balancer_id"])
    op.create_index("ix_pools_project_id", "pools", ["project_id"])
    op.create_index("ix_pools_provisioning_status", "pools", ["provisioning_status"])

    op.create_table(
        "ports",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("mac_address", sa.String(length=17), nullable=False),
        sa.Column("device_id", sa.String(length=255), nullable=False),
        sa.Column("device_owner", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_ports_network_id"),
        sa.PrimaryKeyConstraint("position", name="pk_ports"),
        sa.UniqueConstraint("id", name="uq_ports_id"),
        sa.UniqueConstraint("network_id", "mac_address", name="uq_ports_network_id_mac_address"),
    )
    op.create_index("ix_ports_device_id", "ports", ["device_id"])

    op.create_table(
        "subnets",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("cidr", sa.String(length=49), nullable=False),
        sa.Column("gateway_ip", sa.String(length=45), nullable=True),
        sa.Column("host_routes", _TEXT, nullable=False),
        sa.Column("dns_nameservers", _TEXT, nullable=False),
        sa.Column("allocation_pools", _TEXT, nullable=False),
        sa.Column("enable_dhcp", sa.Boolean(), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_subnets_network_id"),
        sa.PrimaryKeyConstraint("position", name="pk_subnets"),
        sa.UniqueConstraint("id", name="uq_subnets_id"),
    )
    op.create_index("ix_subnets_network_id", "subnets", ["network_id"])

    op.create_table(
        "fixed_ips",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subnet_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name="fk_fixed_ips_port_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subnet_id"], ["subnets.id"], name="fk_fixed_ips_subnet_id"),
        sa.PrimaryKeyConstraint("port_id", "ordinal", name="pk_fixed_ips"),
        sa.UniqueConstraint("subnet_id", "address", name="uq_fixed_ips_subnet_id_address"),
    )
    op.create_table(
        "health_monitors",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("pool_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("delay", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("rise", sa.Integer(), nullable=False),
        sa.Column("fall", sa.Integer(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("http_method", sa.String(length=32), nullable=True),
        sa.Column("http_url_path", _TEXT, nullable=True),
        sa.Column("http_expected_codes", _TEXT, nullable=True),
        sa.Column("http_version", sa.String(length=32), nullable=True),
        sa.Column("http_domain_name", sa.String(length=255), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", sa.String(length=32), nullable=False),
        sa.Column("operating_status", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("fault", _TEXT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_balancer_id"], ["load_balancers.id"], name="fk_health_monitors_load_balancer_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name="fk_health_monitors_pool_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("position", name="pk_health_monitors"),
        sa.UniqueConstraint("id", name="uq_health_monitors_id"),
    )
    op.create_index("ix_health_monitors_load_balancer_id", "health_monitors", ["load_balancer_id"])
    op.create_index("ix_health_monitors_pool_id", "health_monitors", ["pool_id"])
    op.create_index("ix_health_monitors_project_id", "health_monitors", ["project_id"])
    op.create_index("ix_health_monitors_provisioning_status", "health_monitors", ["provisioning_status"])

    op.create_table(
        "listeners",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.Column("protocol", sa.String(length=32), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("default_pool_id", sa.String(length=36), nullable=True),
        sa.Column("connection_limit", sa.Integer(), nullable=False),
        sa.Column("insert_headers", _TEXT, nullable=False),
        sa.Column("timeout_client_data", sa.BigInteger(), nullable=False),
        sa.Column("timeout_member_connect", sa.BigInteger(), nullable=False),
        sa.Column("timeout_member_data", sa.BigInteger(), nullable=False),
        sa.Column("timeout_tcp_inspect", sa.BigInteger(), nullable=False),
        sa.Column("allowed_cidrs", _TEXT, nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", sa.String(length=32), nullable=False),
        sa.Column("operating_status", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("fault", _TEXT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["default_pool_id"], ["pools.id"], name="fk_listeners_default_pool_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["load_balancer_id"], ["load_balancers.id"], name="fk_listeners_load_balancer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position", name="pk_listeners"),
        sa.UniqueConstraint("id", name="uq_listeners_id"),
    )
    op.create_index("ix_listeners_default_pool_id", "listeners", ["default_pool_id"])
    op.create_index("ix_listeners_load_balancer_id", "listeners", ["load_balancer_id"])
    op.create_index("ix_listeners_project_id", "listeners", ["project_id"])
    op.create_index("ix_listeners_provisioning_status", "listeners", ["provisioning_status"])

    op.create_table(
        "members",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("pool_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("backup", sa.Boolean(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("subnet_id", sa.String(length=36), nullable=True),
        sa.Column("monitor_address", sa.String(length=45), nullable=True),
        sa.Column("monitor_port", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", sa.String(length=32), nullable=False),
        sa.Column("operating_status", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("fault", _TEXT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_balancer_id"], ["load_balancers.id"], name="fk_members_load_balancer_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name="fk_members_pool_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("position", name="pk_members"),
        sa.UniqueConstraint("id", name="uq_members_id"),
    )
    op.create_index("ix_members_load_balancer_id", "members", ["load_balancer_id"])
    op.create_index("ix_members_pool_id", "members", ["pool_id"])
    op.create_index("ix_members_provisioning_status", "members", ["provisioning_status"])

    op.create_table(
        "listener_statistics",
        sa.Column("listener_id", sa.String(length=36), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("active_connections", sa.BigInteger(), nullable=False),
        sa.Column("total_connections", sa.BigInteger(), nullable=False),
        sa.Column("request_errors", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name="fk_listener_statistics_listener_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listener_id", name="pk_listener_statistics"),
    )


def downgrade() -> None:
    op.drop_table("listener_statistics")
    op.drop_table("members")
    op.drop_table("listeners")
    op.drop_table("health_monitors")
    op.drop_table("fixed_ips")
    op.drop_table("subnets")
    op.drop_table("ports")
    op.drop_table("pools")
    op.drop_table("object_tags")
    op.drop_table("networks")
    op.drop_table("load_balancers")
    op.drop_table("agents")
