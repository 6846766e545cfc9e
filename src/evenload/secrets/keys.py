"""Private keys, with and without a passphrase, as OpenSSL's tools write them.

Nothing here says what a key or a passphrase is: errors name the fault alone, and have no cause that might.
"""

import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509 import Certificate

from evenload.model.certificate import SecretFault
from evenload.model.errors import UnusableSecret
from evenload.secrets import pem
from evenload.secrets.effort import is_excessive

Key = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey


def read_key(content: bytes, passphrase: bytes | None) -> Key:
    """PEM with one key in it, or DER. Raises UnusableSecret."""
    if not pem.is_pem(content):
        return load_key(content, passphrase, der=True)
    found = [block for block in pem.blocks(content) if is_key(block)]
    if not found:
        raise UnusableSecret(SecretFault.NO_KEY, "There is no private key in it.")
    if len(found) > 1:
        raise UnusableSecret(SecretFault.KEY_UNREADABLE, "There is more than one private key in it.")
    return load_key(found[0].text, passphrase)


def is_key(block: pem.Block) -> bool:
    return block.label.endswith("PRIVATE KEY")


def load_key(content: bytes, passphrase: bytes | None, *, der: bool = False) -> Key:
    """One block of PEM, or DER. Raises UnusableSecret. A passphrase that is not needed does no harm."""
    if is_excessive(content if der else _decoded(content)):
        raise UnusableSecret(SecretFault.KEY_UNREADABLE, "Its passphrase is to be hashed too often.")
    load = load_der_private_key if der else load_pem_private_key
    fault, text = SecretFault.KEY_UNREADABLE, "It is no private key that can be read."
    try:
        key = load(content, None)
    except TypeError:  # encrypted
        if not passphrase:
            raise UnusableSecret(
                SecretFault.PASSPHRASE_MISSING, "The private key is encrypted, and there is no passphrase."
            ) from None
        fault, text = SecretFault.PASSPHRASE_WRONG, "The passphrase does not open the private key."
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableSecret(fault, text) from None
    else:
        return usable(key)
    try:
        return usable(load(content, passphrase))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableSecret(fault, text) from None


def usable(key: object) -> Key:
    """Raises UnusableSecret for a kind that no server has."""
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey):
        raise UnusableSecret(
            SecretFault.KEY_UNREADABLE, "The private key is none of RSA, of an elliptic curve, Ed25519 and Ed448."
        )
    return key


def fits(key: Key, certificate: Certificate) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def canonical(key: Key) -> bytes:
    """PKCS8 in PEM, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _decoded(text: bytes) -> bytes:
    """The DER of a block; nothing where it has headers, or is none: no count is in it then."""
    try:
        return binascii.a2b_base64(b"".join(text.split(b"\n")[1:-2]))
    except binascii.Error:
        return b""
