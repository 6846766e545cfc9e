"""Certificates as a site has them: a root, an authority under it, servers; of keys that are quick to make."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from evenload.model.secret import SecretBytes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORD = b"correct-horse"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, form: PrivateFormat = PrivateFormat.PKCS8, word: bytes | None = None) -> bytes:
        lock = BestAvailableEncryption(word) if word else NoEncryption()
        return bytes(self.key.private_bytes(Encoding.PEM, form, lock))

    def key_der(self) -> bytes:
        return bytes(self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def pkcs12(self, *chain: "Identity", word: bytes | None = None) -> bytes:
        lock = BestAvailableEncryption(word) if word else NoEncryption()
        above = [each.certificate for each in chain] or None
        return pkcs12.serialize_key_and_certificates(b"server", self.key, self.certificate, above, lock)


def pkcs7_of(*identities: Identity, encoding: Encoding = Encoding.PEM) -> bytes:
    return pkcs7.serialize_certificates([each.certificate for each in identities], encoding)


def make_key(kind: str) -> Any:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case "ec":
            return ec.generate_private_key(ec.SECP256R1())
        case "small ec":
            return ec.generate_private_key(ec.SECP192R1())
        case _:
            return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def make(
    name: str,
    issuer: Identity | None = None,
    *,
    key: Any = None,
    kind: str = "ec",
    names: tuple[str, ...] = (),
    days: int = 365,
    authority: bool = False,
    now: datetime = NOW,
    responder: str | None = None,
) -> Identity:
    """Valid from a day before ``now`` until so many days after it. ``responder``: of OCSP."""
    key = key or make_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        values = [x509.IPAddress(ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(values), critical=False)
    if responder is not None:
        place = x509.UniformResourceIdentifier(responder)
        builder = builder.add_extension(
            x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]),
            critical=False,
        )
    plain = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Identity(builder.sign(signer, None if plain else hashes.SHA256()), key)


def revocations(issuer: Identity, *serials: int, now: datetime = NOW) -> bytes:
    """A list that is good for a week."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(now).next_update(now + timedelta(days=7))
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Site:
    root: Identity
    upper: Identity
    lower: Identity
    server: Identity
    foreign: Identity


@cache
def site() -> Site:
    root = make("Root", authority=True)
    upper = make("Upper", root, authority=True)
    lower = make("Lower", upper, authority=True)
    server = make("www.example.com", lower, names=("www.Example.com", "*.example.org", "192.0.2.1"))
    return Site(root, upper, lower, server, make("Foreign", authority=True))


def secret(content: bytes | None) -> SecretBytes | None:
    return None if content is None else SecretBytes(content)
