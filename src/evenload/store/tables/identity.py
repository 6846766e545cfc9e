"""One row: the UUID of the database itself."""

from sqlalchemy import Column, Integer, Table

from evenload.store.tables.columns import ID, METADATA

IDENTITY = Table(
    "identity",
    METADATA,
    Column("single", Integer, primary_key=True, autoincrement=False),
    Column("id", ID, nullable=False),
)
