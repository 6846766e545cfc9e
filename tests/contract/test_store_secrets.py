"""What every UnitOfWork promises about secrets, containers and sealed payloads."""

from dataclasses import replace

import pytest
from tests.contract.samples import moment

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.errors import StoreUnavailable
from evenload.model.stored_secret import (
    Acl,
    Consumer,
    ContainerType,
    Metadatum,
    NamedSecret,
    Sealed,
    SecretContainer,
    SecretType,
    StoredSecret,
)

BARE = StoredSecret(id="bare", project_id="blue", created_at=moment(1), updated_at=moment(1))
FULL = StoredSecret(
    id="full",
    project_id="blue",
    creator_id="someone",
    name="Ünlü",
    type=SecretType.PRIVATE,
    algorithm="aes",
    bit_length=256,
    mode="cbc",
    expiration=moment(99),
    content_type="text/plain",
    metadata=(Metadatum(key="a", value="b"),),
    acl=Acl(project_access=False, users=("u1", "u2"), created_at=moment(2), updated_at=moment(3)),
    created_at=moment(1),
    updated_at=moment(3),
)
OTHER = replace(BARE, id="other", project_id="red")
CONTAINER = SecretContainer(
    id="full",
    project_id="blue",
    name=None,
    type=ContainerType.CERTIFICATE,
    secrets=(NamedSecret(name="certificate", secret_id="full"), NamedSecret(name="", secret_id="bare")),
    consumers=(Consumer(name="octavia", url="x://y"),),
    created_at=moment(4),
    updated_at=moment(4),
)


@pytest.fixture
def filled(store: UnitOfWork) -> UnitOfWork:
    def fill(transaction: Transaction) -> None:
        for each in (FULL, BARE, OTHER, CONTAINER):
            transaction.insert_stored(each)
        transaction.save_sealed("full", Sealed(key_id="k1", content=b"\x00\xff\x01"))
        transaction.save_sealed("other", Sealed(key_id="k2", content=bytes(100_000)))

    store.write(fill)
    return store


def test_they_are_counted_and_those_that_are_past_found_without_a_look_at_all(filled: UnitOfWork) -> None:
    past = replace(BARE, id="past", expiration=moment(5))
    filled.write(lambda transaction: transaction.insert_stored(past))
    with filled.read() as transaction:
        assert transaction.count_stored(StoredSecret, "blue") == 3
        assert transaction.count_stored(SecretContainer, "blue") == 1
        assert transaction.count_stored(StoredSecret, "red") == len(transaction.all_stored(StoredSecret, "red"))
        assert transaction.count_stored(StoredSecret, "nobody") == 0
        assert past not in transaction.past_secrets("blue", moment(4))
        assert past in transaction.past_secrets("blue", moment(5))
        assert transaction.past_secrets("red", moment(5)) == []


def test_they_are_kept_in_their_order(filled: UnitOfWork) -> None:
    with filled.read() as transaction:
        assert transaction.all_stored(StoredSecret) == [FULL, BARE, OTHER]
        assert transaction.all_stored(StoredSecret, "blue") == [FULL, BARE]
        assert transaction.all_stored(SecretContainer, "blue") == [CONTAINER]
        assert transaction.all_stored(SecretContainer, "red") == []
        assert transaction.stored(StoredSecret, "full") == FULL
        assert transaction.stored(SecretContainer, "full") == CONTAINER
        assert transaction.stored(SecretContainer, "bare") is None


def test_they_are_changed_and_removed(filled: UnitOfWork) -> None:
    changed = replace(FULL, acl=None, metadata=(), name=None)

    def change(transaction: Transaction) -> None:
        assert transaction.locked_stored(StoredSecret, "full") == FULL
        transaction.update_stored(changed)
        transaction.remove_stored(BARE)
        transaction.remove_stored(BARE)
        transaction.update_stored(replace(CONTAINER, secrets=(), consumers=()))

    filled.write(change)
    with filled.read() as transaction:
        assert transaction.all_stored(StoredSecret, "blue") == [changed]
        assert transaction.stored(SecretContainer, "full") == replace(CONTAINER, secrets=(), consumers=())
        assert transaction.sealed("full") == Sealed(key_id="k1", content=b"\x00\xff\x01")


def test_payloads_go_with_their_secrets_and_only_then(filled: UnitOfWork) -> None:
    with filled.read() as transaction:
        assert transaction.sealing_keys() == {"k1": 1, "k2": 1}
        assert transaction.sealed_otherwise(["k1"], 10) == ["other"]
        assert transaction.sealed_otherwise(["k3"], 1) == ["full"]
        assert transaction.sealed_otherwise(["k1", "k2"], 10) == []
        assert transaction.sealed("bare") is None
    filled.write(lambda transaction: transaction.save_sealed("other", Sealed(key_id="k1", content=b"x")))
    filled.write(lambda transaction: transaction.remove_stored(CONTAINER))
    with filled.read() as transaction:
        assert transaction.sealed("other") == Sealed(key_id="k1", content=b"x")
        assert transaction.sealing_keys() == {"k1": 2}
    filled.write(lambda transaction: transaction.remove_stored(FULL))
    with filled.read() as transaction:
        assert transaction.sealed("full") is None


def test_what_is_gone_is_not_brought_back_and_no_id_is_there_twice(filled: UnitOfWork) -> None:
    gone = replace(BARE, id="gone")
    for attempt in (
        lambda transaction: transaction.update_stored(gone),
        lambda transaction: transaction.save_sealed("gone", Sealed(key_id="k", content=b"x")),
        lambda transaction: transaction.insert_stored(FULL),
    ):
        with pytest.raises(StoreUnavailable):  # tried again in vain
            filled.write(attempt)
