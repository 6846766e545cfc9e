"""Headers that a listener's owner named in order not to have them inserted.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listeners", sa.Column("headers_off", sa.String(length=1024), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("listeners", "headers_off")
