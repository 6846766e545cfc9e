"""Brings SQLite's log (``-wal``) back into the database while nobody has to wait for it.

SQLite would do so at the end of some writer's turn, for tens of milliseconds in which all others wait. Here a thread
copies the most of it beside the writers. What they have added meanwhile is copied in a short turn of its own, without
which the log could not begin anew as long as they go on. Nor can it while somebody reads; where it has become large,
that turn waits for them a moment, and the log is emptied.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from evenload.model.errors import StoreUnavailable

log = structlog.get_logger(__name__)

_ROWS = 500
"""Changed ones, of some kilobytes in the log."""
_LARGE = 8 << 20
"""Bytes of log."""
_MOMENT = 50
"""Milliseconds."""
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
_EMPTYING = "PRAGMA wal_checkpoint(TRUNCATE)"


class Checkpoints:
    """``alone``: holds up this process's writers in its ``with`` block. ``size``: the log's, in bytes. ``rows``: after
    so many changed ones; ``large``: bytes of log that are too many."""

    def __init__(
        self,
        engine: Engine,
        alone: Callable[[], AbstractContextManager[None]],
        size: Callable[[], int],
        *,
        rows: int = _ROWS,
        large: int = _LARGE,
    ) -> None:
        self._engine = engine
        self._alone = alone
        self._size = size
        self._most = rows
        self._large = large
        self._lock = threading.Lock()
        self._rows = 0
        self._working = False

    def wrote(self, rows: int) -> None:
        """After a commit, outside of the writer's turn. Returns at once."""
        with self._lock:
            self._rows += rows
            if self._working or self._rows < self._most:
                return
            self._working, self._rows = True, 0
        try:
            threading.Thread(target=self._work, name="checkpoint", daemon=True).start()
        except RuntimeError:  # too many threads; another commit tries again
            with self._lock:
                self._working, self._rows = False, self._most

    def _work(self) -> None:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(_CHECKPOINT)
                with self._alone():
                    large = self._size() > self._large
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_MOMENT}")
                    connection.exec_driver_sql(_EMPTYING if large else _CHECKPOINT)
        except (SQLAlchemyError, StoreUnavailable) as error:
            log.warning("the database's log could not be brought into it", reason=str(getattr(error, "orig", error)))
        finally:
            with self._lock:
                self._working = False
