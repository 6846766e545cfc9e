"""Keys of secrets at rest are exchanged by command, and none is taken out that something needs."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.samples import moment
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite

from evenload.interfaces.store import Transaction
from evenload.main.secret_keys import describe_keys, perform
from evenload.main.settings import Settings, read_settings
from evenload.model.secret import SecretBytes
from evenload.model.stored_secret import StoredSecret
from evenload.secrets.keyring import KeyRing, ensure_key_file, new_key, read_key_file
from evenload.secrets.resealing import Resealing
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork

SECRET = StoredSecret(id="s", project_id="p", content_type="text/plain", created_at=moment(1), updated_at=moment(1))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "evenload.conf"
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    read = read_settings(["--config-file", str(file)])
    return replace(read, database=newest_sqlite(tmp_path / "keys.sqlite"))


def test_a_key_is_exchanged(settings: Settings) -> None:
    path = settings.secrets.key_file
    old = ensure_key_file(path)
    engine = open_engine(StoreSettings(url=settings.database))
    uow = SqlUnitOfWork(engine, NotedHints())

    def store(transaction: Transaction) -> None:
        transaction.insert_stored(SECRET)
        transaction.save_sealed("s", old.seal(SECRET, SecretBytes(b"x")))

    uow.write(store)
    assert perform("list", settings, None) == [f"{old.first}  1 secrets  (encrypts)"]
    [said] = perform("add", settings, None)
    ring = read_key_file(path)
    assert said.startswith(ring.first)
    assert perform("list", settings, None) == [f"{ring.first}  0 secrets  (encrypts)", f"{old.first}  1 secrets"]
    assert perform("remove", settings, None) == ["every key is needed"]

    Resealing(uow, ring).sweep()
    assert perform("remove", settings, None) == [f"{old.first} removed"]
    assert read_key_file(path).key_ids == (ring.first,)
    with uow.read() as transaction:
        sealed = transaction.sealed("s")
    assert sealed is not None
    assert read_key_file(path).open(SECRET, sealed).expose() == b"x"
    engine.dispose()


def test_a_key_that_is_lost_is_told_of() -> None:
    ring = KeyRing([new_key()])
    assert describe_keys(ring, {"lost": 2})[1].startswith("lost  2 secrets  NOT IN THE FILE")
