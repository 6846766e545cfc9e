"""Transactions on the store: fulfils ``UnitOfWork`` and ``Transaction`` of ``interfaces`` on any SQLAlchemy database.

``main`` makes one SqlUnitOfWork for the process; ``service`` uses it. A transaction reads a consistent snapshot or
writes alone: on SQLite there is one writer at a time, elsewhere it locks the rows that it is going to change. Errors of
the database leave here as StoreUnavailable. Work that another change has overtaken is run again here, and the agents
get their hints from here, after the commit.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Generic, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from evenload.interfaces.bus import AgentBus
from evenload.interfaces.store import T, Transaction
from evenload.model.desired import Desired, Gone
from evenload.model.difference import Difference, difference_of
from evenload.model.errors import EvenloadError, Overtaken
from evenload.model.snapshot import Snapshot
from evenload.model.tree import Tree
from evenload.store.checkpoints import Checkpoints
from evenload.store.claims import Claim, Claims, Taken
from evenload.store.hints import Hint
from evenload.store.refusals import translated
from evenload.store.rehearsal import NotForeseeable, Outdated, Rehearsal
from evenload.store.single import MoreThanOne, Refused, Single
from evenload.store.transaction import SqlTransaction
from evenload.store.tree_cache import TreeCache, count_children
from evenload.store.trees import TooLarge
from evenload.store.view_cache import ViewCache
from evenload.store.write_ahead_log import Sync, WriteAheadLog
from evenload.store.writer_queue import WriterQueue

_TRIES = 8
"""Of one piece of work: who is overtaken that often, under locks, is not going to succeed."""
_LONGEST_PAUSE = 0.2
RECORDS_IN_A_TURN = 200
"""Of trees, that are read while others wait, on SQLite."""
_REHEARSALS = 4
_RECORDS_IN_A_SNAPSHOT = 200
"""Of a larger load balancer the agent fetches the document: who made the change is not to wait while it is written."""

_READING = {
    "sqlite": ("BEGIN",),
    "postgresql": ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",),
}
_WRITING = {
    "postgresql": ("BEGIN ISOLATION LEVEL READ COMMITTED",),
    "mysql": ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"),
    "mariadb": ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"),
}
"""By dialect, what begins a transaction. In a writing one, what is read after a lock was waited for is what is there by
then; see docs/adr/0016."""
_OTHERS = ("START TRANSACTION",)

Describe = Callable[[Transaction, Tree], Desired]
"""What an agent is told of a tree that it has to serve. Raises EvenloadError."""


@dataclass(frozen=True, slots=True)
class _Turn(Generic[T]):
    """What a writer's turn left: the work's result, what is to be told, a moment at which it was written and nobody
    else could write, the commit to wait for until it is on the disk, and how many rows it changed."""

    result: T
    hints: list[Hint]
    moment: float
    commit: int
    rows: int


class SqlUnitOfWork:
    """``engine`` comes from engine.open_engine, its schema from migrate.upgrade. ``bus`` carries the hints.

    ``busy_timeout``: seconds that a writer waits for the writers before it in this process. ``describe``: makes the
    document that goes with a hint; without it agents fetch what they are told of. ``records_in_a_turn``: of trees, that
    work reads while others wait, on SQLite; work that wants more is rehearsed. ``sync``: what brings SQLite's log to
    the disk.
    """

    def __init__(
        self,
        engine: Engine,
        bus: AgentBus,
        *,
        busy_timeout: float = 10.0,
        describe: Describe | None = None,
        records_in_a_turn: int = RECORDS_IN_A_TURN,
        sync: Sync = os.fdatasync,
    ) -> None:
        self._most = records_in_a_turn
        self._engine = engine
        self._bus = bus
        self._describe = describe
        self._database: str | None = None
        self._sqlite = engine.dialect.name == "sqlite"
        self._busy_timeout = busy_timeout
        # SQLite lets writers of other connections poll with growing pauses; in one process they can simply queue.
        self._queue = WriterQueue(busy_timeout)
        self._here = threading.local()
        self._trees = TreeCache()
        self._views = ViewCache()
        self._claims = Claims()
        self._log: WriteAheadLog | None = None
        if self._sqlite:
            self._log = WriteAheadLog(str(engine.url.database), sync)
            self._checkpoints = Checkpoints(engine, self._alone, self._log.size)
            event.listen(engine, "engine_disposed", self._log.closed_with)

    def identity(self) -> str:
        with self.read() as transaction:
            found = transaction.identity()
        return found or self._write(SqlTransaction.ensure_identity)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with translated(), self._begun(_READING.get(self._engine.dialect.name, _OTHERS)) as connection:
            yield SqlTransaction(connection, self._trees, self._views, writing=False)
            connection.commit()  # after a rollback the driver of PostgreSQL would prepare its statements anew

    def look(self, question: Callable[[Transaction], T]) -> T:
        try:
            with translated(), Single(self._engine) as connection:
                return question(SqlTransaction(connection, self._trees, self._views, writing=False))
        except (MoreThanOne, Refused):
            pass
        with self.read() as transaction:
            return question(transaction)

    @contextmanager
    def _begun(self, words: Sequence[str]) -> Iterator[Connection]:
        """A connection in a transaction that was begun so. Of one that is gone, as when the database has been started
        anew, this is the first to know; all are made anew then."""
        with ExitStack() as stack:
            connection = stack.enter_context(self._engine.connect())
            try:
                _execute_all(connection, words)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                connection = stack.enter_context(self._engine.connect())
                _execute_all(connection, words)
            yield connection

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self._write(work)

    def _write(self, work: Callable[[SqlTransaction], T]) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                turn = self._attempt(work)
            except Overtaken:
                if not tries_left:
                    raise
                # Two who overtake each other must not meet again at the next try.
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.005 * 2 ** (_TRIES - tries_left))))
            else:
                if self._log is not None:
                    self._checkpoints.wrote(turn.rows)
                    self._log.wait(turn.commit)
                # the last of each
                for hint in {(hint.agent, hint.load_balancer_id): hint for hint in turn.hints}.values():
                    snapshot = self._snapshot(hint, turn.moment)
                    self._bus.hint(hint.agent, hint.load_balancer_id, hint.generation, snapshot)
                return turn.result
        raise AssertionError("unreachable")

    def _snapshot(self, hint: Hint, moment: float) -> Snapshot | None:
        """Of a large load balancer what has changed. None where the agent had better fetch the document."""
        tree, before = hint.tree, hint.before
        if self._describe is None:
            return None
        large = tree is not None and count_children(tree) > _RECORDS_IN_A_SNAPSHOT
        if large and (before is None or not before.edition or tree is None or not tree.edition):
            return None
        document: Desired | Difference | Gone = Gone(load_balancer_id=hint.load_balancer_id, generation=hint.generation)
        try:
            if tree is not None or self._database is None:
                if self._database is None:
                    with self.read() as transaction:
                        self._database = transaction.identity()
                document = document if tree is None else self._described(self._describe, tree)
        except EvenloadError:  # the change is committed; what stands in the way of a fetch is told to who fetches
            return None
        if large and before is not None and isinstance(document, Desired):
            document = difference_of(replace(document, edition=before.edition, **before.carried()), document)
            if document.size > _RECORDS_IN_A_SNAPSHOT:
                return None
        return None if self._database is None else Snapshot(document=document, moment=moment, database=self._database)

    def _described(self, describe: Describe, tree: Tree) -> Desired:
        return self.look(lambda transaction: describe(transaction, tree))

    def _attempt(self, work: Callable[[SqlTransaction], T]) -> _Turn[T]:
        """On SQLite what is too large for a turn is rehearsed before it. What others overtake again and again is done
        in the turn in the end, however long they have to wait for it."""
        if not self._sqlite:
            return self._in_turn(work)
        try:
            return self._in_turn(work, most=self._most)
        except TooLarge:
            pass
        with Claim(self._claims, self._busy_timeout) as claim:
            for _ in range(_REHEARSALS):
                try:
                    return self._in_turn(self._rehearse(work, claim))
                except (Outdated, Taken):
                    continue
                except NotForeseeable:
                    break
            return self._in_turn(work)

    def _rehearse(self, work: Callable[[SqlTransaction], T], claim: Claim) -> Callable[[SqlTransaction], T]:
        with self._not_within(), self.read() as snapshot:
            return Rehearsal(snapshot, claim.require).run(cast(Callable[[Transaction], T], work))

    def _in_turn(self, work: Callable[[SqlTransaction], T], *, most: int | None = None) -> _Turn[T]:
        with self._alone(), translated(), self._begun(_WRITING.get(self._engine.dialect.name, ())) as connection:
            if self._log is not None:
                self._begin_alone(connection)
                self._log.begin()
            before = _changes(connection)
            transaction = SqlTransaction(connection, self._trees, self._views, writing=True, most=most)
            result = work(transaction)
            moment = time.monotonic()
            connection.commit()
            rows = _changes(connection) - before
            commit = 0 if self._log is None else self._log.committed(wrote=rows != 0)
            return _Turn(result, transaction.hints, moment, commit, rows)

    def close(self) -> None:
        """Closes the idle connections; the last one to go folds SQLite's log into the file."""
        self._engine.dispose()

    def _begin_alone(self, connection: Connection) -> None:
        """Other processes may hold the file: waits for as long as is left of the time, and says so to the queue."""
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self._queue.left() * 1000)}")
        with self._queue.waiting_for_others():
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._not_within():
            if self._sqlite:
                self._queue.enter()
            try:
                yield
            finally:
                if self._sqlite:
                    self._queue.leave()

    @contextmanager
    def _not_within(self) -> Iterator[None]:
        """Of one and the same thread."""
        if getattr(self._here, "writes", False):
            raise RuntimeError("A writing transaction inside a writing transaction would wait for itself.")
        self._here.writes = True
        try:
            yield
        finally:
            self._here.writes = False


def _execute_all(connection: Connection, words: Sequence[str]) -> None:
    for each in words:
        connection.exec_driver_sql(each)


def _changes(connection: Connection) -> int:
    """How many rows SQLite's connection has changed in its life."""
    return cast(int, getattr(connection.connection.driver_connection, "total_changes", 0))
