"""A consistent snapshot of a database, for commands that look at it from outside of the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

_SNAPSHOT = {
    "sqlite": "BEGIN",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
_OTHERS = "START TRANSACTION WITH CONSISTENT SNAPSHOT"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.exec_driver_sql(_SNAPSHOT.get(connection.dialect.name, _OTHERS))
        try:
            yield connection
        finally:
            connection.rollback()
