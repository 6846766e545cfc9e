"""The look at secrets in use: what has changed in the store comes into force, and what is wrong is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.sample_drafts import a_balancer, a_listener, a_pool
from tests.fakes.tls import a_tls
from tests.unit.secrets.authority import Identity, make, revocations
from tests.unit.service.conftest import World

from evenload.interfaces.store import UnitOfWork
from evenload.model.certificate import Authorities, Bundle, Revocations
from evenload.model.enums import ListenerProtocol, ProvisioningStatus
from evenload.model.errors import KeeperUnavailable, StoreUnavailable
from evenload.model.event import EventKind, EventQuery, Weight, sentence
from evenload.model.secret import SecretBytes
from evenload.model.secret_limits import SecretLimits
from evenload.model.secret_place import Place, PlaceKind, SecretUse, UsedPlace
from evenload.model.stored_secret import ContainerType, NamedSecret
from evenload.model.tls import ClientAuthentication, PoolTls, TlsSecret, TlsVersion
from evenload.secrets.keyring import KeyRing, new_key
from evenload.secrets.parsing import parse_authorities, parse_revocations
from evenload.secrets.reading import Keeper, StoredCertificates
from evenload.secrets.vault import Vault
from evenload.service.renewals import AT_ONCE, EVERY, SOON, Renewals, judge
from evenload.service.tls_drafts import facts_of

PROJECT = "project-1"
DAY = 86400.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Away(StoredCertificates):
    """A store that may be away."""

    away = False
    closed = False
    reads = 0

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(keeper)
        self.instead: dict[str, bytes] = {}
        """By what a reference ends with: what a store whose secrets may be exchanged has in it now."""

    def authorities(self, reference: str, project_id: str) -> Authorities:
        found = self.instead.get(reference[-36:])
        return super().authorities(reference, project_id) if found is None else parse_authorities(SecretBytes(found))

    def revocations(self, reference: str, project_id: str) -> Revocations:
        found = self.instead.get(reference[-36:])
        return super().revocations(reference, project_id) if found is None else parse_revocations(SecretBytes(found))

    def bundle(self, reference: str, project_id: str) -> Bundle:
        self.reads += 1
        if self.closed:
            raise KeeperUnavailable("nobody answers")
        if self.away:
            raise StoreUnavailable("no route to the store")
        return super().bundle(reference, project_id)


@dataclass
class Shop:
    """A world with a store of secrets, and the look."""

    world: World
    vault: Vault
    certificates: Away
    renewals: Renewals

    def secret(self, content: bytes, **fields: Any) -> str:
        made = self.vault.create_secret(PROJECT, None, {"content_type": "text/plain", **fields}, SecretBytes(content))
        return made.id

    def container(self, identity: Identity) -> str:
        """A generic one, whose secrets may be exchanged."""
        return self.vault.create_container(PROJECT, None, None, ContainerType.GENERIC, self.parts(identity)).id

    def parts(self, identity: Identity) -> list[NamedSecret]:
        contents = {"certificate": identity.pem, "private_key": identity.key_pem()}
        return [NamedSecret(name=name, secret_id=self.secret(content)) for name, content in contents.items()]

    def exchange(self, container: str, identity: Identity) -> None:
        for part in self.vault.parts(container, PROJECT) or {}:
            [former] = [
                NamedSecret(name=name, secret_id=each)
                for name, each in (self.vault.parts(container, PROJECT) or {}).items()
                if name == part
            ]
            self.vault.remove_secret(container, former)
        for added in self.parts(identity):
            self.vault.add_secret(container, added)

    def used(self, kind: PlaceKind, identifier: str, use: SecretUse = SecretUse.BUNDLE) -> TlsSecret:
        place = UsedPlace(use=use, project_id=PROJECT, place=Place(kind, identifier))
        reference = f"https://store.example/v1/{place.place}"
        facts: dict[str, Any] = {}
        match use:
            case SecretUse.BUNDLE:
                found = self.certificates.bundle(reference, PROJECT)
                content, facts = found.content, facts_of(found)
            case SecretUse.AUTHORITIES:
                content = self.certificates.authorities(reference, PROJECT).content
            case SecretUse.REVOCATIONS:
                content = self.certificates.revocations(reference, PROJECT).content
        secret = place.reference(content)
        return TlsSecret(reference=reference, id=secret.id, fingerprint=secret.fingerprint, **facts)

    def serve(self, *sni: TlsSecret, **tls: Any) -> str:
        """The listener's id; all is in force."""
        pool = tls.pop("pool", None)
        draft = a_listener(443, ListenerProtocol.TERMINATED_HTTPS, tls=a_tls(certificate=None, sni=sni, **tls))
        pools = () if pool is None else (a_pool(tls=pool, record={"name": "app"}),)
        made = self.world.load_balancers.create(PROJECT, a_balancer(listeners=(draft,), pools=pools))
        self.world.settle()
        return next(iter(made.listeners))

    def look(self) -> Sequence[Mapping[str, Any]]:
        """What the next look tells."""
        self.world.clock.advance(EVERY)
        with capture_logs() as logs:
            self.renewals.sweep()
        return logs

    def told(self) -> list[str]:
        return [entry["event"] for entry in self.look()]

    def fingerprints(self, listener: str) -> list[str]:
        tls = self.world.listeners.get(listener).record.item.tls
        assert tls is not None
        return [each.fingerprint for each in tls.sni]

    def status(self, listener: str) -> ProvisioningStatus:
        return self.world.listeners.get(listener).record.provisioning_status


@pytest.fixture
def shop(world: World, uow: UnitOfWork) -> Shop:
    numbers = iter(range(1, 10_000))
    vault = Vault(
        uow,
        KeyRing([new_key()]),
        world.clock,
        lambda: f"0000000a-0000-4000-8000-{next(numbers):012}",
        SecretLimits(secrets=-1, containers=-1),
    )
    certificates = Away(vault)
    return Shop(world, vault, certificates, Renewals(replace(world.context, certificates=certificates)))


def test_content_exchanged_in_the_store_comes_into_force(shop: Shop) -> None:
    first, second = make("www.example"), make("www.example")
    container, other = shop.container(first), shop.container(make("shop.example"))
    used = shop.used(PlaceKind.CONTAINER, container), shop.used(PlaceKind.CONTAINER, other)
    listener = shop.serve(*used)
    assert shop.told() == []
    assert shop.status(listener) is ProvisioningStatus.ACTIVE
    shop.exchange(container, second)
    assert shop.told() == ["secrets have another content now"]
    renewed = shop.used(PlaceKind.CONTAINER, container)
    assert renewed.fingerprint != used[0].fingerprint
    assert shop.fingerprints(listener) == [renewed.fingerprint, used[1].fingerprint]
    assert shop.status(listener) is ProvisioningStatus.PENDING_UPDATE
    [desired] = shop.world.gateway.fetch("host-1", list(shop.world.gateway.assignments("host-1"))).values()
    assert renewed.secret in desired.secrets  # type: ignore[union-attr]
    shop.world.settle()
    assert shop.told() == []
    assert shop.status(listener) is ProvisioningStatus.ACTIVE


def test_what_nobody_has_looked_at_yet_is_looked_at(shop: Shop) -> None:
    """As an earlier version has left it."""
    used = shop.used(PlaceKind.CONTAINER, shop.container(make("www.example", days=100)))
    listener = shop.serve(replace(used, subject=None, not_after=None, key=None, names=()))
    assert shop.told() == []
    tls = shop.world.listeners.get(listener).record.item.tls
    assert tls is not None
    assert tls.sni == (used,)
    assert used.names == ("www.example",)
    assert (used.subject, used.key, used.not_after) == ("CN=www.example", "EC secp256r1", NOW + timedelta(days=100))


def test_what_was_deleted_or_has_expired_is_told_once_a_day_and_changes_nothing(shop: Shop) -> None:
    deleted, expiring = (make("www.example").pkcs12() for _ in range(2))
    place = shop.secret(deleted)
    until = shop.world.clock.now() + timedelta(days=1)
    late = shop.secret(expiring, expiration=until)
    listener = shop.serve(shop.used(PlaceKind.SECRET, place), shop.used(PlaceKind.SECRET, late))
    before = shop.fingerprints(listener)
    shop.vault.delete_secret(place)
    [told] = shop.look()
    assert (told["event"], told["log_level"]) == ("secret cannot be used any more", "warning")
    assert told["reference"].endswith(place)
    assert told["users"] == [listener]
    assert "there is none" in told["reason"]
    assert shop.told() == []
    shop.world.clock.advance(DAY)
    assert shop.told() == ["secret cannot be used any more"] * 2
    assert shop.fingerprints(listener) == before
    assert shop.status(listener) is ProvisioningStatus.ACTIVE


def test_what_is_wrong_is_an_event_once_a_day_whoever_looks(shop: Shop) -> None:
    gone, good = shop.secret(make("a.example").pkcs12()), shop.secret(make("b.example").pkcs12())
    used = [shop.used(PlaceKind.SECRET, each) for each in (gone, good)]
    shop.serve(*used)

    def told() -> list[tuple[str, bool]]:
        with shop.world.context.uow.read() as transaction:
            query = EventQuery(limit=100, kinds=(EventKind.CERTIFICATE,))
            return [(each.event.state, gone in (each.event.reason or "")) for each in transaction.events(query)]

    shop.look()
    assert told() == []
    shop.vault.delete_secret(gone)
    shop.look()
    assert told() == [("wrong", True)]
    shop.look()
    anew = Renewals(replace(shop.world.context, certificates=shop.certificates))  # the server was started anew
    shop.world.clock.advance(EVERY)
    anew.sweep()
    assert told() == [("wrong", True)]
    shop.world.clock.advance(DAY)
    anew.sweep()
    assert told() == [("wrong", True)] * 2
    with shop.world.context.uow.read() as transaction:
        [*_, event] = [each.event for each in transaction.events(EventQuery(limit=1))]
    assert event.weight is Weight.ERROR
    assert sentence(event).startswith("listener port 443 of load balancer lb: certificate wrong: secret cannot be used")


def test_a_store_that_is_away_is_told_and_changes_nothing(shop: Shop) -> None:
    container = shop.container(make("www.example"))
    listener = shop.serve(shop.used(PlaceKind.CONTAINER, container))
    before = shop.fingerprints(listener)
    shop.certificates.away = True
    assert shop.told() == ["secret cannot be looked at"]
    assert shop.told() == []
    assert shop.fingerprints(listener) == before
    shop.certificates.away = False
    assert shop.told() == ["secret is good again"]


def test_content_that_cannot_be_used_never_comes_into_force(shop: Shop) -> None:
    container = shop.container(make("www.example"))
    listener = shop.serve(shop.used(PlaceKind.CONTAINER, container))
    before = shop.fingerprints(listener)
    good, other = make("www.example"), make("www.example")
    shop.exchange(container, replace(good, key=other.key))
    assert shop.told() == ["secret cannot be used any more"]
    assert shop.fingerprints(listener) == before
    shop.exchange(container, make("www.example", days=1, now=NOW - timedelta(days=9)))
    assert shop.told() == ["certificate has expired"]
    assert shop.fingerprints(listener) == before
    shop.exchange(container, good)
    assert shop.told() == ["secret is good again", "secrets have another content now"]


def test_authorities_and_pools_are_looked_after_as_well(shop: Shop) -> None:
    root = make("Root", authority=True)
    authorities, revoked = shop.secret(root.pem), shop.secret(revocations(root, 1, now=NOW))
    shown = shop.container(make("client"))
    shop.serve(
        shop.used(PlaceKind.CONTAINER, shop.container(make("www.example"))),
        client_authentication=ClientAuthentication.MANDATORY,
        client_authorities=shop.used(PlaceKind.SECRET, authorities, SecretUse.AUTHORITIES),
        client_revocations=shop.used(PlaceKind.SECRET, revoked, SecretUse.REVOCATIONS),
        pool=PoolTls(certificate=shop.used(PlaceKind.CONTAINER, shown)),
    )
    assert shop.told() == []
    for identifier in (authorities, revoked):
        shop.vault.delete_secret(identifier)
    assert shop.told() == ["secret cannot be used any more"] * 2
    renewed = make("client")
    shop.exchange(shown, renewed)
    assert shop.told() == ["secrets have another content now"]
    [desired] = shop.world.gateway.fetch("host-1", list(shop.world.gateway.assignments("host-1"))).values()
    assert shop.used(PlaceKind.CONTAINER, shown).secret in desired.secrets  # type: ignore[union-attr]


def judged(shop: Shop, listener: str) -> list[str]:
    tls = shop.world.listeners.get(listener).record.item.tls
    assert tls is not None
    return [each.fingerprint for each in (tls.client_authorities, tls.client_revocations) if each is not None]


def test_a_list_comes_into_force_with_the_authorities_that_signed_it_or_not_at_all(shop: Shop) -> None:
    """By authorities and a list of others nobody would be let in."""
    root, other = make("Root", authority=True), make("Root", authority=True)
    authorities, revoked = shop.secret(root.pem), shop.secret(revocations(root, 1, now=NOW))
    listener = shop.serve(
        shop.used(PlaceKind.CONTAINER, shop.container(make("www.example"))),
        client_authentication=ClientAuthentication.MANDATORY,
        client_authorities=shop.used(PlaceKind.SECRET, authorities, SecretUse.AUTHORITIES),
        client_revocations=shop.used(PlaceKind.SECRET, revoked, SecretUse.REVOCATIONS),
    )
    before = judged(shop, listener)
    shop.certificates.instead[revoked] = revocations(other, 1, now=NOW)
    [told] = shop.look()
    assert told["event"] == "secret cannot be used any more"
    assert "is not signed by one of the authorities" in told["reason"]
    assert judged(shop, listener) == before
    shop.certificates.instead[authorities] = other.pem
    assert shop.told() == ["secret is good again", "secrets have another content now"]
    assert [each != former for each, former in zip(judged(shop, listener), before, strict=True)] == [True, True]
    shop.world.settle()
    shop.certificates.instead[authorities] = root.pem
    assert shop.told() == ["secret cannot be used any more"]
    shop.certificates.instead[authorities] = other.pem + root.pem
    assert shop.told() == ["secret is good again", "secrets have another content now"]


def test_a_certificate_of_whose_key_the_listener_has_no_cipher_never_comes_into_force(shop: Shop) -> None:
    container = shop.container(make("www.example"))
    curves = {"ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256", "versions": (TlsVersion.TLS_1_2,)}
    listener = shop.serve(shop.used(PlaceKind.CONTAINER, container), **curves)
    before = shop.fingerprints(listener)
    shop.exchange(container, make("www.example", kind="rsa2048"))
    [told] = shop.look()
    assert (told["event"], told["key"]) == ("certificate has a key that no cipher of its listener is for", "RSA 2048")
    assert shop.fingerprints(listener) == before
    shop.exchange(container, make("www.example"))
    assert shop.told() == ["secret is good again", "secrets have another content now"]


def test_many_are_looked_at_in_turns_and_none_twice_in_a_minute(shop: Shop) -> None:
    used = [shop.used(PlaceKind.CONTAINER, shop.container(make(f"{n}.example"))) for n in range(AT_ONCE // 2)]
    for _ in range(3):
        shop.serve(*used)
    shop.world.clock.advance(EVERY)
    shop.certificates.reads = 0
    for expected in (AT_ONCE, len(used) * 3, len(used) * 3):
        shop.renewals.sweep()
        assert shop.certificates.reads == expected
    shop.look()
    assert shop.certificates.reads == len(used) * 3 + AT_ONCE


@pytest.mark.parametrize("at_once", [1, 4])
def test_where_nobody_can_be_asked_that_is_told_once_and_nobody_is_asked_on(shop: Shop, at_once: int) -> None:
    context = replace(shop.world.context, certificates=shop.certificates)
    shop.renewals = Renewals(context, at_once=at_once)
    used = [shop.used(PlaceKind.CONTAINER, shop.container(make(f"{n}.example"))) for n in range(AT_ONCE)]
    for _ in range(2):
        shop.serve(*used)
    assert shop.told() == []
    shop.certificates.closed, shop.certificates.reads = True, 0
    assert shop.told() == ["the store of secrets cannot be asked; traffic goes on"]
    assert 1 <= shop.certificates.reads <= AT_ONCE
    assert shop.told() == []
    shop.certificates.closed = False
    assert shop.told() == ["the store of secrets answers again"]
    assert shop.told() == []


def test_a_load_balancer_that_is_being_deleted_is_left_alone(shop: Shop) -> None:
    container = shop.container(make("www.example"))
    listener = shop.serve(shop.used(PlaceKind.CONTAINER, container))
    balancer = shop.world.listeners.get(listener).record.item.load_balancer_id
    shop.world.load_balancers.delete(balancer, cascade=True)
    shop.exchange(container, make("www.example"))
    assert shop.told() == []


@pytest.mark.parametrize(
    ("days", "word"),
    [(20, "good"), (SOON.days, "good"), (SOON.days - 1, "certificate expires soon"), (-1, "certificate has expired")],
)
def test_a_certificate_is_told_of_before_it_expires(shop: Shop, days: int, word: str) -> None:
    made = make("www.example", now=NOW, days=30)
    container = shop.container(made)
    found = shop.certificates.bundle(f"/v1/containers/{container}", PROJECT)
    judged = judge(found, NOW + timedelta(days=30 - days))
    assert judged.word == word
    assert days > SOON.days - 1 or ("subject", "CN=www.example") in judged.details


def test_authorities_and_lists_are_told_of_when_they_are_past() -> None:
    root = make("Root", authority=True, now=NOW, days=30)
    authorities = parse_authorities(SecretBytes(root.pem))
    lists = parse_revocations(SecretBytes(revocations(root, 1, now=NOW)))
    assert [judge(each, NOW).word for each in (authorities, lists)] == ["good", "good"]
    lower = parse_authorities(SecretBytes(make("Lower", root, authority=True).pem))
    assert judge(lower, NOW).word == "no root is among the authorities"
    later = NOW + timedelta(days=300)
    assert [judge(each, later).word for each in (authorities, lists)] == [
        "authority has expired",
        "list of revoked certificates is out of date",
    ]
