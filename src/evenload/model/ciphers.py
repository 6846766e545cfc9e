"""Ciphers of TLS 1.2 and earlier: which key each is for, and whether it protects anybody. Pure."""

import re
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


_LEVEL = re.compile(r"@SECLEVEL=([0-5])")
_NEEDED = (0, 80, 112, 128, 192, 256)
"""Bits of security that OpenSSL asks of a key, by the level."""
_RSA = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
_BITS = re.compile(r"[0-9]{2,}")


def level_of(ciphers: str) -> int | None:
    """OpenSSL's security level that a list names, the last one where it names several; None where it names none."""
    named = _LEVEL.findall(ciphers)
    return int(named[-1]) if named else None


def reaches(key: str, level: int) -> bool:
    """Whether OpenSSL takes a certificate with such a key at that level, whatever the version of TLS."""
    kind, _, size = key.partition(" ")
    bits = _BITS.search(size)
    match kind:
        case "RSA" if bits is not None:
            strength = next((strength for least, strength in _RSA if int(bits[0]) >= least), 0)
        case "EC" if bits is not None:
            strength = int(bits[0]) // 2
        case "Ed25519":
            strength = 128
        case "Ed448":
            strength = 224
        case _:
            return True
    return strength >= _NEEDED[level]
