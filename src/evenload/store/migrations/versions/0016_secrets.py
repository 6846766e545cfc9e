"""The built-in store of secrets: secrets, containers of them, payloads apart and encrypted.

Revision 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
_ID = sa.String(36)
_WORD = sa.String(32)


def _stored(table: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        table,
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("creator_id", sa.String(255)),
        sa.Column("name", sa.String(255)),
        sa.Column("type", _WORD, nullable=False),
        sa.Column("acl_project_access", sa.Boolean),
        sa.Column("acl_users", _TEXT),
        sa.Column("acl_created_at", _MOMENT),
        sa.Column("acl_updated_at", _MOMENT),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("position", name=f"pk_{table}"),
        sa.UniqueConstraint("id", name=f"uq_{table}_id"),
    )
    op.create_index(f"ix_{table}_project_id", table, ["project_id"])


def upgrade() -> None:
    _stored(
        "secrets",
        sa.Column("algorithm", sa.String(255)),
        sa.Column("bit_length", sa.Integer),
        sa.Column("mode", sa.String(255)),
        sa.Column("expiration", _MOMENT),
        sa.Column("content_type", sa.String(255)),
        sa.Column("metadata", _TEXT, nullable=False),
    )
    op.create_table(
        "sealed_payloads",
        sa.Column("secret_id", _ID, nullable=False),
        sa.Column("key_id", _WORD, nullable=False),
        sa.Column("content", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(["secret_id"], ["secrets.id"], name="fk_sealed_payloads_secret_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("secret_id", name="pk_sealed_payloads"),
    )
    op.create_index("ix_sealed_payloads_key_id", "sealed_payloads", ["key_id"])
    _stored(
        "secret_containers",
        sa.Column("secrets", _TEXT, nullable=False),
        sa.Column("consumers", _TEXT, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("sealed_payloads")
    op.drop_table("secrets")
    op.drop_table("secret_containers")
