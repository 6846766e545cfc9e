"""Reads what people store for TLS, in every form that Octavia takes, and makes one of it (model/certificate.py).

Pure. Errors are UnusableSecret: they say which fault it is and name certificates by their subjects, and nothing more.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from evenload.model.certificate import Authorities, Bundle, Revocations, SecretFault
from evenload.model.errors import UnusableSecret
from evenload.model.secret import SecretBytes
from evenload.secrets import pem
from evenload.secrets.chain import is_issued_by, name_of, order_chain
from evenload.secrets.effort import is_excessive
from evenload.secrets.facts import describe, describe_list, pem_of, require_strength
from evenload.secrets.keys import Key, canonical, fits, is_key, read_key, usable

_MOST_AUTHORITIES = 1000
_MOST_LISTS = 100
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE")
_PKCS7 = ("PKCS7", "CMS")
_WRONG = (ValueError, TypeError, UnsupportedAlgorithm)
T = TypeVar("T")


def parse_single(content: SecretBytes, passphrase: SecretBytes | None = None) -> Bundle:
    """One secret with everything in it: PKCS12, or PEM with certificates and key in any order."""
    raw = content.expose()
    if pem.is_pem(raw):
        return parse_parts(certificate=content, passphrase=passphrase)
    key, certificates = _read_pkcs12(raw, passphrase)
    if key is None:
        raise UnusableSecret(SecretFault.NO_KEY, "The PKCS12 has no private key in it.")
    return _bundle(key, certificates, expected=None)


def parse_parts(
    *,
    certificate: SecretBytes,
    private_key: SecretBytes | None = None,
    intermediates: SecretBytes | None = None,
    passphrase: SecretBytes | None = None,
) -> Bundle:
    """A container of certificates: its parts may be PEM or DER, intermediates PKCS7 as well, and the certificate a
    PKCS12 which the passphrase opens. Where the key is no part it lies beside the certificate."""
    raw, word = certificate.expose(), passphrase.expose() if passphrase is not None else None
    key: Key | None = read_key(private_key.expose(), word) if private_key is not None else None
    if not pem.is_pem(raw) and _single_certificate(raw) is None:
        inner, found = _read_pkcs12(raw, passphrase)
        key = key or inner
    else:
        found = _certificates(raw)
        if key is None and pem.is_pem(raw):
            keys = [block for block in pem.blocks(raw) if is_key(block)]
            key = read_key(raw, word) if keys else None
    if not found:
        raise UnusableSecret(SecretFault.NO_CERTIFICATE, "There is no certificate in it.")
    if key is None:
        raise UnusableSecret(SecretFault.NO_KEY, "There is no private key.")
    above = _intermediates(intermediates.expose()) if intermediates is not None else []
    return _bundle(key, [*found, *above], expected=found[0])


def parse_authorities(content: SecretBytes) -> Authorities:
    """PEM, DER or PKCS7. The order stays, the same one twice becomes one."""
    found = list(dict.fromkeys(_certificates(content.expose())))
    if not found:
        raise UnusableSecret(SecretFault.NO_CERTIFICATE, "There is no certificate in it.")
    if len(found) > _MOST_AUTHORITIES:
        raise UnusableSecret(SecretFault.TOO_MANY, f"There are more than {_MOST_AUTHORITIES} certificates in it.")
    described = {each: describe(each) for each in found}
    return Authorities(
        certificates=tuple(described.values()),
        roots=tuple(facts for each, facts in described.items() if is_issued_by(each, each)),
        content=SecretBytes(pem_of(found)),
    )


def parse_revocations(content: SecretBytes) -> Revocations:
    """Lists in PEM, or one in DER."""
    raw = content.expose()
    fault = UnusableSecret(SecretFault.NO_REVOCATIONS, "There is no list of revoked certificates in it.")
    if pem.is_pem(raw):
        texts = [block.text for block in pem.blocks(raw) if block.label == "X509 CRL"]
        found = [_loaded(x509.load_pem_x509_crl, text, fault) for text in texts]
    else:
        found = [_loaded(x509.load_der_x509_crl, raw, fault)]
    if not found:
        raise fault
    if len(found) > _MOST_LISTS:
        raise UnusableSecret(SecretFault.TOO_MANY, f"There are more than {_MOST_LISTS} lists in it.")
    text = b"".join(each.public_bytes(Encoding.PEM) for each in found)
    return Revocations(lists=tuple(describe_list(each) for each in found), content=SecretBytes(text))


def require_signed(revocations: SecretBytes, authorities: SecretBytes) -> None:
    """Raises UnusableSecret for a list that none of the authorities has signed. Both: the content that was read."""
    signers = _certificates(authorities.expose())
    for block in pem.blocks(revocations.expose()):
        found = x509.load_pem_x509_crl(block.text)
        if not any(found.issuer == each.subject and _has_signed(each, found) for each in signers):
            raise UnusableSecret(
                SecretFault.REVOCATIONS_FOREIGN,
                f"The list of {name_of(found.issuer)} is not signed by one of the authorities.",
            )


def _has_signed(authority: x509.Certificate, revocations: x509.CertificateRevocationList) -> bool:
    try:
        return revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, UnsupportedAlgorithm):  # a key by which nothing is signed
        return False


def _bundle(key: Key, certificates: Sequence[x509.Certificate], *, expected: x509.Certificate | None) -> Bundle:
    """``expected``: the one that was stored as the server's, to be named where the key fits none."""
    try:
        leaf = next((each for each in certificates if fits(key, each)), None)
        if leaf is None:
            named = describe(expected or certificates[0]).subject if certificates else "anybody"
            raise UnusableSecret(
                SecretFault.KEY_FOREIGN, f"The private key does not belong to the certificate of {named}."
            )
        chain, missing = order_chain(leaf, certificates)
        require_strength([leaf, *chain])
        return Bundle(
            leaf=describe(leaf),
            chain=tuple(describe(each) for each in chain),
            missing_issuer=missing,
            content=SecretBytes(pem_of([leaf, *chain]) + canonical(key)),
        )
    except _WRONG:
        raise UnusableSecret(SecretFault.NO_CERTIFICATE, "A certificate in it cannot be read.") from None


def _read_pkcs12(raw: bytes, passphrase: SecretBytes | None) -> tuple[Key | None, list[x509.Certificate]]:
    """Octavia opens one without a passphrase only; of a container the passphrase is tried as well."""
    if is_excessive(raw):
        raise UnusableSecret(SecretFault.KEY_UNREADABLE, "Its passphrase is to be hashed too often.")
    for word in (None, b"", passphrase.expose() if passphrase is not None else None):
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(raw, word)
        except _WRONG:
            continue
        return usable(key) if key is not None else None, [*([certificate] if certificate is not None else []), *others]
    if not _looks_like_pkcs12(raw):
        raise UnusableSecret(SecretFault.NO_CERTIFICATE, "It is neither PEM nor a certificate nor PKCS12.")
    if passphrase is None:
        raise UnusableSecret(
            SecretFault.PASSPHRASE_MISSING, "The PKCS12 cannot be opened without a passphrase, or is damaged."
        )
    raise UnusableSecret(SecretFault.PASSPHRASE_WRONG, "The passphrase does not open the PKCS12, or it is damaged.")


def _looks_like_pkcs12(raw: bytes) -> bool:
    """A sequence that begins with the version 3."""
    return raw[:1] == b"\x30" and b"\x02\x01\x03" in raw[2:10]


def _intermediates(raw: bytes) -> list[x509.Certificate]:
    try:
        found = _certificates(raw)
    except UnusableSecret as error:
        raise UnusableSecret(SecretFault.CHAIN_UNREADABLE, f"The intermediates: {error.detail}") from None
    if not found:
        raise UnusableSecret(SecretFault.CHAIN_UNREADABLE, "The intermediates: There is no certificate in it.")
    return found


def _certificates(raw: bytes) -> list[x509.Certificate]:
    """All of PEM, DER or PKCS7, in their order there; others' blocks are passed over."""
    fault = UnusableSecret(SecretFault.NO_CERTIFICATE, "A certificate in it cannot be read.")
    if pem.is_pem(raw):
        found: list[x509.Certificate] = []
        for block in pem.blocks(raw):
            if block.label in _CERTIFICATES:
                found.append(_loaded(x509.load_pem_x509_certificate, block.text, fault))
            elif block.label in _PKCS7:
                found += _loaded(pkcs7.load_pem_pkcs7_certificates, block.text.replace(b" CMS-", b" PKCS7-"), fault)
        return found
    single = _single_certificate(raw)
    return [single] if single is not None else list(_loaded(pkcs7.load_der_pkcs7_certificates, raw, fault))


def _single_certificate(raw: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(raw)
    except _WRONG:
        return None


def _loaded(load: Callable[[bytes], T], raw: bytes, fault: UnusableSecret) -> T:
    try:
        return load(raw)
    except _WRONG:
        raise fault from None
