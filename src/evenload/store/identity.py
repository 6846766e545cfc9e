"""The database's own name, by which agents know whether the server that speaks to them still has what they have.

Made once, with the schema; a copy of the database has the same one.
"""

import uuid

from sqlalchemy import Connection, insert, select

from evenload.store.tables.identity import IDENTITY

_READ = select(IDENTITY.c.id)
_INSERT = insert(IDENTITY)


def read_identity(connection: Connection) -> str | None:
    return connection.execute(_READ).scalar()


def ensure_identity(connection: Connection) -> str:
    """Makes one where there is none. There is room for one row, whoever else is making it."""
    found = read_identity(connection)
    if found is None:
        found = str(uuid.uuid4())
        connection.execute(_INSERT, {"single": 1, "id": found})
    return found
