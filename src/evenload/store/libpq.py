"""A look-up in PostgreSQL by libpq's own call, which psycopg passes on: the driver's cursor costs three times as much.

The statement is prepared at each connection when it is asked for there first. Other drivers of PostgreSQL know none
of this.
"""

import hashlib
from typing import Any

_TUPLES = 2
"""PGRES_TUPLES_OK."""
_SQLSTATE = ord("C")
"""PG_DIAG_SQLSTATE."""
_UNKNOWN = b"26000"
"""No statement has that name: psycopg makes the server forget all of them after a ROLLBACK."""
_NUMBERS = (20, 21, 23)
"""Of int8, int2 and int4."""


class PreparedLookup:
    """``text``: a statement of psycopg's with that one parameter, which finds ids and whole numbers."""

    def __init__(self, text: str, parameter: str) -> None:
        self._text = text.replace(f"%({parameter})s", "$1").encode()
        self._name = b"evenload_" + hashlib.sha256(self._text).hexdigest()[:32].encode()

    def rows(self, connection: Any, prepared: set[bytes], value: str) -> list[tuple[Any, ...]] | None:
        """``connection``: the driver's; ``prepared``: what was prepared there. None: the server refuses. Raises the
        driver's errors."""
        call = connection.pgconn
        if self._name not in prepared:
            self._prepare(call)
            prepared.add(self._name)
        result = call.exec_prepared(self._name, [value.encode()])
        if result.status != _TUPLES and result.error_field(_SQLSTATE) == _UNKNOWN:
            self._prepare(call)
            result = call.exec_prepared(self._name, [value.encode()])
        if result.status != _TUPLES:
            return None
        columns = [(place, result.ftype(place) in _NUMBERS) for place in range(result.nfields)]
        return [
            tuple(_decoded(result.get_value(row, place), number) for place, number in columns)
            for row in range(result.ntuples)
        ]

    def _prepare(self, call: Any) -> None:
        call.prepare(self._name, self._text)


def _decoded(value: bytes | None, number: bool) -> int | str | None:
    if value is None:
        return None
    return int(value) if number else value.decode()
