"""The schema that the migrations make is the one that the statements are written for."""

from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from evenload.model.errors import EvenloadError
from evenload.store import migrate
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA


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
        for look in ("get_pk_constraint", "get_foreign_keys", "get_unique_constraints", "get_indexes"):
            found = getattr(migrated, look)(table)
            wanted = getattr(expected, look)(table)
            assert sorted(map(str, found)) == sorted(map(str, wanted)) if isinstance(found, list) else found == wanted
    engine.dispose()
    plain.dispose()


def test_an_upgrade_from_empty_may_be_repeated(tmp_path: Path) -> None:
    engine = engine_at(tmp_path)
    assert migrate.current_revision(engine) is None
    for _ in range(2):
        migrate.upgrade(engine)
        assert migrate.current_revision(engine) == migrate.newest_revision() is not None
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
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
