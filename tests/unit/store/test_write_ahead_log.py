"""On SQLite nobody is told of a change before the disk has it, and one write to the disk serves many."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest
from sqlalchemy import Engine
from tests.contract.samples import a_tree, moment
from tests.fakes.hints import NotedHints
from tests.waiting import NET, eventually

from evenload.interfaces.store import Transaction
from evenload.model.errors import StoreUnavailable, Unconfirmed
from evenload.model.tree import Tree
from evenload.store import engine as engine_module
from evenload.store.unit_of_work import SqlUnitOfWork


@dataclass
class Disk:
    """Takes what is written when it is told to. ``begun``: how many writes to it have begun."""

    begun: int = 0
    failure: OSError | None = None
    held: bool = False
    files: list[int] = field(default_factory=list)
    passed: Callable[[], object] = bool
    _go: "SimpleQueue[OSError | None]" = field(default_factory=SimpleQueue)

    def sync(self, descriptor: int) -> None:
        self.begun += 1
        self.files.append(os.fstat(descriptor).st_ino)
        failure = self._go.get(timeout=NET) if self.held else self.failure
        if failure is not None:
            raise failure
        os.fdatasync(descriptor)
        self.passed()

    def let_one_pass(self, failure: OSError | None = None) -> None:
        self._go.put(failure)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def store(engine: Engine, hints: NotedHints, disk: Disk) -> SqlUnitOfWork:
    return SqlUnitOfWork(engine, hints, sync=disk.sync)


@dataclass
class Client:
    """Writes in a thread of its own."""

    thread: threading.Thread
    answers: "SimpleQueue[object]"

    @property
    def answered(self) -> bool:
        return not self.answers.empty()

    def answer(self) -> object:
        answer = self.answers.get(timeout=NET)
        self.thread.join(NET)
        return answer


Write = Callable[[Tree], Client]


@pytest.fixture
def write(store: SqlUnitOfWork) -> Iterator[Write]:
    clients = []

    def write(tree: Tree) -> Client:
        answers: SimpleQueue[object] = SimpleQueue()

        def run() -> None:
            try:
                answers.put(store.write(lambda transaction: insert(transaction, tree)))
            except StoreUnavailable as error:
                answers.put(error)

        client = Client(threading.Thread(target=run, daemon=True), answers)
        clients.append(client)
        client.thread.start()
        return client

    yield write
    for client in clients:
        client.thread.join(NET)


def insert(transaction: Transaction, tree: Tree) -> str:
    transaction.insert_tree(tree)
    return tree.id


def add(store: SqlUnitOfWork, tree: Tree) -> None:
    store.write(lambda transaction: transaction.insert_tree(tree))


def is_stored(store: SqlUnitOfWork, tree: Tree) -> bool:
    with store.read() as transaction:
        return transaction.tree(tree.id) is not None


def test_nobody_is_told_before_the_disk_has_it(
    store: SqlUnitOfWork, write: Write, disk: Disk, hints: NotedHints
) -> None:
    """The second change is made while the disk works for the first one, which therefore says nothing of it."""
    first, second = a_tree(), a_tree()
    disk.held = True
    one = write(first)
    assert eventually(lambda: disk.begun == 1)
    other = write(second)
    assert eventually(lambda: is_stored(store, second)), "it does not wait for the first one's turn"
    assert not one.answered
    disk.let_one_pass()
    assert one.answer() == first.id
    assert eventually(lambda: disk.begun == 2)
    assert [identifier for _, identifier, _ in hints.sent] == [first.id]
    assert not other.answered
    disk.let_one_pass()
    assert other.answer() == second.id
    assert [identifier for _, identifier, _ in hints.sent] == [first.id, second.id]


def test_one_write_to_the_disk_serves_all_who_wait(store: SqlUnitOfWork, write: Write, disk: Disk) -> None:
    disk.held = True
    one = write(a_tree())
    assert eventually(lambda: disk.begun == 1)
    trees = [a_tree() for _ in range(6)]
    others = [write(tree) for tree in trees]
    assert eventually(lambda: all(is_stored(store, tree) for tree in trees))
    disk.let_one_pass()
    one.answer()
    disk.let_one_pass()
    assert [other.answer() for other in others] == [tree.id for tree in trees]
    assert disk.begun == 2


def test_a_failure_is_told_to_all_whom_it_concerns(
    store: SqlUnitOfWork, write: Write, disk: Disk, hints: NotedHints
) -> None:
    """Also to who came while the disk was at it: what is behind a hole in the log is lost with it."""
    disk.held = True
    one = write(a_tree())
    assert eventually(lambda: disk.begun == 1)
    trees = [a_tree() for _ in range(3)]
    others = [write(tree) for tree in trees]
    assert eventually(lambda: all(is_stored(store, tree) for tree in trees))
    disk.let_one_pass(OSError(5, "Input/output error"))
    answers = [client.answer() for client in (one, *others)]
    assert [type(answer) for answer in answers] == [Unconfirmed] * 4
    assert "Input/output error" in str(answers[0])
    assert hints.sent == []
    assert disk.begun == 1


def test_after_a_failure_the_log_is_written_anew_before_anything_else(
    store: SqlUnitOfWork, disk: Disk, tmp_path: Path
) -> None:
    """The kernel takes what it could not write for written: asking it again would be answered with yes."""
    log = tmp_path / "evenload.db-wal"
    doubtful, refused, fine = a_tree(), a_tree(), a_tree()
    disk.failure = OSError(28, "No space left on device")
    with pytest.raises(Unconfirmed):
        add(store, doubtful)
    content = log.read_bytes()
    with pytest.raises(StoreUnavailable, match="No space left") as caught:
        add(store, refused)
    assert not isinstance(caught.value, Unconfirmed)
    assert is_stored(store, doubtful)
    assert not is_stored(store, refused)
    disk.failure = None
    os.utime(log, (0, 0))
    written: list[tuple[bool, bytes]] = []
    real = disk.sync

    def look(descriptor: int) -> None:
        written.append((os.fstat(descriptor).st_mtime > 0, log.read_bytes()))
        real(descriptor)

    store._log._sync = look  # type: ignore[union-attr]
    add(store, fine)
    assert written[0] == (True, content), "the same bytes, written once more"
    assert len(written) == 2
    assert is_stored(store, doubtful)
    assert is_stored(store, fine)


def test_what_changes_nothing_asks_nothing_of_the_disk(store: SqlUnitOfWork, disk: Disk) -> None:
    tree = a_tree()
    add(store, tree)
    begun = disk.begun
    store.write(lambda transaction: transaction.update_tree(tree, tree))
    assert disk.begun == begun


def test_what_repeats_a_change_waits_for_the_disk_as_well(store: SqlUnitOfWork, write: Write, disk: Disk) -> None:
    """Its answer says the same: it holds only where the other's does."""
    disk.held = True
    tree = a_tree()
    one = write(tree)
    assert eventually(lambda: disk.begun == 1)
    order: list[str] = []
    asked = threading.Event()
    disk.passed = lambda: order.append("on the disk")

    def repeat() -> None:
        def work(transaction: Transaction) -> bool:
            asked.set()
            return transaction.tree(tree.id) is not None

        assert store.write(work)
        order.append("told")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    assert asked.wait(NET)
    with store.read():  # nothing stands in its way but the disk
        pass
    disk.let_one_pass()
    one.answer()
    thread.join(NET)
    assert order == ["on the disk", "told"]
    assert disk.begun == 1


def test_the_log_of_later_connections_is_another_file(store: SqlUnitOfWork, disk: Disk, tmp_path: Path) -> None:
    log = tmp_path / "evenload.db-wal"
    for _ in range(2):
        add(store, a_tree())
        assert disk.files[-1] == log.stat().st_ino
        store.close()
        assert not log.exists()
    assert open_descriptors(log) == 0


def open_descriptors(path: Path) -> int:
    links = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)]
    return sum(link.startswith(str(path)) for link in links)


def test_the_log_stays_open_while_somebody_waits_for_it(store: SqlUnitOfWork, write: Write, disk: Disk) -> None:
    disk.held = True
    tree = a_tree()
    client = write(tree)
    assert eventually(lambda: disk.begun == 1)
    store.close()
    disk.let_one_pass()
    assert client.answer() == tree.id


def test_without_a_log_each_commit_waits_for_the_disk_itself(tmp_path: Path) -> None:
    """As on file systems without shared memory. Their journal's removal has to be on the disk, too: EXTRA."""
    connection = sqlite3.connect(f"file:{tmp_path}/db?vfs=unix-dotfile", uri=True)
    engine_module._prepare_sqlite(connection, None)  # type: ignore[arg-type]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
    connection.close()


def test_without_a_log_nothing_is_waited_for(engine: Engine, hints: NotedHints, disk: Disk) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    store = SqlUnitOfWork(engine, hints, sync=disk.sync)
    add(store, a_tree())
    store.write(lambda transaction: transaction.insert_agent("a", moment(0)))
    assert disk.begun == 0
