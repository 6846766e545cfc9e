"""Both keepers of secrets alike: the built-in vault, and a real Barbican beside a real Keystone."""

import uuid
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.fakes.memory_store import MemoryStore
from tests.identity_service.keystone import DOMAIN, Keystone, running_keystone
from tests.key_manager.barbican import Barbican as RealBarbican
from tests.key_manager.barbican import running_barbican
from tests.unit.secrets.authority import make

from evenload.model.errors import KeeperUnavailable, UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.model.secret_limits import SecretLimits
from evenload.model.stored_secret import ContainerType, NamedSecret
from evenload.secrets.barbican import Barbican
from evenload.secrets.barbican_client import BarbicanClient, BarbicanPlace
from evenload.secrets.keyring import KeyRing, new_key
from evenload.secrets.reading import Keeper, StoredCertificates
from evenload.secrets.vault import Vault

NOBODY = "11111111-2222-4333-8444-555555555555"


class Place(Protocol):
    """Blue's secrets, which the service may read. ``keeper`` remembers nothing of what it was asked before."""

    def keeper(self) -> Keeper: ...
    def store(self, content: bytes) -> str: ...
    def contain(self, **secrets: str) -> str: ...
    def delete(self, identifier: str) -> None: ...


class BuiltIn:
    def __init__(self) -> None:
        store = MemoryStore(NotedHints())
        self._vault = Vault(store, KeyRing([new_key()]), StillClock(), lambda: str(uuid.uuid4()), SecretLimits())

    def keeper(self) -> Keeper:
        return self._vault

    def store(self, content: bytes) -> str:
        fields = {"content_type": "application/octet-stream"}
        return self._vault.create_secret("blue", None, fields, SecretBytes(content)).id

    def contain(self, **secrets: str) -> str:
        named = [NamedSecret(name=name, secret_id=each) for name, each in secrets.items()]
        return self._vault.create_container("blue", None, None, ContainerType.CERTIFICATE, named).id

    def delete(self, identifier: str) -> None:
        self._vault.delete_secret(identifier)


class Elsewhere:
    """``service``: its user's id; by ``endpoint`` of the settings."""

    def __init__(self, keystone: Keystone, barbican: RealBarbican) -> None:
        self._keystone = keystone
        self._barbican = barbican
        project = keystone.make("project", name="blue", domain_id=DOMAIN)
        keystone.user("owner", "owner", project, "member")
        self.service = keystone.user(
            "reader", "reader", keystone.make("project", name="home", domain_id=DOMAIN), "service"
        )
        self.token = keystone.token("owner", "owner", {"project": {"id": project}})

    def keeper(self) -> Barbican:
        auth = Password(
            auth_url=self._keystone.url,
            username="reader",
            password="reader",
            user_domain_id=DOMAIN,
            project_name="home",
            project_domain_id=DOMAIN,
        )
        place = BarbicanPlace(endpoint=self._barbican.url, timeout=60)
        return Barbican(BarbicanClient(Session(auth=auth, timeout=60), place))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._barbican.request(method, f"/v1/{path}", body, {"X-Auth-Token": self.token})
        assert answer.status < 300, answer
        return answer.body

    def unshared(self, content: bytes) -> str:
        body = {
            "payload": b64encode(content).decode(),
            "payload_content_type": "application/octet-stream",
            "payload_content_encoding": "base64",
        }
        return str(self.ask("POST", "secrets", body)["secret_ref"]).rsplit("/", 1)[-1]

    def store(self, content: bytes) -> str:
        made = self.unshared(content)
        self.share(f"secrets/{made}")
        return made

    def contain(self, **secrets: str) -> str:
        refs = [{"name": name, "secret_ref": f"{self._barbican.url}/v1/secrets/{id}"} for name, id in secrets.items()]
        made = self.ask("POST", "containers", {"type": "certificate", "secret_refs": refs})
        identifier = str(made["container_ref"]).rsplit("/", 1)[-1]
        self.share(f"containers/{identifier}")
        return identifier

    def share(self, path: str) -> None:
        self.ask("PATCH", f"{path}/acl", {"read": {"users": [self.service]}})

    def delete(self, identifier: str) -> None:
        self.ask("DELETE", f"secrets/{identifier}")


@pytest.fixture(scope="module")
def barbican() -> Iterator[RealBarbican]:
    with running_keystone() as keystone, running_barbican(keystone) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(barbican: RealBarbican) -> Elsewhere:
    return Elsewhere(barbican.keystone, barbican)


@pytest.fixture(params=["built in", "barbican"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "built in":
        return BuiltIn()
    found: Elsewhere = request.getfixturevalue("elsewhere")
    return found


def test_a_payload_comes_back_byte_for_byte(place: Place) -> None:
    content = bytes(range(256)) * 40
    assert place.keeper().payload(place.store(content), "blue") == SecretBytes(content)


def test_what_is_not_there_or_was_deleted_is_none(place: Place) -> None:
    keeper = place.keeper()
    assert keeper.payload(NOBODY, "blue") is None
    assert keeper.parts(NOBODY, "blue") is None
    gone = place.store(b"here")
    assert place.keeper().payload(gone, "blue") is not None
    place.delete(gone)
    assert place.keeper().payload(gone, "blue") is None


def test_a_container_names_its_secrets(place: Place) -> None:
    parts = {name: place.store(name.encode()) for name in ("certificate", "private_key")}
    assert place.keeper().parts(place.contain(**parts), "blue") == parts


def test_certificates_are_read_of_both_kinds(place: Place) -> None:
    made = make("www.example.com")
    parts = {"certificate": place.store(made.pem), "private_key": place.store(made.key_pem())}
    container, single = place.contain(**parts), place.store(made.pkcs12())
    certificates = StoredCertificates(place.keeper())
    read = [
        certificates.bundle(f"https://x/v1/{where}", "blue")
        for where in (f"containers/{container}", f"secrets/{single}")
    ]
    assert {each.leaf.subject for each in read} == {"CN=www.example.com"}


def test_what_nobody_shares_with_the_service_says_how(elsewhere: Elsewhere) -> None:
    with pytest.raises(UnusableSecret, match=f"acl user add --user {elsewhere.service}"):
        elsewhere.keeper().payload(elsewhere.unshared(b"mine"), "blue")


def test_who_may_read_shares_by_naming_it(elsewhere: Elsewhere) -> None:
    """And nobody else does, be the service allowed to or not."""
    mine, keeper = elsewhere.unshared(b"mine"), elsewhere.keeper()
    reference = f"http://192.0.2.1/v1/secrets/{mine}"
    assert keeper.admit("no token", [reference]).keys() == {reference}
    assert keeper.admit(elsewhere.token, [reference, "no reference"]) == {}
    assert keeper.payload(mine, "blue") == SecretBytes(b"mine")
    assert keeper.admit("no token", [reference]).keys() == {reference}


def test_barbican_away_is_told_and_nobody_waits_twice(elsewhere: Elsewhere, barbican: RealBarbican) -> None:
    mine, keeper = elsewhere.store(b"mine"), elsewhere.keeper()
    with barbican.away():
        for _ in range(2):
            with pytest.raises(KeeperUnavailable, match="cannot be asked"):
                keeper.payload(mine, "blue")
    assert elsewhere.keeper().payload(mine, "blue") == SecretBytes(b"mine")
