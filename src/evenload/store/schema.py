"""Which schema a database has, and which this version works with; without Alembic, whose import is a tenth of a start.

A new SQLite database gets the newest schema at once. What changes a schema, and what makes it in other databases, is
migrate.py.
"""

import uuid
from enum import Enum
from importlib.resources import files

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import EvenloadError
from evenload.store.tables import METADATA
from evenload.store.tables.identity import IDENTITY

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def newest_revision() -> str:
    """The schema that this version works with: the steps' files begin with the revision that they make."""
    return max(file.name.partition("_")[0] for file in files(__package__).joinpath("migrations/versions").iterdir()
               if file.name.endswith(".py"))  # fmt: skip


def current_revision(engine: Engine) -> str | None:
    """The schema that the database has; None where it has none yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        found: str | None = connection.execute(select(_VERSION.c.version_num)).scalar()
        return found


class Found(Enum):
    """``OTHER``: of another version, or a database that cannot be read."""

    OTHER, NEWEST, NOTHING = range(3)


class Expected:
    """The newest schema, in a database that was found to have it, or to have nothing. Made while the program may still
    be read."""

    def __init__(self) -> None:
        self._newest = newest_revision()

    def look(self, engine: Engine) -> Found:
        """``NOTHING`` only of a SQLite database."""
        try:
            if current_revision(engine) == self._newest:
                return Found.NEWEST
            empty = engine.dialect.name == "sqlite" and not inspect(engine).get_table_names()
        except SQLAlchemyError:
            return Found.OTHER
        return Found.NOTHING if empty else Found.OTHER

    def require(self, engine: Engine) -> None:
        """Raises EvenloadError where the database has another schema after all."""
        if self.look(engine) is not Found.NEWEST:
            raise EvenloadError("The database is not the one that was found a moment ago.")

    def create(self, engine: Engine) -> None:
        """In a SQLite database that has nothing: all of it or nothing. May be repeated. Raises EvenloadError."""
        if self.look(engine) is Found.NOTHING:
            try:
                with engine.connect() as connection:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    if not inspect(connection).get_table_names():  # nobody else has been quicker
                        self._create(connection)
                    connection.commit()
            except SQLAlchemyError as error:
                words = getattr(error, "orig", None) or error
                raise EvenloadError(f"The database's schema could not be made: {words}") from error
        self.require(engine)

    def _create(self, connection: Connection) -> None:
        METADATA.create_all(connection)
        connection.execute(insert(IDENTITY), {"single": 1, "id": str(uuid.uuid4())})
        _VERSION.create(connection)
        connection.execute(insert(_VERSION), {"version_num": self._newest})
