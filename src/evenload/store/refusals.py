"""What a database refuses, in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from evenload.model.errors import Overtaken, StoreUnavailable


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        kind = Overtaken if _is_conflict(error) else StoreUnavailable
        raise kind(f"The database refused: {_words(error)}") from error


_CONFLICT_STATES = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure, deadlock."""

_CONFLICT_NUMBERS = frozenset({1020, 1213})
"""MariaDB: the record has changed since it was read, deadlock."""


def _is_conflict(error: SQLAlchemyError) -> bool:
    """Whether the work may succeed if it is run again: somebody else's change came in between."""
    if isinstance(error, IntegrityError):
        return True
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    number = error.orig.args[0] if error.orig.args else None
    return getattr(error.orig, "sqlstate", None) in _CONFLICT_STATES or number in _CONFLICT_NUMBERS


def _words(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or type(error).__name__)
