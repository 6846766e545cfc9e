"""TLS of listeners and pools in as few words as possible. Certificates are made up where none is given."""

import hashlib
from typing import Any

from evenload.model.tls import ListenerTls, TlsSecret

CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"


def a_certificate(name: str = "web", content: bytes | None = None, **facts: Any) -> TlsSecret:
    """Without ``content`` there is none that has its fingerprint."""
    return TlsSecret(
        reference=f"https://secrets.example/v1/containers/{name}",
        id=f"bundle/project/containers/{name.replace('*', 'wildcard')}",
        fingerprint=hashlib.sha256(name.encode() if content is None else content).hexdigest(),
        **facts,
    )


def some_authorities(content: bytes = b"authorities") -> TlsSecret:
    return _a_secret("authorities", content)


def some_revocations(content: bytes = b"revocations") -> TlsSecret:
    return _a_secret("revocations", content)


def _a_secret(use: str, content: bytes) -> TlsSecret:
    name = f"{use}-{len(content)}"
    return TlsSecret(
        reference=f"https://secrets.example/v1/secrets/{name}",
        id=f"{use}/project/secrets/{name}",
        fingerprint=hashlib.sha256(content).hexdigest(),
    )


def a_tls(**fields: Any) -> ListenerTls:
    return ListenerTls(**{"certificate": a_certificate(), "ciphers": CIPHERS, **fields})
