"""Events, and why an object's operating status is what it is, since when.

Revision 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_WORD = sa.String(32)
_RECORDS = ("load_balancers", "pools", "listeners", "members", "health_monitors", "l7_policies", "l7_rules")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("former", _WORD),
        sa.Column("project_id", sa.String(255)),
        sa.Column("load_balancer_id", sa.String(36)),
        sa.Column("load_balancer_name", sa.String(255), nullable=False),
        sa.Column("object_kind", _WORD),
        sa.Column("object_id", sa.String(36)),
        sa.Column("object_name", sa.String(255), nullable=False),
        sa.Column("reason", _TEXT),
        sa.Column("agent", sa.String(255)),
        sa.Column("times", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_load_balancer_id", "events", ["load_balancer_id", "position"])
    for table in _RECORDS:
        op.add_column(table, sa.Column("operating_reason", _TEXT))
        op.add_column(table, sa.Column("operating_since", _MOMENT))


def downgrade() -> None:
    for table in _RECORDS:
        op.drop_column(table, "operating_since")
        op.drop_column(table, "operating_reason")
    op.drop_index("ix_events_load_balancer_id", "events")
    op.drop_table("events")
