"""Each contract's subject: the fake and the real thing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import KINDS, Databases, running_databases
from tests.fakes.hints import NotedHints
from tests.fakes.memory_store import MemoryStore
from tests.sqlite import newest_sqlite

from evenload.interfaces.store import UnitOfWork
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork


@pytest.fixture
def hints() -> NotedHints:
    """What ``store`` has told the agents."""
    return NotedHints()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with running_databases() as running:
        yield running


@pytest.fixture(params=["memory", "sqlite", "sqlite rehearsed", *KINDS])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, hints: NotedHints, databases: Databases
) -> Iterator[UnitOfWork]:
    if request.param == "memory":
        yield MemoryStore(hints)
        return
    if request.param in KINDS:
        yield SqlUnitOfWork(databases.empty(request.param).engine, hints)
        return
    engine = open_engine(StoreSettings(url=newest_sqlite(tmp_path / "evenload.db")))
    rehearsed = request.param == "sqlite rehearsed"  # whatever the size of a tree
    if rehearsed:
        yield SqlUnitOfWork(engine, hints, records_in_a_turn=0)
    else:
        yield SqlUnitOfWork(engine, hints)
    engine.dispose()
