"""Brings a database's schema to the one this version works with.

Called by ``main`` at the start and by ``evenload-migrate``. The steps are in migrations/versions, Alembic's format;
they travel inside the package, no configuration file is needed.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import EvenloadError

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """All of it or nothing, where the database can undo DDL (SQLite and PostgreSQL can). May be repeated.

    Raises EvenloadError where the database is unusable or was made by a later version.
    """
    try:
        with engine.connect() as connection:
            found = _revision(connection)
            connection.rollback()
            if found == newest_revision():
                return
            if found is not None and found not in _known_revisions():
                raise EvenloadError(f"The database has schema {found}, which this version does not know.")
            _run(connection)
    except SQLAlchemyError as error:
        raise EvenloadError(f"The database's schema could not be upgraded: {error}") from error


def current_revision(engine: Engine) -> str | None:
    """The schema that the database has; None where it has none yet."""
    with engine.connect() as connection:
        return _revision(connection)


def newest_revision() -> str | None:
    """The schema that this version works with."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def _run(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # SQLite changes a table by making another and dropping it, which must not take the children of its rows along.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        command.upgrade(_config(connection), "head")
        if sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise EvenloadError(f"The upgrade would leave rows without their parents: {broken[:5]}")
        connection.commit()
    finally:
        connection.rollback()
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
