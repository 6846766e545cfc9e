"""Pools whose members are spoken to in TLS: how, as one JSON document.

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("pools", sa.Column("tls", _TEXT))


def downgrade() -> None:
    with op.batch_alter_table("pools") as pools:
        pools.drop_column("tls")
