"""References lead to what is stored for a project, and ids of documents to the very same content."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.secrets.authority import WORD, pkcs7_of, revocations, site

from evenload.model.certificate import SecretFault
from evenload.model.errors import SecretUnavailable, StoreUnavailable, UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.model.secret_place import Place, PlaceKind, SecretUse, UsedPlace, read_place, read_used_place
from evenload.secrets.reading import StoredCertificates

SITE = site()
BASE = "https://keys.example.com:9311/v1"


def identifier(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


class FakeKeeper:
    """Blue's secrets."""

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}
        self.containers: dict[str, dict[str, str]] = {}
        self.away = False

    def payload(self, identifier: str, project_id: str) -> SecretBytes | None:
        self._look()
        content = self.secrets.get(identifier) if project_id == "blue" else None
        return None if content is None else SecretBytes(content)

    def parts(self, identifier: str, project_id: str) -> Mapping[str, str] | None:
        self._look()
        return self.containers.get(identifier) if project_id == "blue" else None

    def add(self, content: bytes) -> str:
        id = identifier(len(self.secrets) + 1)
        self.secrets[id] = content
        return id

    def _look(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


@pytest.fixture
def certificates(keeper: FakeKeeper) -> StoredCertificates:
    return StoredCertificates(keeper)


def test_a_container_and_a_single_secret_give_the_same(keeper: FakeKeeper, certificates: StoredCertificates) -> None:
    single = keeper.add(SITE.server.pkcs12(SITE.lower, SITE.upper))
    keeper.containers[identifier(99)] = {
        "certificate": keeper.add(SITE.server.pem),
        "private_key": keeper.add(SITE.server.key_pem(word=WORD)),
        "private_key_passphrase": keeper.add(WORD),
        "intermediates": keeper.add(pkcs7_of(SITE.upper, SITE.lower)),
    }
    found = certificates.bundle(f"{BASE}/secrets/{single}", "blue")
    assert certificates.bundle(f"{BASE}/containers/{identifier(99)}", "blue") == found

    used = UsedPlace(use=SecretUse.BUNDLE, project_id="blue", place=Place(PlaceKind.SECRET, single))
    reference = used.reference(found.content)
    content = certificates.read(reference.id)
    assert content == found.content
    assert content.fingerprint() == reference.fingerprint


def test_authorities_and_revocations_are_single_secrets(keeper: FakeKeeper, certificates: StoredCertificates) -> None:
    authority, revoked = keeper.add(SITE.root.pem), keeper.add(revocations(SITE.root, 3))
    assert certificates.authorities(f"{BASE}/secrets/{authority}", "blue").certificates[0].common_name == "Root"
    assert certificates.revocations(f"{BASE}/secrets/{revoked}", "blue").lists[0].revoked == 1
    assert certificates.read(f"authorities/blue/secrets/{authority}").expose() == SITE.root.pem
    assert certificates.read(f"revocations/blue/secrets/{revoked}").expose() == revocations_text(keeper, revoked)
    with pytest.raises(UnusableSecret) as caught:
        certificates.authorities(f"{BASE}/containers/{authority}", "blue")
    assert caught.value.fault is SecretFault.UNREADABLE


def revocations_text(keeper: FakeKeeper, id: str) -> bytes:
    return keeper.secrets[id]


def test_what_the_project_may_not_read_is_not_there(keeper: FakeKeeper, certificates: StoredCertificates) -> None:
    secret = keeper.add(SITE.server.pkcs12())
    keeper.containers[identifier(98)] = {"private_key": secret}
    keeper.containers[identifier(99)] = {"certificate": identifier(77)}
    for reference, project, fault in (
        (f"{BASE}/secrets/{secret}", "red", SecretFault.UNREADABLE),
        (f"{BASE}/containers/{identifier(99)}", "red", SecretFault.UNREADABLE),
        (f"{BASE}/containers/{identifier(99)}", "blue", SecretFault.UNREADABLE),
        (f"{BASE}/containers/{identifier(98)}", "blue", SecretFault.NO_CERTIFICATE),
        (f"{BASE}/secrets/{identifier(55)}", "blue", SecretFault.UNREADABLE),
        ("the certificate", "blue", SecretFault.UNREADABLE),
    ):
        with pytest.raises(UnusableSecret) as caught:
            certificates.bundle(reference, project)
        assert caught.value.fault is fault
    for wrong in (f"bundle/red/secrets/{secret}", f"authorities/blue/containers/{secret}", "x"):
        with pytest.raises(SecretUnavailable):
            certificates.read(wrong)


def test_a_keeper_that_is_away_is_another_thing(keeper: FakeKeeper, certificates: StoredCertificates) -> None:
    secret = keeper.add(SITE.server.pkcs12())
    keeper.away = True
    with pytest.raises(StoreUnavailable):
        certificates.bundle(f"{BASE}/secrets/{secret}", "blue")
    with pytest.raises(SecretUnavailable):
        certificates.read(f"bundle/blue/secrets/{secret}")


@pytest.mark.parametrize(
    "reference",
    ["", "x", f"{BASE}/secrets/", f"{BASE}/orders/{identifier(1)}", f"{BASE}/secrets/{identifier(1)}/payload",
     f"ftp://x/v1/secrets/{identifier(1)}", f"http://a b/v1/secrets/{identifier(1)}",
     f"{BASE}/secrets/{identifier(1)}\n"],
)  # fmt: skip
def test_what_is_no_reference(reference: str) -> None:
    assert read_place(reference) is None


@given(
    st.sampled_from(PlaceKind),
    st.uuids(),
    st.sampled_from(SecretUse),
    st.from_regex(r"[A-Za-z0-9_.\-]{1,36}", fullmatch=True),
)
def test_places_are_read_back(kind: PlaceKind, id: object, use: SecretUse, project: str) -> None:
    place = Place(kind, str(id))
    for base in ("http://127.0.0.1:9876/v1", "https://x/key-manager/v1", "/v1", ""):
        assert read_place(f"{base}/{place}") == place
    used = UsedPlace(use=use, project_id=project, place=place)
    assert read_used_place(str(used)) == used


@given(st.text())
def test_any_text_is_a_place_or_none(text: str) -> None:
    assert read_place(text) is None
    assert read_used_place(text) is None


def test_what_was_opened_is_not_opened_again(keeper: FakeKeeper, certificates: StoredCertificates) -> None:
    single = keeper.add(SITE.server.pem + SITE.server.key_pem())
    same = keeper.add(SITE.server.pem + SITE.server.key_pem())
    reference = f"{BASE}/secrets/{single}"
    found = certificates.bundle(reference, "blue")
    assert certificates.bundle(reference, "blue") is found
    assert certificates.bundle(f"{BASE}/secrets/{same}", "blue") is found
    # Who may, what it holds and whether it is there is asked each time.
    with pytest.raises(UnusableSecret):
        certificates.bundle(reference, "red")
    keeper.secrets[single] = SITE.foreign.pem + SITE.foreign.key_pem()
    assert certificates.bundle(reference, "blue").leaf.subject == "CN=Foreign"
    keeper.secrets[single] = SITE.server.pem + SITE.foreign.key_pem()
    for _ in range(2):
        with pytest.raises(UnusableSecret):
            certificates.bundle(reference, "blue")
    keeper.away = True
    with pytest.raises(StoreUnavailable):
        certificates.bundle(f"{BASE}/secrets/{same}", "blue")
    keeper.away = False
    del keeper.secrets[same]
    with pytest.raises(UnusableSecret):
        certificates.bundle(f"{BASE}/secrets/{same}", "blue")


def test_a_passphrase_that_is_wrong_opens_nothing_that_the_right_one_has(
    keeper: FakeKeeper, certificates: StoredCertificates
) -> None:
    parts = {"certificate": keeper.add(SITE.server.pem), "private_key": keeper.add(SITE.server.key_pem(word=WORD))}
    reference = f"{BASE}/containers/{identifier(99)}"
    keeper.containers[identifier(99)] = {**parts, "private_key_passphrase": keeper.add(WORD)}
    assert certificates.bundle(reference, "blue").leaf.subject == "CN=www.example.com"
    for wrong in ({}, {"private_key_passphrase": keeper.add(b"wrong")}):
        keeper.containers[identifier(99)] = {**parts, **wrong}
        with pytest.raises(UnusableSecret):
            certificates.bundle(reference, "blue")


def test_no_more_is_kept_than_it_says(keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenload.secrets.reading.MOST_OPENED", 2)
    certificates = StoredCertificates(keeper)
    made = [keeper.add(each.pem + each.key_pem()) for each in (SITE.server, SITE.foreign, SITE.root)]
    first = [certificates.bundle(f"{BASE}/secrets/{each}", "blue") for each in made]
    again = [certificates.bundle(f"{BASE}/secrets/{each}", "blue") for each in reversed(made)]
    assert [one is other for one, other in zip(first, reversed(again), strict=True)] == [False, True, True]
