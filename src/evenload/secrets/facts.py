"""What a certificate says of itself, and whether a TLS library of today takes it."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from evenload.model.certificate import Certificate, RevocationList, SecretFault
from evenload.model.errors import UnusableSecret
from evenload.secrets.chain import is_issued_by, name_of

_SHORTEST_RSA = 2048
_SMALLEST_CURVE = 224
_BROKEN = ("md5", "sha1")


def describe(certificate: x509.Certificate) -> Certificate:
    """Raises UnusableSecret where its inside cannot be read."""
    try:
        dns, addresses = _alternative_names(certificate)
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certificate(
            subject=name_of(certificate.subject),
            issuer=name_of(certificate.issuer),
            common_name=_text(common[-1].value) if common else None,
            dns_names=dns,
            addresses=addresses,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            key=_key(certificate),
            responder=_responder(certificate),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise UnusableSecret(SecretFault.NO_CERTIFICATE, "A certificate in it cannot be read.") from None


def describe_list(found: x509.CertificateRevocationList) -> RevocationList:
    try:
        return RevocationList(
            issuer=name_of(found.issuer),
            next_update=found.next_update_utc,
            revoked=len(found),
        )
    except (ValueError, TypeError):
        raise UnusableSecret(SecretFault.NO_REVOCATIONS, "A list of revoked certificates cannot be read.") from None


def require_strength(certificates: Iterable[x509.Certificate]) -> None:
    """Of those that a server shows. Raises UnusableSecret for what OpenSSL refuses at its usual security level: HAProxy
    would not start with it."""
    for each in certificates:
        weakness = _weakness(each)
        if weakness is not None:
            raise UnusableSecret(SecretFault.WEAK, f"The certificate of {name_of(each.subject)} {weakness}.")


def _weakness(certificate: x509.Certificate) -> str | None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        return f"has an RSA key of {key.key_size} bits, {_SHORTEST_RSA} are needed"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _SMALLEST_CURVE:
        return f"has a key of {key.key_size} bits, {_SMALLEST_CURVE} are needed"
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    if digest is not None and digest.name in _BROKEN and not is_issued_by(certificate, certificate):
        return f"is signed by means of {digest.name.upper()}, which is broken"
    return None


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    dns = (_text(name).lower() for name in names.get_values_for_type(x509.DNSName))
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(addresses))


def _responder(certificate: x509.Certificate) -> str | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    places = (each.access_location for each in found if each.access_method == AuthorityInformationAccessOID.OCSP)
    return next((_text(each.value) for each in places if isinstance(each, x509.UniformResourceIdentifier)), None)


def _key(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case key:
            return type(key).__name__.removesuffix("PublicKey")


def _text(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "?" for each in text)


def pem_of(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
