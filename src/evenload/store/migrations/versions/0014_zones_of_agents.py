"""The availability zone of each agent's host.

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("availability_zone", sa.String(255), nullable=False, server_default="nova"))


def downgrade() -> None:
    with op.batch_alter_table("agents") as table:
        table.drop_column("availability_zone")
