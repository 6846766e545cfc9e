"""Counters of listeners by agent and epoch. What was counted until now is of the epoch "".

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTERS = ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors")


def upgrade() -> None:
    op.create_table(
        "listener_counts",
        sa.Column("listener_id", sa.String(length=36), nullable=False),
        sa.Column("agent", sa.String(length=255), nullable=False),
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTERS),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name="fk_listener_counts_listener_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listener_id", "agent", "epoch", name="pk_listener_counts"),
    )
    names = ", ".join(_COUNTERS)
    op.execute(
        f"INSERT INTO listener_counts (listener_id, agent, epoch, place, {names}) "
        f"SELECT s.listener_id, b.agent, '', 1, {', '.join('s.' + name for name in _COUNTERS)} "
        "FROM listener_statistics s JOIN listeners l ON l.id = s.listener_id "
        "JOIN load_balancers b ON b.id = l.load_balancer_id"
    )
    op.drop_table("listener_statistics")


def downgrade() -> None:
    op.create_table(
        "listener_statistics",
        sa.Column("listener_id", sa.String(length=36), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTERS),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name="fk_listener_statistics_listener_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listener_id", name="pk_listener_statistics"),
    )
    names = ", ".join(_COUNTERS)
    op.execute(
        f"INSERT INTO listener_statistics (listener_id, {names}) "
        f"SELECT listener_id, {', '.join(f'SUM({name})' for name in _COUNTERS)} "
        "FROM listener_counts GROUP BY listener_id"
    )
    op.drop_table("listener_counts")
