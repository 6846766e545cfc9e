"""Keys at rest: the file, what they seal, and that they can be exchanged."""

import os
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.samples import moment
from tests.fakes.memory_store import MemoryStore

from evenload.model.errors import EvenloadError
from evenload.model.secret import SecretBytes
from evenload.model.stored_secret import Sealed, StoredSecret
from evenload.secrets.keyring import (
    KeyRing,
    Unopened,
    ensure_key_file,
    keep_only,
    new_key,
    put_in_front,
    read_key_file,
    read_keys,
)
from evenload.secrets.resealing import Resealing

SECRET = StoredSecret(
    id="one", project_id="blue", content_type="text/plain", created_at=moment(1), updated_at=moment(1)
)
OLD, NEW = new_key(), new_key()


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_again_and_only_there(payload: bytes) -> None:
    ring = KeyRing([OLD])
    sealed = ring.seal(SECRET, SecretBytes(payload))

    assert ring.open(SECRET, sealed).expose() == payload
    assert len(payload) < 8 or payload not in sealed.content
    assert ring.seal(SECRET, SecretBytes(payload)) != sealed
    assert KeyRing([NEW, OLD]).open(SECRET, sealed).expose() == payload
    damaged = replace(sealed, content=sealed.content[:-1] + bytes([sealed.content[-1] ^ 1]))
    for secret, wrong in (
        (replace(SECRET, id="two"), sealed),
        (replace(SECRET, project_id="red"), sealed),
        (SECRET, damaged),
        (SECRET, replace(sealed, content=b"")),
    ):
        with pytest.raises(Unopened):
            ring.open(secret, wrong)
    with pytest.raises(Unopened, match="not in the key file"):
        KeyRing([NEW]).open(SECRET, sealed)


def test_a_file_is_made_once_for_its_owner_s_eyes(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    made = ensure_key_file(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.key"]
    assert ensure_key_file(path).first == made.first
    key = b64encode(read_keys(path)[0].expose()).decode()
    assert key in path.read_text()
    assert key not in repr(made) + repr(read_keys(path)) + repr(vars(made))


def test_a_new_key_is_put_in_front_and_the_old_one_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    old = ensure_key_file(path)
    first = put_in_front(path, new_key())
    both = read_key_file(path)
    assert both.key_ids == (first, old.first)
    assert path.stat().st_mode & 0o777 == 0o600
    keep_only(path, [first])
    assert read_key_file(path).key_ids == (first,)
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.key"]


@pytest.mark.parametrize("content", ["", "# nothing\n", "hello\n", b64encode(bytes(31)).decode()])
def test_what_is_no_key_file_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(EvenloadError) as caught:
        ensure_key_file(path)
    assert not content.strip("# \n") or content.strip() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secrets.key"
    ensure_key_file(path)
    path.chmod(mode)
    with pytest.raises(EvenloadError, match="may be read by others"):
        ensure_key_file(path)


def test_no_link_and_no_pipe_is_taken_for_the_file(tmp_path: Path) -> None:
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    ensure_key_file(real)
    link.symlink_to(real)
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe):
        with pytest.raises(EvenloadError):
            ensure_key_file(path)


def keep(store: MemoryStore, secret: StoredSecret, sealed: Sealed) -> None:
    store.write(lambda transaction: transaction.insert_stored(secret))
    store.write(lambda transaction: transaction.save_sealed(secret.id, sealed))


def test_resealing_brings_everything_to_the_first_key_and_tells_what_it_cannot() -> None:
    store = MemoryStore()
    lost = new_key()
    rings = {"old": KeyRing([OLD]), "lost": KeyRing([lost]), "new": KeyRing([NEW])}
    for number in range(120):
        secret = replace(SECRET, id=f"s{number:03}")
        which = "lost" if number == 7 else "new" if number % 10 == 0 else "old"
        sealed = rings[which].seal(secret, SecretBytes(f"payload {number}".encode()))
        keep(store, secret, sealed)
    broken = Sealed(key_id=rings["old"].first, content=bytes(40))
    store.write(lambda transaction: transaction.save_sealed("s001", broken))
    ring = KeyRing([NEW, OLD])
    resealing = Resealing(store, ring)

    with structlog.testing.capture_logs() as logged:
        for _ in range(5):
            resealing.sweep()

    with store.read() as transaction:
        assert transaction.sealing_keys() == {ring.first: 118, rings["lost"].first: 1, rings["old"].first: 1}
        found = transaction.stored(StoredSecret, "s002")
        sealed_now = transaction.sealed("s002")
        assert found is not None
        assert sealed_now is not None
    assert rings["new"].open(found, sealed_now).expose() == b"payload 2"
    told = [(each["log_level"], each["event"].partition(":")[2].strip()) for each in logged]
    assert told == [("error", "their key is not in the key file"), ("error", "their payload was damaged or moved")]


def test_a_key_that_nothing_needs_is_told_of() -> None:
    with structlog.testing.capture_logs() as logged:
        Resealing(MemoryStore(), KeyRing([NEW, OLD])).sweep()
    assert [each["keys"] for each in logged] == [[KeyRing([OLD]).first]]
