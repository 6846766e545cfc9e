"""The server's own directory, ``<state_path>/server``, where the default database lies.

Made by root for the server's user. What an earlier version kept in the state directory itself is moved there, once.
"""

import os
from contextlib import nullcontext
from pathlib import Path

import structlog

from evenload.host.privileges import Account
from evenload.main.state import StateDirectory

log = structlog.get_logger(__name__)

DIRECTORY = "server"
DATABASE = "evenload.sqlite"
_PARTS = ("-wal", "-shm", "-journal", "")
"""What a database of SQLite consists of. The file itself is moved last: as long as it is at the old place, all is."""


def ensure_database_place(state_path: Path, account: Account | None, *, locked: bool) -> None:
    """To be called before the change of user. ``locked``: the caller, or its parent, holds the state directory. Raises
    StateTaken where another process, perhaps of an earlier version, may have the former database open; OSError."""
    state_path.mkdir(mode=0o711, parents=True, exist_ok=True)
    place = state_path / DIRECTORY
    place.mkdir(mode=0o700, exist_ok=True)
    if account is not None and os.lstat(place).st_uid == account.uid:
        return  # all of this has been done; root touches nothing in a directory that is not its own
    if (state_path / DATABASE).exists():
        with nullcontext() if locked else StateDirectory(state_path):
            for part in _PARTS:
                former = state_path / f"{DATABASE}{part}"
                if former.exists():
                    former.replace(place / former.name)
        log.info("database moved", former=str(state_path / DATABASE), now=str(place / DATABASE))
    if account is not None:
        for entry in os.scandir(place):
            os.chown(entry.path, account.uid, account.gid, follow_symlinks=False)
        os.chown(place, account.uid, account.gid)
