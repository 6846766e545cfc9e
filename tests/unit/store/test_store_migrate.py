"""The schema that the migrations make is the one that the statements are written for."""

from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect
from tests.contract.samples import a_count
from tests.fakes.hints import NotedHints

from evenload.model.errors import EvenloadError
from evenload.model.placement import alone_on
from evenload.store import migrate, schema
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork


def engine_at(path: Path) -> Engine:
    return open_engine(StoreSettings(url=f"sqlite:///{path}/evenload.db"))


def test_migrations_and_metadata_agree(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    migrated, declared = inspect(engine), tmp_path / "declared"
    plain = engine_at(declared)
    METADATA.create_all(plain)
    expected = inspect(plain)
    for table in METADATA.tables:
        looks = ("get_pk_constraint", "get_foreign_keys", "get_unique_constraints", "get_indexes", "get_columns")
        for look in (*looks, "get_check_constraints"):
            found = getattr(migrated, look)(table)
            wanted = getattr(expected, look)(table)
            assert sorted(map(str, found)) == sorted(map(str, wanted)) if isinstance(found, list) else found == wanted
    engine.dispose()
    plain.dispose()


def test_a_new_database_gets_the_newest_schema_without_migrations(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    expected = schema.Expected()
    for _ in range(2):  # as several workers do
        expected.create(engine)
    assert expected.look(engine) is schema.Found.NEWEST
    names = set(inspect(engine).get_table_names())
    identity = SqlUnitOfWork(engine, NotedHints()).identity()
    migrate.upgrade(engine)  # has nothing to do, and later versions go on from there
    assert SqlUnitOfWork(engine, NotedHints()).identity() == identity
    engine.dispose()
    migrated = engine_at(tmp_path / "migrated")
    migrate.upgrade(migrated)
    assert set(inspect(migrated).get_table_names()) == names
    migrated.dispose()


def test_what_is_neither_new_nor_newest_is_left_to_the_migrations(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    expected = schema.Expected()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE something (id INTEGER)")
    assert expected.look(engine) is schema.Found.OTHER
    with pytest.raises(EvenloadError):
        expected.create(engine)
    assert inspect(engine).get_table_names() == ["something"]
    engine.dispose()


def test_an_upgrade_from_empty_may_be_repeated(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    expected = schema.Expected()
    assert schema.current_revision(engine) is None
    assert expected.look(engine) is schema.Found.NOTHING
    with pytest.raises(EvenloadError):
        expected.require(engine)
    for _ in range(2):
        migrate.upgrade(engine)
        assert schema.current_revision(engine) == migrate.Migrations().newest
        expected.require(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_the_steps_files_say_which_schema_is_the_newest() -> None:
    assert schema.newest_revision() == migrate.Migrations().newest


def test_a_database_is_named_once(tmp_path: Path) -> None:
    """Also one that an earlier version made; another database has another name, and a copy the same."""
    engine = engine_at(tmp_path)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(migrate._config(connection), "0003")
        connection.commit()
    migrate.upgrade(engine)
    name = SqlUnitOfWork(engine, NotedHints()).identity()
    migrate.upgrade(engine)
    assert SqlUnitOfWork(engine, NotedHints()).identity() == name
    engine.dispose()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "evenload.db").write_bytes((tmp_path / "evenload.db").read_bytes())
    copy, other = engine_at(tmp_path / "copy"), engine_at(tmp_path / "other")
    migrate.upgrade(other)
    assert SqlUnitOfWork(copy, NotedHints()).identity() == name != SqlUnitOfWork(other, NotedHints()).identity()
    copy.dispose()
    other.dispose()


def test_tables_without_a_name_get_one(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    METADATA.create_all(engine)
    stores = [SqlUnitOfWork(engine, NotedHints()) for _ in range(2)]
    assert stores[0].identity() == stores[1].identity()
    engine.dispose()


def test_the_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(EvenloadError, match="9999"):
        migrate.upgrade(engine)
    engine.dispose()


def test_a_failed_upgrade_leaves_nothing(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE pools (id INTEGER)")
    with pytest.raises(EvenloadError, match="pools already exists"):
        migrate.upgrade(engine)
    assert inspect(engine).get_table_names() == ["pools"]
    engine.dispose()


def test_the_migrations_travel_with_the_package() -> None:
    migrations = files("evenload.store") / "migrations"
    assert (migrations / "env.py").is_file()
    assert [entry for entry in (migrations / "versions").iterdir() if entry.name.startswith("0001")]


def engine_of_0002(directory: Path) -> Engine:
    """On a database of that version, with rows."""
    engine = engine_at(directory)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(migrate._config(connection), "0002")
        for statement in _ROWS_OF_0002:
            connection.exec_driver_sql(statement)
        connection.commit()
    return engine


def test_what_an_earlier_version_kept_is_there_after_the_upgrade(tmp_path: Path) -> None:
    """The table of load balancers is made anew for 0003, which must take no child of its rows along."""
    engine = engine_of_0002(tmp_path)
    migrate.upgrade(engine)
    with SqlUnitOfWork(engine, NotedHints()).read() as transaction:
        tree = transaction.tree("lb")
        agents = transaction.agents()
    assert tree is not None
    assert tree.hosted
    assert tree.placements == alone_on("host-1", 1)
    assert [record.v1 for record in tree.listeners.values()] == [None]
    assert [record.v1 for record in tree.pools.values()] == [None]
    assert [(agent.name, agent.admin_state_up, agent.created_at) for agent in agents] == [("host-1", True, None)]
    engine.dispose()


_RECORD = (
    "'project', '', '', '[]', 'ACTIVE', 'ONLINE', 1, 0, '2026-01-01 00:00:00.000000'",
    "project_id, name, description, tags, provisioning_status, operating_status, generation, deleting, created_at",
)
_ROWS_OF_0002 = (
    "INSERT INTO load_balancers (id, admin_state_up, provider, network_id, port_id, own_port, vips, incarnation,"
    f" vip_address, vip_subnet_id, agent, tree_generation, applied_generation, {_RECORD[1]}) VALUES ('lb', 1,"
    " 'evenload', 'net', 'port', 1, '[{\"address\":\"10.0.0.5\",\"subnet_id\":\"sub\"}]', 1, '10.0.0.5', 'sub',"
    f" 'host-1', 1, 1, {_RECORD[0]})",
    f"INSERT INTO pools (id, load_balancer_id, protocol, algorithm, admin_state_up, {_RECORD[1]})"
    f" VALUES ('pool', 'lb', 'HTTP', 'ROUND_ROBIN', 1, {_RECORD[0]})",
    "INSERT INTO listeners (id, load_balancer_id, protocol, port, admin_state_up, default_pool_id, connection_limit,"
    " insert_headers, headers_off, timeout_client_data, timeout_member_connect, timeout_member_data,"
    f" timeout_tcp_inspect, allowed_cidrs, {_RECORD[1]}) VALUES ('listener', 'lb', 'HTTP', 80, 1, 'pool', -1, '[]',"
    f" '[]', 1, 1, 1, 0, '[]', {_RECORD[0]})",
    "INSERT INTO agents (name, seen_at) VALUES ('host-1', '2026-01-01 00:00:00.000000')",
)


def test_what_was_counted_before_there_were_epochs_is_kept(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # as migrate.py does
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(migrate._config(connection), "0002")
        for statement in _ROWS_OF_0002:
            connection.exec_driver_sql(statement)
        command.upgrade(migrate._config(connection), "0005")
        connection.exec_driver_sql("INSERT INTO listener_statistics VALUES ('listener', 1, 2, 3, 4, 5)")
        connection.commit()
    migrate.upgrade(engine)
    store = SqlUnitOfWork(engine, NotedHints())
    with store.read() as transaction:
        assert transaction.counts("lb") == {
            "listener": (
                a_count(
                    "host-1", "", bytes_in=1, bytes_out=2, active_connections=3, total_connections=4, request_errors=5
                ),
            )
        }
    store.close()


def test_placements_go_back_to_the_load_balancer_and_come_again(tmp_path: Path) -> None:
    engine = engine_of_0002(tmp_path)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("INSERT INTO placements VALUES ('lb', 'a-backup', 'BACKUP', 9)")
        command.downgrade(migrate._config(connection), "0007")
        found = connection.exec_driver_sql("SELECT agent, applied_generation FROM load_balancers").all()
        assert [tuple(row) for row in found] == [("host-1", 1)]
        connection.commit()
    migrate.upgrade(engine)
    with SqlUnitOfWork(engine, NotedHints()).read() as transaction:
        tree = transaction.tree("lb")
    assert tree is not None
    assert tree.placements == alone_on("host-1", 1)
    engine.dispose()
