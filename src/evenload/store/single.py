"""A question that one statement answers: asked without a transaction around it, which would cost two more turns with
the database and most of what the question itself costs.

One statement sees one state of the database. So whoever asks a second one is refused (``MoreThanOne``), and asks all of
it again inside a transaction; unit_of_work.py sees to that, as to what the driver refuses (``Refused``).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Select

Given = Mapping[str, str] | tuple[str, ...]


class MoreThanOne(Exception):
    """One statement does not answer the question."""


class Refused(Exception):
    """The driver refuses a look-up; maybe its connection is gone."""


class Lookup:
    """A statement with one parameter, a text, that finds one row of texts and whole numbers. They are what the driver
    gives, so that nothing of SQLAlchemy's need stand between."""

    def __init__(self, statement: Select[Any], parameter: str) -> None:
        self._statement = statement
        self._parameter = parameter
        self._words: dict[Dialect, tuple[str, bool]] = {}

    def row(self, connection: Connection, value: str) -> tuple[Any, ...] | None:
        if isinstance(connection, Single):
            return connection.look_up(*self._driver_words(connection.dialect, value))
        found = connection.execute(self._statement, {self._parameter: value}).first()
        return None if found is None else tuple(found)

    def _driver_words(self, dialect: Dialect, value: str) -> tuple[str, Given]:
        if dialect not in self._words:
            compiled = self._statement.compile(dialect=dialect)
            self._words[dialect] = str(compiled), bool(compiled.positional)
        text, positional = self._words[dialect]
        return text, (value,) if positional else {self._parameter: value}


class Single(Connection):
    """A connection for one statement. Commits by itself, as all connections of engine.py do."""

    _asked = False

    def execute(self, *arguments: Any, **keywords: Any) -> Any:
        self._begin()
        return super().execute(*arguments, **keywords)

    def aside(self, statement: Select[Any]) -> Any:
        """What says where to begin, and is no part of the answer: it may be of a moment before."""
        return super().execute(statement)

    def look_up(self, text: str, given: Given) -> tuple[Any, ...] | None:
        """Raises Refused."""
        self._begin()
        try:
            cursor = self.connection.cursor()
            try:
                cursor.execute(text, given)
                found = cursor.fetchone()
            finally:
                cursor.close()
        except self.dialect.loaded_dbapi.Error as error:
            self.invalidate(error)
            raise Refused from error
        return found

    def _begin(self) -> None:
        if self._asked:
            raise MoreThanOne
        self._asked = True


def ask_aside(connection: Connection, statement: Select[Any]) -> Any:
    """As ``Single.aside``; in a transaction as all else."""
    return connection.aside(statement) if isinstance(connection, Single) else connection.execute(statement)


def require_several(connection: Connection) -> None:
    """Where it is known beforehand that one statement will not do."""
    if isinstance(connection, Single):
        raise MoreThanOne
