"""Flavors and availability zones, with their profiles."""

from sqlalchemy import Boolean, Column, ForeignKey, String, Table

from evenload.store.tables.columns import ID, METADATA, LongText, position_column


def _profile_table(name: str) -> Table:
    return Table(
        name,
        METADATA,
        position_column(),
        Column("id", ID, nullable=False, unique=True),
        Column("name", String(255), nullable=False),
        Column("provider", String(64), nullable=False),
        Column("data", LongText, nullable=False),
    )


FLAVOR_PROFILES = _profile_table("flavor_profiles")

FLAVORS = Table(
    "flavors",
    METADATA,
    position_column(),
    Column("id", ID, nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("profile_id", ID, ForeignKey("flavor_profiles.id"), nullable=False, index=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
)

ZONE_PROFILES = _profile_table("availability_zone_profiles")

ZONES = Table(
    "availability_zones",
    METADATA,
    position_column(),
    Column("name", String(255), nullable=False, unique=True),
    Column("profile_id", ID, ForeignKey("availability_zone_profiles.id"), nullable=False, index=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
)
