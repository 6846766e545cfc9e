"""Secrets and containers of the built-in store."""

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table

from evenload.store.tables.columns import ID, METADATA, WORD, LongBytes, LongText, Moment, position_column


def _stored_columns() -> list["Column[Any]"]:
    """What secrets and containers have in common; ``acl_*`` NULL: nothing was said of who may read it."""
    return [
        position_column(),
        Column("id", ID, nullable=False, unique=True),
        Column("project_id", String(255), nullable=False, index=True),
        Column("creator_id", String(255)),
        Column("name", String(255)),
        Column("type", WORD, nullable=False),
        Column("acl_project_access", Boolean),
        Column("acl_users", LongText),
        Column("acl_created_at", Moment),
        Column("acl_updated_at", Moment),
        Column("created_at", Moment, nullable=False),
        Column("updated_at", Moment, nullable=False),
    ]


SECRETS = Table(
    "secrets",
    METADATA,
    *_stored_columns(),
    Column("algorithm", String(255)),
    Column("bit_length", Integer),
    Column("mode", String(255)),
    Column("expiration", Moment),
    Column("content_type", String(255)),
    Column("metadata", LongText, nullable=False),
)

# Payloads, encrypted (secrets/keyring.py). Apart, so that nobody who lists secrets reads them.
SEALED = Table(
    "sealed_payloads",
    METADATA,
    Column("secret_id", ID, ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", WORD, nullable=False, index=True),
    Column("content", LongBytes, nullable=False),
)

SECRET_CONTAINERS = Table(
    "secret_containers",
    METADATA,
    *_stored_columns(),
    Column("secrets", LongText, nullable=False),
    Column("consumers", LongText, nullable=False),
)
