"""Brings a database's schema to the one this version works with.

The steps are in migrations/versions, Alembic's format; they travel inside the package, no configuration file is needed.
All of them are read when ``Migrations`` is made, none later: the server upgrades its database at a time when it may not
read its own program any more. Where nothing is to be done, schema.py says so, and this module is never imported.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import EvenloadError
from evenload.store.tables import METADATA

_MIGRATIONS = Path(__file__).parent / "migrations"


class Migrations:
    def __init__(self) -> None:
        self._config = _config(None)
        self._scripts = ScriptDirectory.from_config(self._config)
        self._known = {script.revision for script in self._scripts.walk_revisions()}

    @property
    def newest(self) -> str | None:
        """The schema that this version works with."""
        return self._scripts.get_current_head()

    def know(self, revision: object) -> bool:
        return revision in self._known

    def upgrade(self, engine: Engine, *, to: str | None = None) -> None:
        """All of it or nothing, where the database can undo DDL (SQLite and PostgreSQL can). May be repeated.

        ``to``: another schema than the newest. Raises EvenloadError where the database is unusable or was made by a
        later version.
        """
        if to is not None and not self.know(to):
            raise EvenloadError(f"This version does not know the schema {to}.")
        try:
            with engine.connect() as connection:
                found = _revision(connection)
                connection.rollback()
                if found == (to or self.newest):
                    return
                if found is not None and not self.know(found):
                    raise EvenloadError(f"The database has schema {found}, which this version does not know.")
                self._run(connection, to or "head")
        except SQLAlchemyError as error:
            words = getattr(error, "orig", None) or error  # the driver's own, without statement and advice
            raise EvenloadError(f"The database's schema could not be upgraded: {words}") from error

    def _run(self, connection: Connection, to: str) -> None:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite changes a table by making another and dropping it, which must not take the children of its rows
            # along.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        try:
            self._perform(connection, to, sqlite=sqlite)
            if sqlite:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise EvenloadError(f"The upgrade would leave rows without their parents: {broken[:5]}")
            connection.commit()
        finally:
            connection.rollback()
            if sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")

    def _perform(self, connection: Connection, to: str, *, sqlite: bool) -> None:
        """What migrations/env.py does for the ``alembic`` command."""

        def steps(revision: str, _context: object) -> object:
            return self._scripts._upgrade_revs(to, revision)

        with EnvironmentContext(self._config, self._scripts, fn=steps) as environment:
            environment.configure(
                connection=connection, target_metadata=METADATA, render_as_batch=sqlite, compare_type=True
            )
            with environment.begin_transaction():
                environment.run_migrations()


def upgrade(engine: Engine) -> None:
    """As ``Migrations.upgrade``, for those who may read the steps now."""
    Migrations().upgrade(engine)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
