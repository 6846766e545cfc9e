"""Placements: which agents have a load balancer, and what each has applied.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "placements",
        sa.Column("load_balancer_id", sa.String(length=36), nullable=False),
        sa.Column("agent", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("applied_generation", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_balancer_id"], ["load_balancers.id"], name="fk_placements_load_balancer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("load_balancer_id", "agent", name="pk_placements"),
    )
    op.create_index("ix_placements_agent", "placements", ["agent"])
    op.execute(
        "INSERT INTO placements (load_balancer_id, agent, role, applied_generation) "
        "SELECT id, agent, 'STANDALONE', applied_generation FROM load_balancers"
    )
    op.drop_index("ix_load_balancers_agent", "load_balancers")
    with op.batch_alter_table("load_balancers") as table:
        table.drop_column("agent")
        table.drop_column("applied_generation")


def downgrade() -> None:
    """A load balancer with several placements keeps the one that serves it."""
    op.add_column("load_balancers", sa.Column("agent", sa.String(length=255), nullable=True))
    op.add_column("load_balancers", sa.Column("applied_generation", sa.BigInteger(), nullable=True))
    for name, otherwise in (("agent", "''"), ("applied_generation", "0")):
        op.execute(
            f"UPDATE load_balancers SET {name} = COALESCE((SELECT p.{name} FROM placements p "
            "WHERE p.load_balancer_id = load_balancers.id "
            f"ORDER BY CASE p.role WHEN 'BACKUP' THEN 1 ELSE 0 END, p.agent LIMIT 1), {otherwise})"
        )
    with op.batch_alter_table("load_balancers") as table:
        table.alter_column("agent", existing_type=sa.String(length=255), nullable=False)
        table.alter_column("applied_generation", existing_type=sa.BigInteger(), nullable=False)
    op.create_index("ix_load_balancers_agent", "load_balancers", ["agent"])
    op.drop_table("placements")
