"""Makes the SQLAlchemy engine and, for SQLite, what its connections need.

Used by ``main`` (for unit_of_work.py and migrate.py) and by tests. Connections are kept open and prepared once each:
write-ahead log, foreign keys, a bounded wait for other processes. Transactions are begun by unit_of_work.py, not by
the driver: a connection commits each statement by itself until it is told to begin one.
"""

import contextlib
import importlib
import os
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from evenload.model.errors import EvenloadError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """``url``: SQLAlchemy's, such as ``sqlite:////var/lib/evenload/evenload.db``. ``busy_timeout``: seconds that a
    writer waits for the others."""

    url: str = field(repr=False)
    busy_timeout: float = 10.0


def open_engine(settings: StoreSettings) -> Engine:
    """Raises EvenloadError for a database that several connections could not share, or that cannot be spoken to. What
    it says never holds the password."""
    try:
        url = make_url(settings.url)
        if url.get_backend_name() != "sqlite":
            return _open_server(url, settings)
    except (ArgumentError, ImportError) as error:
        reason = f"no driver is installed for it ({error})" if isinstance(error, ImportError) else "it is no valid URL"
        raise EvenloadError(f"The database connection cannot be used: {reason}.") from error
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise EvenloadError(f"The store needs a database file, not '{url.render_as_string(hide_password=True)}'.")
    ensure_private_file(Path(url.database))
    engine = create_engine(
        url,
        hide_parameters=True,  # an error's text goes into the log
        poolclass=QueuePool,
        pool_size=0,  # no limit: at most one per thread that is in a transaction, kept open
        pool_use_lifo=True,
        connect_args={"timeout": settings.busy_timeout, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


_MARIADB = (
    "SET SESSION innodb_lock_wait_timeout = {seconds}",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)
_PREPARATIONS: Mapping[str, Sequence[str]] = {
    "postgresql": ("SET lock_timeout = '{milliseconds}ms'",),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}
"""By backend. The servers' own defaults are to wait for locks for ever, and for 50 seconds."""


def _open_server(url: URL, settings: StoreSettings) -> Engine:
    """A database with a server. Who waits for another's lock is refused after ``busy_timeout``.

    A connection is not asked whether it still stands before it is used: unit_of_work.py takes another one where
    nothing was done yet."""
    engine = create_engine(
        url,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        pool_use_lifo=True,
        pool_reset_on_return=None,  # unit_of_work.py has ended what it had begun
    )
    milliseconds = max(1, round(settings.busy_timeout * 1000))
    seconds = max(1, round(settings.busy_timeout))
    statements = [
        statement.format(milliseconds=milliseconds, seconds=seconds)
        for statement in _PREPARATIONS.get(url.get_backend_name(), ())
    ]

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        finally:
            cursor.close()
        connection.commit()  # PostgreSQL takes a setting back with its transaction

    event.listen(engine, "connect", prepare)
    return engine


def preload_driver(settings: StoreSettings) -> None:
    """Imports all that this database will need; opens nothing. Quiet about what ``open_engine`` will refuse. What a
    driver has chosen of its own parts is there when it is."""
    try:
        driver = make_url(settings.url).get_dialect().import_dbapi()
    except (ArgumentError, ImportError):
        return
    for module in pkgutil.walk_packages(getattr(driver, "__path__", ()), f"{driver.__name__}."):
        if not module.name.startswith(_PARTS_IN_RESERVE):
            with contextlib.suppress(ImportError):  # parts for other programs than this
                importlib.import_module(module.name)


_PARTS_IN_RESERVE = ("psycopg.pq.", "psycopg._py_transformer", "psycopg.crdb")
"""For a machine without the compiled ones, and for another database: with a second libpq, 4 MiB."""


def ensure_private_file(path: Path) -> None:
    """The database file, 0600 in a directory of 0700 if this makes them; SQLite gives its log files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        logged = cursor.fetchone() == ("wal",)
        # What was answered is on the disk: of a log, write_ahead_log.py sees to it, for many commits at once.
        cursor.execute(f"PRAGMA synchronous = {'NORMAL' if logged else 'EXTRA'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints.py sees to it, and the last connection to close
    finally:
        cursor.close()
