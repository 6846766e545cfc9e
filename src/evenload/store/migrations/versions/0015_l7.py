"""L7 policies and rules.

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_ID = sa.String(36)
_WORD = sa.String(32)


def _record() -> list[sa.Column[object]]:
    return [
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("provisioning_status", _WORD, nullable=False),
        sa.Column("operating_status", _WORD, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("deleting", sa.Boolean, nullable=False),
        sa.Column("fault", _TEXT),
        sa.Column("as_sent", _TEXT, nullable=False, server_default="[]"),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT),
        sa.Column("load_balancer_id", _ID, nullable=False),
    ]


def _owned_by(table: str, column: str, owner: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "l7_policies",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("listener_id", _ID, nullable=False),
        sa.Column("action", _WORD, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("admin_state_up", sa.Boolean, nullable=False),
        sa.Column("redirect_pool_id", _ID),
        sa.Column("redirect_url", sa.String(255)),
        sa.Column("redirect_prefix", sa.String(255)),
        sa.Column("redirect_http_code", sa.Integer),
        *_record(),
        _owned_by("l7_policies", "listener_id", "listeners"),
        _owned_by("l7_policies", "redirect_pool_id", "pools", "SET NULL"),
        _owned_by("l7_policies", "load_balancer_id", "load_balancers"),
        sa.PrimaryKeyConstraint("position", name="pk_l7_policies"),
        sa.UniqueConstraint("id", name="uq_l7_policies_id"),
    )
    op.create_table(
        "l7_rules",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("policy_id", _ID, nullable=False),
        sa.Column("type", _WORD, nullable=False),
        sa.Column("compare_type", _WORD, nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("key", sa.String(255)),
        sa.Column("invert", sa.Boolean, nullable=False),
        sa.Column("admin_state_up", sa.Boolean, nullable=False),
        *_record(),
        _owned_by("l7_rules", "policy_id", "l7_policies"),
        _owned_by("l7_rules", "load_balancer_id", "load_balancers"),
        sa.PrimaryKeyConstraint("position", name="pk_l7_rules"),
        sa.UniqueConstraint("id", name="uq_l7_rules_id"),
    )
    for table, columns in (
        ("l7_policies", ("listener_id", "redirect_pool_id")),
        ("l7_rules", ("policy_id",)),
    ):
        for column in (*columns, "provisioning_status", "load_balancer_id", "project_id"):
            op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    op.drop_table("l7_rules")
    op.drop_table("l7_policies")
