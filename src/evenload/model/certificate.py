"""What terminates TLS, in one form: a server's certificate with chain and key, authorities, lists of revocations.

Each has ``content``, the one text that goes to HAProxy as a file, and what people are told of it. Equal content comes
from equal input, in whatever order or encoding it was stored.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from evenload.model.secret import SecretBytes


class SecretFault(enum.Enum):
    """Why something stored cannot be used."""

    UNREADABLE = "unreadable"
    """There is none, it has no content, or the project may not read it: which of these is not told."""
    NO_CERTIFICATE = "no certificate"
    TOO_MANY = "too many certificates"
    NO_KEY = "no private key"
    KEY_UNREADABLE = "private key unreadable"
    PASSPHRASE_MISSING = "passphrase missing"
    PASSPHRASE_WRONG = "passphrase wrong"
    KEY_FOREIGN = "private key does not fit"
    WEAK = "too weak"
    """HAProxy's TLS library would refuse it: a short key, or a signature by a broken digest."""
    CHAIN_FOREIGN = "certificate outside of the chain"
    CHAIN_UNREADABLE = "intermediates unreadable"
    NO_REVOCATIONS = "no list of revoked certificates"
    EXPIRED = "expired"
    NO_ROOT = "no root"
    """By these authorities nobody can be verified: every chain has to end in one that has signed itself."""
    REVOCATIONS_FOREIGN = "list of other authorities"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What one says of itself. ``subject`` and ``issuer``: RFC 4514; ``dns_names`` in lower case, ``*.`` in front of a
    wildcard; ``fingerprint``: SHA-256 of the DER, hexadecimal; ``key``: such as ``RSA 2048``; ``responder``: where its
    authority says by OCSP whether it is still good."""

    subject: str
    issuer: str
    common_name: str | None
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key: str
    responder: str | None = None

    @property
    def server_names(self) -> tuple[str, ...]:
        """The names that a client may ask for by SNI: the common name counts only where there is no other."""
        if self.dns_names or self.addresses or self.common_name is None:
            return self.dns_names
        return (self.common_name.lower(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """``content``: PEM, the server's certificate, the ``chain`` in order, the private key without a passphrase (PKCS8).

    ``missing_issuer``: the name of whoever issued the chain's last certificate, where that is not in it. That is an
    authority which clients have themselves, or a chain that is only half there: nobody can tell from here.
    """

    leaf: Certificate
    chain: tuple[Certificate, ...]
    missing_issuer: str | None
    content: SecretBytes

    @property
    def stapling(self) -> bool:
        """Whether a server can ask for the answer of OCSP that it shows with it: for that it needs the issuer."""
        return self.leaf.responder is not None and bool(self.chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Certificates by which others are verified, in the order of the content (PEM). ``roots``: those among them that
    have signed themselves."""

    certificates: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    content: SecretBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """``issuer``: RFC 4514. ``next_update``: when a newer one is due; HAProxy takes an older one for unusable then."""

    issuer: str
    next_update: datetime | None
    revoked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    lists: tuple[RevocationList, ...]
    content: SecretBytes
