"""A database that a command only reads: it has to be there, with this version's schema. Nothing is made or changed.

To be used as the user whose the database is.
"""

import os
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from evenload.main.accounts import own_name
from evenload.main.database_place import DIRECTORY
from evenload.main.parts import open_database
from evenload.main.settings import Settings
from evenload.model.errors import EvenloadError
from evenload.store.schema import current_revision


def database_file(settings: Settings) -> Path | None:
    """None for a database that is no file."""
    url = make_url(settings.database)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def open_existing(settings: Settings, newest: str) -> Engine:
    """``newest``: the schema that this version works with. Raises EvenloadError, and SQLAlchemyError where the database
    gives no answer."""
    require_file(settings)
    engine = open_database(settings)
    try:
        revision = current_revision(engine)
        if revision != newest:
            raise EvenloadError(
                f"the database has schema {revision or 'none'}, this version works with {newest}: a start of the "
                "service brings it there, where this is not the older version of the two"
            )
    except BaseException:
        engine.dispose()
        raise
    return engine


def require_file(settings: Settings) -> None:
    """To open one that is not there would make it. Raises EvenloadError, which says whether a start would do so."""
    path = database_file(settings)
    if path is None or os.path.exists(path):
        return
    place = next(each for each in path.absolute().parents if os.path.exists(each))
    # What is in the state directory root makes, for the server's user.
    if settings.state_path / DIRECTORY in path.parents or os.access(place, os.W_OK | os.X_OK):
        raise EvenloadError(f"there is no database yet at {path}")
    missing = "it" if place == path.absolute().parent else f"the directory {path.parent}"
    raise EvenloadError(
        f"there is no database yet at {path}, and the user {own_name()} may not make {missing} in {place}"
    )
