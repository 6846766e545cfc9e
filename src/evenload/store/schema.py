"""Which schema a database has, and which this version works with; without Alembic, whose import is a tenth of a start.

What changes a schema is migrate.py.
"""

from importlib.resources import files

from sqlalchemy import Column, Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import EvenloadError

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


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


class Expected:
    """A schema that was found to be the one. Made while the program may still be read."""

    def __init__(self) -> None:
        self._newest = newest_revision()

    def matches(self, engine: Engine) -> bool:
        """False also where the database cannot be read."""
        try:
            return current_revision(engine) == self._newest
        except SQLAlchemyError:
            return False

    def require(self, engine: Engine) -> None:
        """Raises EvenloadError where the database has another schema after all."""
        if not self.matches(engine):
            raise EvenloadError("The database is not the one that was found a moment ago.")
