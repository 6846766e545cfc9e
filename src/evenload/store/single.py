"""A question that one statement answers: asked without a transaction around it, which would cost two more turns with
the database and most of what the question itself costs.

One statement sees one state of the database. So whoever asks a second one is refused (``MoreThanOne``), and asks all of
it again inside a transaction; unit_of_work.py sees to that, as to what the driver refuses (``Refused``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select

from evenload.store.libpq import PreparedLookup

_CURSOR = "evenload cursor"
"""One for all that a connection is asked without a transaction: to make one costs PostgreSQL's driver a third of what
a question does."""
_PREPARED = "evenload prepared"
Given = Mapping[str, Any] | tuple[Any, ...]


class MoreThanOne(Exception):
    """One statement does not answer the question."""


class Refused(Exception):
    """The driver refuses a look-up; maybe its connection is gone."""


class Lookup:
    """A statement with one parameter, a text, that finds one row of ids and whole numbers. They are what the driver
    gives, so that nothing of SQLAlchemy's need stand between."""

    def __init__(self, statement: Select[Any], parameter: str) -> None:
        self._statement = statement
        self._parameter = parameter
        self._words: dict[Dialect, _Words] = {}

    def row(self, connection: Connection, value: str) -> tuple[Any, ...] | None:
        if isinstance(connection, Single):
            words = self._words_for(connection.dialect)
            if words.prepared is not None and value.isascii() and "\0" not in value:  # what C takes for a text
                return connection.look_up_prepared(words.prepared, value)
            return connection.look_up(words.text, (value,) if words.positional else {self._parameter: value})
        found = connection.execute(self._statement, {self._parameter: value}).first()
        return None if found is None else tuple(found)

    def _words_for(self, dialect: Dialect) -> "_Words":
        known = self._words.get(dialect)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            prepared = PreparedLookup(str(compiled), self._parameter) if dialect.driver == "psycopg" else None
            known = self._words[dialect] = _Words(str(compiled), bool(compiled.positional), prepared)
        return known


@dataclass(frozen=True, slots=True)
class _Words:
    """Of a driver."""

    text: str
    positional: bool
    prepared: PreparedLookup | None


class DriverQuery:
    """A statement in the words of the driver, for any number of rows, which are as the driver gives them."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._names = compiled.positiontup
        self._constant = {name: value for name, value in compiled.params.items() if value is not None}
        self._process = {
            name: process
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }

    def rows(
        self, connection: Connection, given: Mapping[str, Any], raw: Mapping[str, Any], *, aside: bool = False
    ) -> list[tuple[Any, ...]]:
        """``given``: values by the names of parameters, some of which it may not have; ``raw``: those that a driver
        gave. ``aside``: as for ``ask_aside``."""
        values = {**self._constant, **{name: self._processed(name, value) for name, value in given.items()}, **raw}
        parameters = values if self._names is None else tuple(values[name] for name in self._names)
        if isinstance(connection, Single):
            return connection.look_up_all(self._text, parameters, aside=aside)
        return [tuple(row) for row in connection.exec_driver_sql(self._text, parameters)]

    def _processed(self, name: str, value: Any) -> Any:
        process = self._process.get(name)
        return value if process is None else process(value)


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
        found = self.look_up_all(text, given)
        return found[0] if found else None

    def look_up_all(self, text: str, given: Given, *, aside: bool = False) -> list[tuple[Any, ...]]:
        """Raises Refused. ``aside``: as of ``ask_aside``."""
        if not aside:
            self._begin()
        try:
            kept = self.connection.info
            cursor = kept.get(_CURSOR)
            if cursor is None:
                cursor = kept[_CURSOR] = self.connection.cursor()
            cursor.execute(text, given)
            return list(cursor.fetchall())
        except self.dialect.loaded_dbapi.Error as error:
            self.invalidate(error)
            raise Refused from error

    def look_up_prepared(self, lookup: PreparedLookup, value: str) -> tuple[Any, ...] | None:
        """Raises Refused."""
        self._begin()
        try:
            prepared: set[bytes] = self.connection.info.setdefault(_PREPARED, set())
            found = lookup.rows(self.connection.driver_connection, prepared, value)
        except self.dialect.loaded_dbapi.Error as error:
            self.invalidate(error)
            raise Refused from error
        if found is None:
            self.invalidate()
            raise Refused
        return found[0] if found else None

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
