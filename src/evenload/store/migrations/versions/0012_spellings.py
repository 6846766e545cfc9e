"""How callers wrote what is kept in canonical form.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = ("load_balancers", "pools", "listeners", "members", "health_monitors")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    for name in _TABLES:
        op.add_column(name, sa.Column("as_sent", _TEXT, nullable=False, server_default="[]"))


def downgrade() -> None:
    for name in _TABLES:
        with op.batch_alter_table(name) as table:
            table.drop_column("as_sent")
