"""Indexes for the lists of load balancers, in place of those of single columns.

Revision 0018, after 0017.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ORDER = ("created_at", "id", "port_id")
_FIELDS = (
    *("project_id", "name", "description", "provisioning_status", "operating_status", "updated_at", "admin_state_up"),
    *("provider", "vip_address", "vip_subnet_id", "network_id", "port_id", "flavor_id", "availability_zone"),
)
_FORMER = ("project_id", "port_id", "flavor_id", "availability_zone")


def upgrade() -> None:
    op.create_index("ix_load_balancers_list", "load_balancers", _ORDER)
    for name in _FIELDS:
        rest = [each for each in _ORDER if each != name]
        op.create_index(f"ix_load_balancers_list_{name}", "load_balancers", [name, *rest])
    for name in _FORMER:
        op.drop_index(f"ix_load_balancers_{name}", "load_balancers")


def downgrade() -> None:
    for name in _FORMER:
        op.create_index(f"ix_load_balancers_{name}", "load_balancers", [name])
    for name in _FIELDS:
        op.drop_index(f"ix_load_balancers_list_{name}", "load_balancers")
    op.drop_index("ix_load_balancers_list", "load_balancers")
