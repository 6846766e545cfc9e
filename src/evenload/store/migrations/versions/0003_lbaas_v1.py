"""What LBaaS v1 needs: pools that stand alone, VIPs, monitor templates, quotas, and agents that people can manage.

Revision 0003, after 0002.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Columns = tuple[tuple[str, sa.types.TypeEngine[Any]], ...]
_VIP: _Columns = (
    ("network_id", sa.String(length=36)),
    ("port_id", sa.String(length=36)),
    ("vip_address", sa.String(length=45)),
    ("vip_subnet_id", sa.String(length=36)),
)
_OF_POOLS: _Columns = (
    ("v1_subnet_id", sa.String(length=36)),
    ("v1_provider", sa.String(length=64)),
    ("v1_bytes_in", sa.BigInteger()),
    ("v1_bytes_out", sa.BigInteger()),
    ("v1_total_connections", sa.BigInteger()),
)
_OF_AGENTS = (("created_at", _MOMENT), ("started_at", _MOMENT))


def upgrade() -> None:
    with op.batch_alter_table("load_balancers") as table:
        for name, kind in _VIP:
            table.alter_column(name, existing_type=kind, nullable=True)
    op.create_index("ix_load_balancers_port_id", "load_balancers", ["port_id"])
    for name, kind in _OF_POOLS:
        op.add_column("pools", sa.Column(name, kind, nullable=True))
    op.add_column("listeners", sa.Column("v1", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("health_monitors", sa.Column("template_id", sa.String(length=36), nullable=True))
    op.create_index("ix_health_monitors_template_id", "health_monitors", ["template_id"])
    for name, moment in _OF_AGENTS:
        op.add_column("agents", sa.Column(name, moment, nullable=True))
    op.add_column("agents", sa.Column("admin_state_up", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("agents", sa.Column("description", sa.String(length=255), nullable=False, server_default=""))
    op.create_table(
        "monitor_templates",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
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
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_monitor_templates"),
        sa.UniqueConstraint("id", name="uq_monitor_templates_id"),
    )
    op.create_index("ix_monitor_templates_project_id", "monitor_templates", ["project_id"])
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource", name="pk_quotas"),
    )


def downgrade() -> None:
    op.drop_table("quotas")
    op.drop_table("monitor_templates")
    for name in ("created_at", "started_at", "admin_state_up", "description"):
        op.drop_column("agents", name)
    op.drop_index("ix_health_monitors_template_id", "health_monitors")
    op.drop_column("health_monitors", "template_id")
    op.drop_column("listeners", "v1")
    for name, _ in _OF_POOLS:
        op.drop_column("pools", name)
    op.execute("DELETE FROM load_balancers WHERE port_id IS NULL")
    op.drop_index("ix_load_balancers_port_id", "load_balancers")
    with op.batch_alter_table("load_balancers") as table:
        for name, kind in _VIP:
            table.alter_column(name, existing_type=kind, nullable=False)
