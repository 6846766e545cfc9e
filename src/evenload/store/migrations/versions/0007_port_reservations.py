"""VIP ports that are taken before their load balancer is written.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "port_reservations",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("own_port", sa.Boolean(), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("port_id", name="pk_port_reservations"),
    )


def downgrade() -> None:
    op.drop_table("port_reservations")
