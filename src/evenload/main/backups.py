"""``evenload backup FILE`` and ``evenload restore FILE``: the database as a file, whatever its kind, and back.

Started by ``main/command.py``. The file is of whoever runs the command, 0600; a child that has become the server's user
works on the database. The keys of secrets at rest are not in the file. Restoring never throws anything away unasked,
and then keeps it under another name.
"""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from evenload.main.accounts import find_account
from evenload.main.as_user import ask_as
from evenload.main.database_place import DIRECTORY, ensure_database_place
from evenload.main.parts import open_database
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.store.backup import Contents, check_backup, count_rows, remove_schema, restore_backup, write_backup
from evenload.store.engine import StoreSettings, open_engine, preload_driver
from evenload.store.migrate import Migrations
from evenload.store.schema import current_revision

_REPLACE = "--replace"
_USAGE = {
    "backup": "usage: evenload backup FILE [--config-file FILE]\n",
    "restore": f"usage: evenload restore FILE [{_REPLACE}] [--config-file FILE]\n",
}
_ASIDE = "before-restore"
_SQLITE_PARTS = ("", "-wal", "-shm", "-journal")
_NAMED = {"load_balancers": "load balancers", "networks": "networks", "secrets": "secrets", "quotas": "quotas"}
"""Tables by what people call their rows."""


def run(action: str, arguments: Sequence[str]) -> int:
    """``action``: backup or restore. Returns the exit status."""
    rest = [word for word in arguments if action != "restore" or word != _REPLACE]
    if not rest or rest[0].startswith("-"):
        sys.stderr.write(_USAGE[action])
        return 2
    try:
        settings, path = read_settings(rest[1:]), Path(rest[0])
        for url in (settings.database, "sqlite://"):
            preload_driver(StoreSettings(url=url))
        lines = _back_up(settings, path) if action == "backup" else _restore(settings, path, _REPLACE in arguments)
    except (SettingsError, EvenloadError, OSError) as error:
        sys.stderr.write(f"evenload {action}: {error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


# ------------------------------------------------------------------------------------------------------------- backup


def _back_up(settings: Settings, path: Path) -> list[str]:
    """The file appears when all of it is on the disk."""
    if path.exists():
        raise EvenloadError(f"{path} is there already; nothing is overwritten")
    migrations = Migrations()  # the child may not read its own program
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        try:
            found = ask_as(find_account(settings.server.user), lambda: _write(settings, file, migrations))
            os.fsync(file.fileno())
            os.link(part, path)  # never over a file that came meanwhile
        finally:
            part.unlink()
    _keep_name(path.parent)
    return [
        f"{path}: {found} rows, {path.stat().st_size} bytes",
        f"Not in it: the keys of secrets ({settings.secrets.key_file}). Keep a copy apart; secrets are lost without.",
    ]


def _write(settings: Settings, file: IO[bytes], migrations: Migrations) -> int:
    engine = open_database(settings)
    try:
        contents = write_backup(engine, file, datetime.now(UTC), migrations)
        file.flush()
        return sum(contents.rows.values())
    finally:
        engine.dispose()


def _keep_name(directory: Path) -> None:
    """A power cut does not take the new file's name."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------------------ restore


def _restore(settings: Settings, path: Path, replace: bool) -> list[str]:
    account, migrations = find_account(settings.server.user), Migrations()
    with StateDirectory(settings.state_path), path.open("rb") as file:  # never under a running service
        ensure_database_place(settings.state_path, account, locked=True)
        contents = check_backup(file, migrations)
        file.seek(0)
        aside: str | None = ask_as(account, lambda: _put(settings, file, migrations, replace))
    lines = [f"Restored {sum(contents.rows.values())} rows, as they were at {contents.made_at:%Y-%m-%d %H:%M:%S} UTC."]
    if aside is not None:
        lines.append(f"What was there before is kept as {aside}.")
    return lines + _advice(settings, contents)


def _advice(settings: Settings, contents: Contents) -> list[str]:
    given = settings.state_path / "database"
    if given.exists() and given.read_text().strip() != contents.database:
        return [
            "Load balancers on this host were given by another database: run"
            " `evenload agent --adopt-database` before the next start, or point the service at that database again."
        ]
    return []


def _put(settings: Settings, file: IO[bytes], migrations: Migrations, replace: bool) -> str | None:
    """In the child. Returns where what was there has been put aside, None where there was nothing."""
    place = settings.state_path / DIRECTORY
    with StateDirectory(place, mode=0o700):
        url = make_url(settings.database)
        if url.get_backend_name() == "sqlite":
            return _put_file(settings, Path(str(url.database)), file, migrations, replace)
        return _put_server(settings, place, file, migrations, replace)


def _put_file(settings: Settings, database: Path, file: IO[bytes], migrations: Migrations, replace: bool) -> str | None:
    """SQLite: beside the old file, which gives way when the new one is whole."""
    had = database.exists() and database.stat().st_size > 0
    if had:
        try:
            _require_leave(settings, replace)  # also brings what is in the log into the file
        except SQLAlchemyError:
            if not replace:
                raise
            # A file that cannot be read any more is put aside as it is.
    beside = _restored_beside(database, file, migrations)
    aside = database.with_name(f"{database.name}.{_aside()}")
    if had:
        os.link(database, aside)
        for part in _SQLITE_PARTS[1:]:  # a log that stayed behind would be read into the new file
            left = database.with_name(f"{database.name}{part}")
            if left.exists():
                left.replace(aside.with_name(f"{aside.name}{part}"))
    beside.replace(database)
    _keep_name(database.parent)
    return str(aside) if had else None


def _restored_beside(database: Path, file: IO[bytes], migrations: Migrations) -> Path:
    """A new file of SQLite's, whole and on the disk."""
    beside = database.with_name(f"{database.name}.restoring")
    _remove(beside)
    engine = open_engine(StoreSettings(url=f"sqlite:///{beside}"))
    try:
        restore_backup(engine, file, migrations)
    except EvenloadError:
        engine.dispose()
        _remove(beside)
        raise
    engine.dispose()
    with beside.open("rb") as made:
        os.fsync(made.fileno())
    return beside


def _remove(database: Path) -> None:
    for part in _SQLITE_PARTS:
        database.with_name(f"{database.name}{part}").unlink(missing_ok=True)


def _put_server(settings: Settings, place: Path, file: IO[bytes], migrations: Migrations, replace: bool) -> str | None:
    """PostgreSQL and MariaDB, where nothing is exchanged at once: what cannot be restored fails in a file of SQLite's
    first, and what is there is written to a backup."""
    engine = open_database(settings)
    aside: Path | None = None
    try:
        there = current_revision(engine) is not None
        leave = there and _require_leave(settings, replace)
        _remove(_restored_beside(place / "rehearsal.sqlite", file, migrations))
        file.seek(0)
        if leave:
            aside = place / f"{_aside()}.backup"
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as former:
                write_backup(engine, former, datetime.now(UTC), migrations)
                former.flush()
                os.fsync(former.fileno())
        if there:
            remove_schema(engine)
        restore_backup(engine, file, migrations)
    except (EvenloadError, SQLAlchemyError) as error:
        kept = f"; what was there before is kept as {aside}" if aside is not None else ""
        raise EvenloadError(f"{getattr(error, 'orig', None) or error}{kept}") from error
    finally:
        engine.dispose()
    return str(aside) if aside is not None else None


def _require_leave(settings: Settings, replace: bool) -> bool:
    """Whether there is anything that a restore would take away. Raises EvenloadError where nobody said that it may."""
    engine = open_database(settings)
    try:
        present = count_rows(engine)
    finally:
        engine.dispose()
    named = {word: present[table] for table, word in _NAMED.items() if table in present}
    if present and not replace:
        what = ", ".join(f"{word}: {number}" for word, number in named.items()) or f"rows: {sum(present.values())}"
        raise EvenloadError(
            f"there is something in the database already ({what}); {_REPLACE} puts the backup in their place"
        )
    return bool(present)


def _aside() -> str:
    return f"{_ASIDE}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
