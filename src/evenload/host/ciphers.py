"""Lists of ciphers as OpenSSL takes them, asked without a process: this host's library, which HAProxy has too."""

import ssl
from collections.abc import Mapping
from typing import Any

from evenload.model.ciphers import Cipher, Signer
from evenload.model.tls import TlsVersion

_SIGNERS = {"auth-rsa": Signer.RSA, "auth-ecdsa": Signer.CURVE, "auth-null": Signer.NOBODY}
_NULL = "NULL"
_SHARED = frozenset({"PSK", "SRP"})
"""In names: both have to know a secret that nobody gives a load balancer, whatever key it has."""


def expand_ciphers(ciphers: str) -> frozenset[Cipher] | None:
    """All that a list for TLS 1.2 and earlier amounts to; None where it amounts to none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return None
    # Suites of TLS 1.3 are always there, and no list of this kind says anything of them.
    return frozenset(_cipher(each) for each in context.get_ciphers() if each["protocol"] != TlsVersion.TLS_1_3.value)


def _cipher(found: Mapping[str, Any]) -> Cipher:
    return Cipher(
        name=found["name"],
        signer=Signer.OTHER if _SHARED & {*found["name"].split("-")} else _SIGNERS.get(found["auth"], Signer.OTHER),
        encrypts=_NULL not in found["name"].split("-"),
        since=TlsVersion.TLS_1_2 if found["protocol"] == TlsVersion.TLS_1_2.value else TlsVersion.TLS_1_0,
    )
