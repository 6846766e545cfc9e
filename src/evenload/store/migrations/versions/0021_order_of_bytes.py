"""PostgreSQL's indexes for the lists of load balancers, in the order of lists: of bytes, NULL before all else.

Revision 0021, after 0020.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ORDER = ("created_at", "id", "port_id")
_FIELDS = (
    *("project_id", "name", "description", "provisioning_status", "operating_status", "updated_at", "admin_state_up"),
    *("provider", "vip_address", "vip_subnet_id", "network_id", "port_id", "flavor_id", "availability_zone"),
)
_NO_TEXTS = ("created_at", "updated_at", "admin_state_up")
_NULLABLE = ("updated_at", "vip_address", "vip_subnet_id", "network_id", "port_id", "flavor_id", "availability_zone")

_BY_ID = "ix_load_balancers_list_id"
"""Elsewhere the one that keeps ids apart is in this order."""


def _name(field: str) -> str:
    return f"ix_load_balancers_list_{field}" if field else "ix_load_balancers_list"


def _columns(field: str) -> list[str]:
    return [*([field] if field else []), *(each for each in _ORDER if each != field)]


def _in_order(column: str) -> str:
    collation = "" if column in _NO_TEXTS else ' COLLATE "C"'
    return f"{column}{collation}{' NULLS FIRST' if column in _NULLABLE else ''}"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for field in ("", *_FIELDS):
            op.drop_index(_name(field), "load_balancers")
            columns = ", ".join(map(_in_order, _columns(field)))
            op.execute(f"CREATE INDEX {_name(field)} ON load_balancers ({columns})")
        op.execute(f"CREATE INDEX {_BY_ID} ON load_balancers ({_in_order('id')})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(_BY_ID, "load_balancers")
        for field in ("", *_FIELDS):
            op.drop_index(_name(field), "load_balancers")
            op.create_index(_name(field), "load_balancers", _columns(field))
