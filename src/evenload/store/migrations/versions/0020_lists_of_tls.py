"""What lists are filtered and sorted by of TLS, which is one document else. Nothing has any yet: the API made none.

Revision 0020, after 0019.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list["sa.Column[Any]"]]:
    def reference(name: str) -> "sa.Column[Any]":
        return sa.Column(name, sa.String(255))

    def truth(name: str) -> "sa.Column[Any]":
        return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())

    listeners: list[sa.Column[Any]] = [
        reference("tls_certificate"),
        sa.Column("tls_ciphers", sa.String(2048)),
        sa.Column("tls_hsts_max_age", sa.Integer),
        truth("tls_hsts_include_subdomains"),
        truth("tls_hsts_preload"),
        sa.Column("tls_client_authentication", sa.String(32), nullable=False, server_default="NONE"),
        reference("tls_client_authorities"),
        reference("tls_client_revocations"),
    ]
    pools: list[sa.Column[Any]] = [
        truth("tls_enabled"),
        reference("tls_certificate"),
        reference("tls_authorities"),
        reference("tls_revocations"),
        sa.Column("tls_ciphers", sa.String(2048)),
    ]
    return {"listeners": listeners, "pools": pools}


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    for table, columns in _columns().items():
        with op.batch_alter_table(table) as changed:
            for column in reversed(columns):
                changed.drop_column(column.name)
