"""When a change is on the disk, on SQLite: one write to it serves all who committed before it began.

SQLite commits into its log (``-wal``) without waiting for the disk (``synchronous=NORMAL``). Whoever made the change
waits here, outside of the writer's turn, before anybody is told of it. Why this is as safe as SQLite's own waiting
stands in docs/adr/0018.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from evenload.model.errors import StoreUnavailable, Unconfirmed

log = structlog.get_logger(__name__)

_PIECE = 1 << 20

Sync = Callable[[int], None]
"""Brings what was written to the open file to the disk. Raises OSError."""


class WriteAheadLog:
    """Of the database file ``database``. Commits are numbered as they are made, in the writer's turn.

    Where SQLite keeps no log (file systems without shared memory) there is no file, and nothing to wait for: its
    commits wait for the disk themselves (engine.py).
    """

    def __init__(self, database: str, sync: Sync = os.fdatasync) -> None:
        self._path = Path(os.path.realpath(database) + "-wal")
        self._sync = sync
        # Kept open, so that no failure to write goes unnoticed: a file opened later does not hear of one before.
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None
        self._changed = threading.Condition()
        self._last = 0
        self._confirmed = 0
        self._syncing = False
        self._doubt: OSError | None = None

    def size(self) -> int:
        """Of the file, in bytes; 0 where there is none."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def begin(self) -> None:
        """In the writer's turn, before anything is written. Raises StoreUnavailable where an earlier write to the disk
        failed and fails again."""
        with self._changed:
            try:
                self._hold()
                if self._doubt is not None:
                    self._mend()
            except OSError as error:
                raise StoreUnavailable(f"The database's log cannot be written: {error}.") from error

    def committed(self, *, wrote: bool) -> int:
        """In the writer's turn, after the commit. The number to wait for; ``wrote``: that of a change of its own."""
        with self._changed:
            self._last += wrote
            return self._last

    def wait(self, number: int) -> None:
        """Outside of the turn, until all up to that commit is on the disk. Raises Unconfirmed where that failed: the
        commit is there, but a power cut might undo it."""
        with self._changed:
            while self._confirmed < number:
                if self._doubt is not None:
                    raise Unconfirmed(f"The change is written, but not known to be on the disk: {self._doubt}.")
                if self._syncing:
                    self._changed.wait()
                else:
                    self._lead()

    def closed_with(self, _engine: object) -> None:
        """Its connections are closed; the next turn opens the log again. Who waits still, waits for this file."""
        with self._changed:
            if self._confirmed == self._last:
                self._release()

    def _lead(self) -> None:
        """The lock is held, but for the time in which the disk works."""
        target = self._last
        if self._descriptor is None:
            self._settle()
            return
        # The log may be another file, or be closed, before this one is done.
        descriptor = os.dup(self._descriptor)
        self._syncing = True
        failure: OSError | None = None
        self._changed.release()
        try:
            self._sync(descriptor)
        except OSError as error:
            failure = error
        finally:
            os.close(descriptor)
            self._changed.acquire()
            self._syncing = False
            self._changed.notify_all()
        if failure is None:
            self._confirmed = target
        else:
            self._doubt = failure
            log.error("the disk did not confirm changes that were made", log=str(self._path), reason=str(failure))

    def _mend(self) -> None:
        """After a failure the kernel takes for written what it could not write, so everything is written once more.

        In the writer's turn nobody else writes to the log, or begins it anew.
        """
        if self._descriptor is not None:
            place = 0
            while piece := os.pread(self._descriptor, _PIECE, place):
                place += os.pwrite(self._descriptor, piece, place)
            self._sync(self._descriptor)
        self._settle()
        log.info("the disk has all changes after all", log=str(self._path))

    def _settle(self) -> None:
        self._doubt = None
        self._confirmed = self._last

    def _hold(self) -> None:
        """SQLite removes the file with the last connection, and makes another one with the next."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            found = None
        file = None if found is None else (found.st_dev, found.st_ino)
        if file == self._file:
            return
        self._release()
        if file is not None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self._file = file
        # What stood in the former log was brought into the database and to the disk before the log was removed.
        self._settle()

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._file = None
