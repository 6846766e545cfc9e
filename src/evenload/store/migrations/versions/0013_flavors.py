"""Flavors, availability zones and their profiles, and which of them a load balancer has.

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHOSEN = ("flavor_id", "availability_zone")


def _position() -> "sa.Column[int]":
    return sa.Column("position", _POSITION, primary_key=True, autoincrement=True)


def _make_profiles(name: str) -> None:
    op.create_table(
        name,
        _position(),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sa.UniqueConstraint("id", name=f"uq_{name}_id"),
        sa.PrimaryKeyConstraint("position", name=f"pk_{name}"),
    )


def _make_offers(name: str, profiles: str, *keys: "sa.Column[str]") -> None:
    op.create_table(
        name,
        _position(),
        *keys,
        sa.Column("profile_id", sa.String(36), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *(sa.UniqueConstraint(key.name, name=f"uq_{name}_{key.name}") for key in keys),
        sa.ForeignKeyConstraint(["profile_id"], [f"{profiles}.id"], name=f"fk_{name}_profile_id"),
        sa.PrimaryKeyConstraint("position", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_profile_id", name, ["profile_id"])


def upgrade() -> None:
    _make_profiles("flavor_profiles")
    _make_offers(
        "flavors",
        "flavor_profiles",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
    )
    _make_profiles("availability_zone_profiles")
    _make_offers("availability_zones", "availability_zone_profiles", sa.Column("name", sa.String(255), nullable=False))
    op.add_column("load_balancers", sa.Column("flavor_id", sa.String(36)))
    op.add_column("load_balancers", sa.Column("availability_zone", sa.String(255)))
    op.add_column("load_balancers", sa.Column("flavor_threads", sa.Integer()))
    op.add_column("load_balancers", sa.Column("flavor_connection_limit", sa.Integer()))
    op.add_column("load_balancers", sa.Column("flavor_log", sa.Boolean()))
    for name in _CHOSEN:
        op.create_index(f"ix_load_balancers_{name}", "load_balancers", [name])


def downgrade() -> None:
    for name in _CHOSEN:
        op.drop_index(f"ix_load_balancers_{name}", "load_balancers")
    with op.batch_alter_table("load_balancers") as table:
        for name in (*_CHOSEN, "flavor_threads", "flavor_connection_limit", "flavor_log"):
            table.drop_column(name)
    for name in ("availability_zones", "availability_zone_profiles", "flavors", "flavor_profiles"):
        op.drop_table(name)
