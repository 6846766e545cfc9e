"""What each part of a transaction stands on: its connection, and whether it may write."""

from sqlalchemy import Connection


class Connected:
    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing
        # SQLite has the whole file locked for its writer.
        self._lock_rows = writing and connection.dialect.name != "sqlite"

    def _writable(self) -> Connection:
        if not self._writing:
            raise RuntimeError("This transaction was opened for reading only.")
        return self._connection
