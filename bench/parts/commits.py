"""Changes a second of one thread and of eight, each on the disk before it is answered.

The store alone, on a disk (``build/``): one change of a member's weight after the other, each in a load balancer of its
own thread. In turn with the same store where each commit waits for the disk within the writer's turn (SQLite's
``synchronous=FULL``), and where none does.
"""

import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event

from bench.room import Room
from bench.rows import Goal, Row, ratios, row
from evenload.interfaces.store import Transaction
from evenload.model.balancer import LoadBalancer, Member, Pool, Record, T, Vip
from evenload.model.enums import Algorithm, PoolProtocol, ProvisioningStatus
from evenload.model.placement import alone_on
from evenload.model.snapshot import Snapshot
from evenload.model.tree import Tree
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork

_PLACE = Path(__file__).parent.parent.parent / "build"
_ROUNDS = 5
_SECONDS = 1.5
_MEMBERS = 5
_SWITCH_INTERVAL = 0.0005
"""As the service sets it."""
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_GAIN = Goal(p50=2.0, more_is_better=True)


def measure(room: Room) -> list[Row]:
    del room
    rates: dict[tuple[str, int], list[float]] = {}
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        for _ in range(_ROUNDS):
            for threads in (1, 8):
                for way in ("together", "each", "none"):
                    rates.setdefault((way, threads), []).append(_rate(way, threads))
    finally:
        sys.setswitchinterval(interval)
    rows = [row(f"commits-{number}", "1/s", rates["together", number], more_is_better=True) for number in (1, 8)]
    eight = rates["together", 8]
    return [
        *rows,
        row("commits-8-to-each-alone", "times", ratios(eight, rates["each", 8]), _GAIN),
        row("commits-1-to-each-alone", "times", ratios(rates["together", 1], rates["each", 1]), more_is_better=True),
        row("commits-8-to-no-disk", "times", ratios(eight, rates["none", 8]), more_is_better=True),
    ]


def _rate(way: str, threads: int) -> float:
    with _store(way) as store:
        trees = [_tree() for _ in range(threads)]
        for tree in trees:
            store.write(lambda transaction, tree=tree: transaction.insert_tree(tree))  # type: ignore[misc]
        counts = [0] * threads
        end = time.monotonic() + _SECONDS

        def change(number: int) -> None:
            while time.monotonic() < end:
                _weigh(store, trees[number].id, counts[number] % 100)
                counts[number] += 1

        workers = [threading.Thread(target=change, args=(number,)) for number in range(threads)]
        begun = time.monotonic()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(counts) / (time.monotonic() - begun)


@contextmanager
def _store(way: str) -> Iterator[SqlUnitOfWork]:
    _PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_PLACE) as directory:
        engine = open_engine(StoreSettings(url=f"sqlite:///{directory}/evenload.sqlite"))
        if way == "each":
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = FULL"))
        METADATA.create_all(engine)
        store = SqlUnitOfWork(engine, _Nobody()) if way == "together" else _unsynced(engine)
        yield store
        store.close()


def _unsynced(engine: object) -> SqlUnitOfWork:
    return SqlUnitOfWork(engine, _Nobody(), sync=lambda _descriptor: None)  # type: ignore[arg-type]


class _Nobody:
    """An agent bus that reaches nobody."""

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        pass


def _weigh(store: SqlUnitOfWork, load_balancer_id: str, weight: int) -> None:
    def work(transaction: Transaction) -> None:
        before = transaction.tree(load_balancer_id)
        assert before is not None
        member = next(iter(before.members.values()))
        changed = replace(member, item=replace(member.item, weight=weight))
        transaction.update_tree(before, replace(before.with_record(changed), generation=before.generation + 1))

    store.write(work)


def _tree() -> Tree:
    balancer = LoadBalancer(
        id=str(uuid.uuid4()), network_id="n", port_id=str(uuid.uuid4()), vips=(Vip(address="10.0.0.5", subnet_id="s"),)
    )
    pool = Pool(
        id=str(uuid.uuid4()),
        load_balancer_id=balancer.id,
        protocol=PoolProtocol.TCP,
        algorithm=Algorithm.ROUND_ROBIN,
    )
    members = [
        Member(id=str(uuid.uuid4()), pool_id=pool.id, address=f"10.0.1.{number}", port=80) for number in range(_MEMBERS)
    ]
    empty = Tree(load_balancer=_record(balancer), generation=1, placements=alone_on("host-1"))
    return empty.with_records([_record(pool), *(_record(member) for member in members)])


def _record(item: T) -> Record[T]:
    return Record(
        item=item,
        project_id="bench",
        provisioning_status=ProvisioningStatus.ACTIVE,
        generation=1,
        created_at=_NOW,
    )
