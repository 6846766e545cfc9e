"""Every form in which a certificate is stored becomes the one that HAProxy is given, or a refusal that says why."""

import itertools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.secrets.authority import (
    NOW,
    WORD,
    Identity,
    make,
    pkcs7_of,
    revocations,
    secret,
    site,
)

from evenload.model.certificate import Bundle, SecretFault
from evenload.model.errors import UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.secrets import effort
from evenload.secrets.effort import is_excessive
from evenload.secrets.parsing import parse_authorities, parse_parts, parse_revocations, parse_single

SITE = site()
CHAIN = (SITE.lower, SITE.upper)
PEM = SITE.server.pem + SITE.lower.pem + SITE.upper.pem + SITE.server.key_pem()


def parts(**given: bytes) -> Bundle:
    held: dict[str, Any] = {name: SecretBytes(content) for name, content in given.items()}
    return parse_parts(**held)


def fault_of(**given: bytes) -> UnusableSecret:
    with pytest.raises(UnusableSecret) as caught:
        parts(**given)
    return caught.value


def refusal_of(attempt: Callable[[], object]) -> UnusableSecret | None:
    try:
        attempt()
    except UnusableSecret as error:
        return error
    return None


def openssl_takes(content: bytes, path: Path) -> None:
    file = path / "bundle.pem"
    file.write_bytes(content)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)


def test_a_bundle_is_certificate_chain_and_key_in_that_order(tmp_path: Path) -> None:
    bundle = parse_single(SecretBytes(SITE.server.pkcs12(*CHAIN)))

    assert bundle.content.expose() == PEM
    assert bundle.leaf.subject == "CN=www.example.com"
    assert bundle.leaf.server_names == ("www.example.com", "*.example.org")
    assert bundle.leaf.addresses == ("192.0.2.1",)
    assert [each.common_name for each in bundle.chain] == ["Lower", "Upper"]
    assert bundle.missing_issuer == "CN=Root"
    assert bundle.leaf.not_before <= NOW <= bundle.leaf.not_after
    openssl_takes(bundle.content.expose(), tmp_path)


@pytest.mark.parametrize("order", list(itertools.permutations([SITE.lower, SITE.upper, SITE.server])))
def test_the_order_in_which_a_chain_is_stored_does_not_matter(order: tuple[Identity, ...]) -> None:
    stored = b"".join(each.pem for each in order)
    key = SITE.server.key_pem()

    for pem in (
        stored + key,
        key + stored,
        b"Bag Attributes\n    friendlyName: x\n" + key.replace(b"\n", b"\r\n") + stored,
    ):
        assert parse_single(SecretBytes(pem)).content.expose() == PEM
    assert parts(certificate=SITE.server.pem, private_key=key, intermediates=stored).content.expose() == PEM
    assert parts(certificate=stored, private_key=key).content.expose() == PEM
    assert parse_single(SecretBytes(SITE.server.pkcs12(*order))).content.expose() == PEM


@pytest.mark.parametrize(
    "intermediates",
    [
        SITE.upper.pem + SITE.lower.pem,
        pkcs7_of(*CHAIN),
        pkcs7_of(*CHAIN, encoding=Encoding.DER),
        SITE.lower.pem + SITE.lower.pem + SITE.upper.pem,
    ],
)
def test_intermediates_in_every_encoding(intermediates: bytes) -> None:
    found = parts(certificate=SITE.server.pem, private_key=SITE.server.key_pem(), intermediates=intermediates)
    assert found.content.expose() == PEM


def test_parts_may_be_der_or_a_pkcs12_with_the_container_s_passphrase() -> None:
    forms: list[dict[str, bytes]] = [
        {"certificate": SITE.server.der, "private_key": SITE.server.key_der(), "intermediates": pkcs7_of(*CHAIN)},
        {"certificate": SITE.server.pkcs12(*CHAIN, word=WORD), "passphrase": WORD},
        {"certificate": SITE.server.pkcs12(*CHAIN), "passphrase": WORD},
        {"certificate": SITE.server.pkcs12(word=WORD), "passphrase": WORD, "intermediates": pkcs7_of(*CHAIN)},
    ]
    for form in forms:
        assert parts(**form).content.expose() == PEM


def test_the_root_may_be_part_of_it_and_then_nothing_is_missing() -> None:
    found = parts(
        certificate=SITE.server.pem,
        private_key=SITE.server.key_pem(),
        intermediates=SITE.root.pem + SITE.upper.pem + SITE.lower.pem,
    )
    assert [each.common_name for each in found.chain] == ["Lower", "Upper", "Root"]
    assert found.missing_issuer is None


def test_an_authority_s_other_certificate_is_left_out() -> None:
    crossed = make("Upper", key=SITE.upper.key, authority=True)  # has signed itself
    found = parts(
        certificate=SITE.server.pem,
        private_key=SITE.server.key_pem(),
        intermediates=crossed.pem + SITE.lower.pem + SITE.upper.pem,
    )
    assert found.content.expose() == PEM


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("rsa2048", PrivateFormat.PKCS8),
        ("rsa2048", PrivateFormat.TraditionalOpenSSL),
        ("ec", PrivateFormat.PKCS8),
        ("ec", PrivateFormat.TraditionalOpenSSL),
        ("ed25519", PrivateFormat.PKCS8),
        ("ed448", PrivateFormat.PKCS8),
    ],
)
def test_keys_of_every_kind_and_form_also_encrypted(kind: str, form: PrivateFormat, tmp_path: Path) -> None:
    server = make("kinds", kind=kind)
    plain = parts(certificate=server.pem, private_key=server.key_pem(form))
    assert plain.content.expose() == server.pem + server.key_pem()
    assert plain.missing_issuer is None
    openssl_takes(plain.content.expose(), tmp_path)

    locked = server.key_pem(form, WORD)
    assert parts(certificate=server.pem, private_key=locked, passphrase=WORD) == plain
    missing = fault_of(certificate=server.pem, private_key=locked)
    assert missing.fault is SecretFault.PASSPHRASE_MISSING
    wrong = fault_of(certificate=server.pem, private_key=locked, passphrase=b"another")
    assert wrong.fault is SecretFault.PASSPHRASE_WRONG


def test_parameters_of_a_curve_in_front_of_its_key_do_no_harm() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = parameters + SITE.server.key_pem(PrivateFormat.TraditionalOpenSSL)
    found = parts(certificate=SITE.server.pem, private_key=key, intermediates=pkcs7_of(*CHAIN))
    assert found.content.expose() == PEM


def test_a_chain_that_does_not_belong_is_refused_by_name() -> None:
    pair = {"certificate": SITE.server.pem, "private_key": SITE.server.key_pem()}

    foreign = fault_of(**pair, intermediates=SITE.lower.pem + SITE.foreign.pem)
    assert foreign.fault is SecretFault.CHAIN_FOREIGN
    assert "CN=Foreign" in foreign.detail
    half = fault_of(**pair, intermediates=SITE.upper.pem)
    assert half.fault is SecretFault.CHAIN_FOREIGN
    assert "CN=Upper" in half.detail
    assert "CN=Lower is missing" in half.detail
    assert parts(**pair).missing_issuer == "CN=Lower"


def test_an_issuer_s_name_alone_makes_no_chain() -> None:
    pretender = make("Lower", authority=True)  # the name of the issuer, another key
    found = fault_of(certificate=SITE.server.pem, private_key=SITE.server.key_pem(), intermediates=pretender.pem)
    assert found.fault is SecretFault.CHAIN_FOREIGN


def test_a_key_that_does_not_fit_is_refused() -> None:
    found = fault_of(certificate=SITE.server.pem, private_key=SITE.lower.key_pem())
    assert found.fault is SecretFault.KEY_FOREIGN
    assert "CN=www.example.com" in found.detail
    assert found.about("default_tls_container_ref").field == "default_tls_container_ref"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"certificate": b"hello"}, SecretFault.NO_CERTIFICATE),
        ({"certificate": b""}, SecretFault.NO_CERTIFICATE),
        ({"certificate": SITE.server.pem[:-40]}, SecretFault.NO_CERTIFICATE),
        ({"certificate": SITE.server.pem}, SecretFault.NO_KEY),
        ({"certificate": SITE.server.der}, SecretFault.NO_KEY),
        ({"certificate": SITE.server.pem, "private_key": b"hello"}, SecretFault.KEY_UNREADABLE),
        ({"certificate": SITE.server.pem, "private_key": SITE.server.pem}, SecretFault.NO_KEY),
        (
            {"certificate": SITE.server.pem, "private_key": SITE.server.key_pem() + SITE.lower.key_pem()},
            SecretFault.KEY_UNREADABLE,
        ),
        ({"certificate": SITE.server.key_pem()}, SecretFault.NO_CERTIFICATE),
        ({"certificate": SITE.server.pkcs12(word=WORD)}, SecretFault.PASSPHRASE_MISSING),
        ({"certificate": SITE.server.pkcs12(word=WORD), "passphrase": b"x"}, SecretFault.PASSPHRASE_WRONG),
        (
            {"certificate": SITE.server.pem, "private_key": SITE.server.key_pem(), "intermediates": b"hello"},
            SecretFault.CHAIN_UNREADABLE,
        ),
        (
            {"certificate": SITE.server.pem, "private_key": SITE.server.key_pem(), "intermediates": b"-----BEGIN "},
            SecretFault.CHAIN_UNREADABLE,
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_fault(given: dict[str, bytes], fault: SecretFault) -> None:
    assert fault_of(**given).fault is fault


def _by_sha1() -> Identity:
    """No tool signs like that any more: the certificate says so of a signature that is another."""
    made = make("weak", make("Old", kind="rsa2048", authority=True), kind="rsa2048")
    rsa_with_sha256, rsa_with_sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    return Identity(x509.load_der_x509_certificate(made.der.replace(rsa_with_sha256, rsa_with_sha1)), made.key)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: make("weak", SITE.lower, kind="rsa1024"), "1024 bits"),
        (lambda: make("weak", SITE.lower, kind="small ec"), "192 bits"),
        (_by_sha1, "SHA1"),
    ],
)
def test_what_the_tls_library_would_refuse_is_refused_by_name(
    made: Callable[[], Identity], words: str, tmp_path: Path
) -> None:
    server = made()
    with pytest.raises(ssl.SSLError):
        openssl_takes(server.pem + server.key_pem(), tmp_path)
    found = fault_of(certificate=server.pem, private_key=server.key_pem())
    assert found.fault is SecretFault.WEAK
    assert "CN=weak" in found.detail
    assert words in found.detail


def test_a_kind_of_key_that_no_server_has_is_refused() -> None:
    key = dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert fault_of(certificate=SITE.server.pem, private_key=key).fault is SecretFault.KEY_UNREADABLE


def test_authorities_keep_their_order_and_lose_what_is_double() -> None:
    stored = SITE.foreign.pem + SITE.root.pem + SITE.foreign.pem
    expected = SITE.foreign.pem + SITE.root.pem
    for form in (stored, b"# a comment\r\n" + stored, pkcs7_of(SITE.foreign, SITE.root)):
        found = parse_authorities(SecretBytes(form))
        assert sorted(each.common_name or "" for each in found.certificates) == ["Foreign", "Root"]
    assert parse_authorities(SecretBytes(stored)).content.expose() == expected
    assert parse_authorities(SecretBytes(SITE.root.der)).content.expose() == SITE.root.pem
    with pytest.raises(UnusableSecret) as caught:
        parse_authorities(SecretBytes(revocations(SITE.root)))
    assert caught.value.fault is SecretFault.NO_CERTIFICATE


def test_revocations_say_whose_they_are_and_until_when() -> None:
    stored = revocations(SITE.root, 7, 8) + revocations(SITE.lower)
    found = parse_revocations(SecretBytes(stored))
    assert [(each.issuer, each.revoked) for each in found.lists] == [("CN=Root", 2), ("CN=Lower", 0)]
    assert all(each.next_update is not None for each in found.lists)
    assert found.content.expose() == stored
    for wrong in (b"", b"hello", SITE.root.pem):
        with pytest.raises(UnusableSecret) as caught:
            parse_revocations(SecretBytes(wrong))
        assert caught.value.fault is SecretFault.NO_REVOCATIONS


def test_a_passphrase_that_costs_an_hour_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_excessive(bytes.fromhex("300b040400010203020300ffff"))
    for forged in (
        bytes.fromhex("300c04040001020302047fffffff"),
        bytes.fromhex("3080040400010203" + "02047fffffff0000"),  # BER
        bytes.fromhex("040e300c04040001020302047fffffff"),  # as PKCS12 wraps it
    ):
        assert is_excessive(forged)
        assert not is_excessive(forged[:-3])

    monkeypatch.setattr(effort, "_MOST", 1000)  # fewer than any tool uses
    key, bag = SITE.server.key_pem(word=WORD), SITE.server.pkcs12(word=WORD)
    for refused in (
        fault_of(certificate=SITE.server.pem, private_key=key, passphrase=WORD),
        fault_of(certificate=bag, passphrase=WORD),
    ):
        assert refused.fault is SecretFault.KEY_UNREADABLE
        assert "too often" in refused.detail


VALID = [
    PEM,
    SITE.server.pkcs12(*CHAIN),
    SITE.server.pkcs12(word=WORD),
    SITE.server.der,
    SITE.server.key_der(),
    pkcs7_of(*CHAIN, encoding=Encoding.DER),
    revocations(SITE.root, 7),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(content)


@given(
    st.one_of(st.binary(max_size=300), damaged()), st.one_of(st.none(), damaged()), st.one_of(st.none(), st.just(WORD))
)
def test_whatever_is_stored_is_parsed_or_refused(first: bytes, second: bytes | None, word: bytes | None) -> None:
    stored, other, passphrase = SecretBytes(first), secret(second), secret(word)
    for attempt in (
        lambda: parse_single(stored, passphrase),
        lambda: parse_parts(certificate=stored, private_key=other, passphrase=passphrase),
        lambda: parse_parts(certificate=stored, private_key=SecretBytes(SITE.server.key_pem()), intermediates=other),
        lambda: parse_authorities(stored),
        lambda: parse_revocations(stored),
    ):
        refused = refusal_of(attempt)
        assert refused is None or (refused.__cause__ is None and refused.detail.isprintable())


def test_nothing_that_is_printed_shows_the_key() -> None:
    marks = [line for line in SITE.server.key_pem().decode().splitlines() if "-----" not in line]
    bundle = parse_single(SecretBytes(PEM))
    errors = [
        fault_of(certificate=SITE.server.pem, private_key=SITE.server.key_pem()[:-60]),
        fault_of(certificate=SITE.lower.pem, private_key=SITE.server.key_pem()),
        fault_of(certificate=SITE.server.pem, private_key=SITE.server.key_pem(word=WORD), passphrase=b"x"),
    ]
    for printed in (repr(bundle), f"{bundle}", *(repr(each) + str(each) for each in errors)):
        assert not any(mark in printed for mark in marks)
        assert WORD.decode() not in printed
