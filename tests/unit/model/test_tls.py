"""What a listener may say of TLS, and what comes of it."""

from typing import Any

import pytest
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations

from evenload.model.enums import ListenerProtocol
from evenload.model.errors import Invalid, Unsupported
from evenload.model.tls import (
    AlpnProtocol,
    Ciphers,
    ClientAuthentication,
    ListenerTls,
    PoolTls,
    TlsVersion,
    VersionRange,
    choose_versions,
    split_ciphers,
)
from evenload.model.tls_faults import find_pool_tls_faults, find_tls_faults

V = TlsVersion
TERMINATED = ListenerProtocol.TERMINATED_HTTPS
OLD_CIPHERS = "ECDHE-RSA-AES128-GCM-SHA256"
OPTIONAL, MANDATORY = ClientAuthentication.OPTIONAL, ClientAuthentication.MANDATORY


def test_the_default_certificate_comes_first_and_each_content_once() -> None:
    web, other = a_certificate("web"), a_certificate("other")
    assert a_tls(certificate=web, sni=(other, web)).certificates == (web, other)
    assert a_tls(certificate=None, sni=(other, web, other)).certificates == (other, web)


def test_suites_of_tls_1_3_are_told_from_ciphers_in_order() -> None:
    mixed = "TLS_AES_256_GCM_SHA384:!aNULL:TLS_CHACHA20_POLY1305_SHA256:@STRENGTH::HIGH"
    assert split_ciphers(mixed) == Ciphers(
        suites="TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", others="!aNULL:@STRENGTH:HIGH"
    )
    # By its name alone it could be one; OpenSSL takes it among the others, or passes over it.
    assert split_ciphers("TLS_RSA_WITH_AES_128_GCM_SHA256").suites == ""


@pytest.mark.parametrize(
    ("versions", "ciphers", "expected"),
    [
        ((V.TLS_1_3, V.TLS_1_2), OLD_CIPHERS, (V.TLS_1_2, V.TLS_1_3)),
        ((V.TLS_1_0,), OLD_CIPHERS, (V.TLS_1_0, V.TLS_1_0)),
        (tuple(V), OLD_CIPHERS, (V.TLS_1_0, V.TLS_1_3)),
        ((V.TLS_1_2, V.TLS_1_3), "TLS_AES_128_GCM_SHA256", (V.TLS_1_3, V.TLS_1_3)),
        ((V.TLS_1_2,), "TLS_AES_128_GCM_SHA256", None),
        ((V.TLS_1_1, V.TLS_1_3), OLD_CIPHERS, None),
        ((), OLD_CIPHERS, None),
    ],
)
def test_versions(versions: tuple[V, ...], ciphers: str, expected: tuple[V, V] | None) -> None:
    found = choose_versions(a_tls(versions=versions, ciphers=ciphers))
    assert found == (None if expected is None else VersionRange(*expected))


@pytest.mark.parametrize(
    ("fields", "wrong", "error"),
    [
        ({"certificate": None}, "certificate", Invalid),
        ({"ciphers": ""}, "ciphers", Invalid),
        ({"ciphers": "::"}, "ciphers", Invalid),
        ({"ciphers": "HIGH LOW"}, "ciphers", Invalid),
        ({"ciphers": "HIGH\n"}, "ciphers", Invalid),
        ({"ciphers": "HIGH'"}, "ciphers", Invalid),
        ({"ciphers": "$HOME"}, "ciphers", Invalid),
        ({"ciphers": "H" * 2049}, "ciphers", Invalid),
        ({"ciphers": "TLS_AES_128_GCM_SHA256", "versions": (V.TLS_1_2,)}, "ciphers", Invalid),
        ({"versions": ()}, "versions", Invalid),
        ({"versions": (V.TLS_1_2, V.TLS_1_2)}, "versions", Invalid),
        ({"versions": (V.TLS_1_1, V.TLS_1_3)}, "versions", Unsupported),
        ({"alpn": ()}, "alpn", Invalid),
        ({"alpn": (AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_2)}, "alpn", Invalid),
        ({"hsts_max_age": -1}, "hsts_max_age", Invalid),
        ({"client_authentication": OPTIONAL}, "client_authentication", Invalid),
        ({"client_authentication": MANDATORY}, "client_authentication", Invalid),
        ({"client_revocations": some_revocations()}, "client_revocations", Invalid),
    ],
)
def test_what_cannot_be_is_told_by_field(fields: dict[str, Any], wrong: str, error: type[Exception]) -> None:
    [fault] = find_tls_faults(TERMINATED, a_tls(**fields))
    assert (fault.field, fault.error) == (wrong, error)


@pytest.mark.parametrize(
    "tls",
    [
        a_tls(),
        a_tls(certificate=None, sni=(a_certificate("other"),)),
        a_tls(hsts_max_age=0, hsts_preload=True, hsts_include_subdomains=True),
        a_tls(hsts_preload=True, hsts_include_subdomains=True),
        a_tls(ciphers="ALL:!aNULL:+RC4:-LOW:@STRENGTH:@SECLEVEL=1:kEECDH"),
        a_tls(client_authorities=some_authorities(), client_revocations=some_revocations()),
        a_tls(client_authentication=MANDATORY, client_authorities=some_authorities()),
    ],
)
def test_what_can_be_has_no_fault(tls: ListenerTls) -> None:
    assert find_tls_faults(TERMINATED, tls) == ()


def test_tls_goes_with_its_protocol_and_with_no_other() -> None:
    assert [fault.field for fault in find_tls_faults(TERMINATED, None)] == ["certificate"]
    for protocol in set(ListenerProtocol) - {TERMINATED}:
        assert find_tls_faults(protocol, None) == ()
    for protocol in set(ListenerProtocol) - {TERMINATED, ListenerProtocol.PROMETHEUS}:
        assert [fault.field for fault in find_tls_faults(protocol, a_tls())] == ["protocol"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, None),
        ({"client_authentication": MANDATORY, "client_authorities": some_authorities()}, None),
        ({"certificate": None, "client_authorities": some_authorities()}, "certificate"),
        ({"hsts_max_age": 0}, "hsts_max_age"),
        ({"alpn": (AlpnProtocol.HTTP_3, AlpnProtocol.HTTP_2)}, "alpn"),
        ({"versions": ()}, "versions"),
    ],
)
def test_numbers_may_be_shown_in_tls(fields: dict[str, Any], wrong: str | None) -> None:
    found = [fault.field for fault in find_tls_faults(ListenerProtocol.PROMETHEUS, a_tls(**fields))]
    assert found == ([] if wrong is None else [wrong])


def test_authorities_are_in_force_where_clients_are_asked_for_certificates() -> None:
    web, root, revoked = a_certificate("web"), some_authorities(), some_revocations()
    given = {"certificate": web, "client_authorities": root, "client_revocations": revoked}
    assert a_tls(**given).secrets == (web,)
    assert a_tls(**given, client_authentication=OPTIONAL).secrets == (web, root, revoked)


def test_what_a_pool_needs_is_what_it_names() -> None:
    client, root, revoked = a_certificate("client"), some_authorities(), some_revocations()
    assert PoolTls().secrets == ()
    assert PoolTls(certificate=client, authorities=root, revocations=revoked).secrets == (client, root, revoked)


@pytest.mark.parametrize(
    ("fields", "wrong", "error"),
    [
        ({"revocations": some_revocations()}, "revocations", Invalid),
        ({"ciphers": ""}, "ciphers", Invalid),
        ({"ciphers": "HIGH LOW"}, "ciphers", Invalid),
        ({"ciphers": "TLS_AES_128_GCM_SHA256", "versions": (V.TLS_1_2,)}, "ciphers", Invalid),
        ({"versions": ()}, "versions", Invalid),
        ({"versions": (V.TLS_1_1, V.TLS_1_3)}, "versions", Unsupported),
        ({"alpn": (AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_2)}, "alpn", Invalid),
    ],
)
def test_what_cannot_be_of_a_pool_is_told_by_field(fields: dict[str, Any], wrong: str, error: type[Exception]) -> None:
    [fault] = find_pool_tls_faults(PoolTls(**fields))
    assert (fault.field, fault.error) == (wrong, error)


@pytest.mark.parametrize(
    "tls",
    [
        None,
        PoolTls(),
        PoolTls(versions=(V.TLS_1_2,)),
        PoolTls(authorities=some_authorities(), revocations=some_revocations(), ciphers=OLD_CIPHERS),
    ],
)
def test_what_can_be_of_a_pool_has_no_fault(tls: PoolTls | None) -> None:
    assert find_pool_tls_faults(tls) == ()
