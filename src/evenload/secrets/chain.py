"""Puts certificates in the order in which a server shows them: each is followed by its issuer."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, Name

from evenload.model.certificate import SecretFault
from evenload.model.errors import UnusableSecret

LONGEST = 32
"""Certificates of one server; a chain has two to four."""
LONGEST_NAME = 255


def order_chain(leaf: Certificate, others: Sequence[Certificate]) -> tuple[list[Certificate], str | None]:
    """Those above the leaf, in order, and the name of the last one's issuer where that is not there.

    Raises UnusableSecret for one that does not belong to it; another certificate of an authority that is in it does
    no harm and is left out. ``others`` may hold the leaf, and the same twice.
    """
    if len(others) > LONGEST:
        raise UnusableSecret(
            SecretFault.TOO_MANY, f"There are {len(others)} certificates beside the server's, {LONGEST} may be."
        )
    pool = [each for each in dict.fromkeys(others) if each != leaf]
    chain: list[Certificate] = []
    current = leaf
    while not is_issued_by(current, current):
        issuers = [each for each in pool if is_issued_by(current, each)]
        if not issuers:
            break
        # Of an authority that another has signed, and which has signed itself, the longer way comes first.
        current = next((each for each in issuers if each.subject != each.issuer), issuers[0])
        pool.remove(current)
        chain.append(current)
    there = {_identity(each) for each in (leaf, *chain)}
    strange = next((each for each in pool if _identity(each) not in there), None)
    last = chain[-1] if chain else leaf
    missing = None if is_issued_by(last, last) else name_of(last.issuer)
    if strange is not None:
        where = f"the chain of {name_of(leaf.subject)}"
        lacking = f", in which the certificate of {missing} is missing" if missing is not None else ""
        raise UnusableSecret(
            SecretFault.CHAIN_FOREIGN, f"The certificate of {name_of(strange.subject)} is not part of {where}{lacking}."
        )
    return chain, missing


def is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    except UnsupportedAlgorithm:  # signed in a way that only the TLS library may know
        return True
    return True


def name_of(name: Name) -> str:
    """RFC 4514, without what a terminal or a log would stumble over."""
    text = "".join(each if each.isprintable() else "?" for each in name.rfc4514_string())
    return text[:LONGEST_NAME] or "(no name)"


def _identity(certificate: Certificate) -> tuple[bytes, bytes]:
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.subject.public_bytes(), key
