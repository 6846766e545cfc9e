"""Listeners that terminate TLS: what they speak and by which certificates, as one JSON document.

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("listeners", sa.Column("tls", _TEXT))


def downgrade() -> None:
    with op.batch_alter_table("listeners") as listeners:
        listeners.drop_column("tls")
