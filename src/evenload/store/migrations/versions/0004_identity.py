"""The database's own name.

Revision 0004, after 0003.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "identity",
        sa.Column("single", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("single", name="pk_identity"),
    )
    op.bulk_insert(table, [{"single": 1, "id": str(uuid.uuid4())}])


def downgrade() -> None:
    op.drop_table("identity")
