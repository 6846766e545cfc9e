"""A store of its own on an empty SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.fakes.hints import NotedHints

from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db"))
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def hints() -> NotedHints:
    return NotedHints()


@pytest.fixture
def store(engine: Engine, hints: NotedHints) -> SqlUnitOfWork:
    return SqlUnitOfWork(engine, hints)
