"""Projects: what was set for them, and what is locked where their objects are counted."""

from sqlalchemy import Column, Integer, String, Table

from evenload.store.tables.columns import METADATA

# What was set for a project; resources that are missing have the default of the settings.
QUOTAS = Table(
    "quotas",
    METADATA,
    Column("project_id", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("limit", Integer, nullable=False),
)

# Nothing but a row to lock while a project's objects are counted.
PROJECTS = Table("projects", METADATA, Column("id", String(255), primary_key=True))
