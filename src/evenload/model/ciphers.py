"""Ciphers of TLS 1.2 and earlier: which key each is for, and whether it protects anybody. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from evenload.model.tls import TlsVersion


class Signer(Enum):
    """By what kind of key a server shows who it is."""

    RSA = "RSA"
    CURVE = "elliptic curve"
    NOBODY = "nobody"
    """It does not: anybody between the two may read and change what they say."""
    OTHER = "other"
    """A secret that both know, or a key that no certificate here has."""
    UNKNOWN = "unknown"
    """Nobody could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cipher:
    """``since``: the first version that has it."""

    name: str
    signer: Signer
    encrypts: bool = True
    since: TlsVersion = TlsVersion.TLS_1_0

    @property
    def protects(self) -> bool:
        return self.encrypts and self.signer is not Signer.NOBODY


def signer_of(key: str) -> Signer | None:
    """``key``: as a certificate's facts have it, such as ``RSA 2048``. None for what no server has."""
    match key.partition(" ")[0]:
        case "RSA":
            return Signer.RSA
        case "EC" | "Ed25519" | "Ed448":
            return Signer.CURVE
        case _:
            return None


def is_for(key: str, ciphers: Iterable[Cipher], highest: TlsVersion) -> bool:
    """Whether one of these can be agreed on, in versions up to ``highest``, with a server that has such a key."""
    signer = signer_of(key)
    if signer is None:
        return True
    versions = list(TlsVersion)
    offered = (each for each in ciphers if versions.index(each.since) <= versions.index(highest))
    return any(cipher.signer in (signer, Signer.UNKNOWN) for cipher in offered)
