"""What a page reads of a database with many load balancers: no more than it shows, wherever it begins."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, text
from tests.contract.samples import START, a_tree, new_id
from tests.databases import Databases
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite

from evenload.model.query import Query
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.load_balancer_pages import choose_load_balancers
from evenload.store.tables.trees import LOAD_BALANCERS
from evenload.store.unit_of_work import SqlUnitOfWork

MANY = 2000
PAGE = 20
MOST = 4
"""Times what the first page reads. The marker is found first, and an index may be looked into twice."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, databases: Databases
) -> Iterator[Engine]:
    """Load balancers that have all in common but id, port, name and time."""
    path: Path = tmp_path_factory.mktemp("pages") / "evenload.db"
    sqlite = request.param == "sqlite"
    engine = open_engine(StoreSettings(url=newest_sqlite(path))) if sqlite else databases.empty(request.param).engine
    SqlUnitOfWork(engine, NotedHints()).write(lambda at: at.insert_tree(a_tree(members=0)))
    table = LOAD_BALANCERS
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        row = dict(connection.execute(select(table)).mappings().one())
        del row["position"]
        connection.execute(insert(table), [{**row, **_own(number)} for number in range(MANY)])
        connection.commit()
        if request.param == "postgresql":
            connection.execute(text("ANALYZE load_balancers"))
    yield engine
    if sqlite:
        engine.dispose()


def _own(number: int) -> dict[str, Any]:
    moment = (START + timedelta(seconds=number)).replace(tzinfo=None)
    return {"id": new_id(), "port_id": new_id(), "name": f"n{number:05}", "created_at": moment}


SORTS = ("created_at", "id", "name", "provider", "admin_state_up", "vip_network_id", "flavor_id", "updated_at")

MORE = {("mariadb", name, True) for name in ("flavor_id", "updated_at")}
"""MariaDB goes through all that have no value, in that direction, until it is at the marker."""


@pytest.mark.parametrize("reverse", [False, True], ids=["next", "previous"])
@pytest.mark.parametrize("name", SORTS)
def test_a_page_in_the_middle_reads_no_more_than_the_first(engine: Engine, name: str, reverse: bool) -> None:
    sort = tuple((each, False) for each in dict.fromkeys((name, "created_at", "id")))
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        pairs = choose_load_balancers(connection, Query(sort=sort))
        first = _reads(connection, Query(sort=sort, limit=PAGE))
        query = Query(sort=sort, limit=PAGE, marker=pairs[MANY // 2][0], reverse=reverse)
        found = choose_load_balancers(connection, query)
        assert found == (pairs[MANY // 2 - 1 :: -1] if reverse else pairs[MANY // 2 + 1 :])[: PAGE + 1]
        if (engine.dialect.name, name, reverse) not in MORE:
            assert _reads(connection, query) < MOST * first
        connection.rollback()


def _reads(connection: Connection, query: Query) -> int:
    count = _COUNTS[connection.dialect.name]
    choose_load_balancers(connection, query)
    return count(connection, lambda: choose_load_balancers(connection, query))


def _of_sqlite(connection: Connection, ask: Callable[[], object]) -> int:
    """Steps of its virtual machine."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(step, 1)
    ask()
    driver.set_progress_handler(None, 0)
    return steps


def _of_postgresql(connection: Connection, ask: Callable[[], object]) -> int:
    """Rows of the table."""
    words = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'load_balancers'"
    before = connection.execute(text(words)).scalar_one()
    ask()
    return int(connection.execute(text(words)).scalar_one() - before)


def _of_mariadb(connection: Connection, ask: Callable[[], object]) -> int:
    """Rows of indexes and of the table."""

    def count() -> int:
        found = connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
        return sum(
            int(number) for name, number in found if name not in ("Handler_read_rnd_deleted", "Handler_read_rnd_next")
        )

    before = count()
    ask()
    return count() - before


_COUNTS = {"sqlite": _of_sqlite, "postgresql": _of_postgresql, "mysql": _of_mariadb, "mariadb": _of_mariadb}
