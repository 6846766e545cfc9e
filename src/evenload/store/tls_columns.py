"""What lists are filtered and sorted by of TLS, which is one document else. Pure."""

from typing import Any

from evenload.model.balancer import Item, Listener, Pool
from evenload.model.tls import ClientAuthentication, ListenerTls, PoolTls, TlsSecret


def tls_columns(item: Item) -> dict[str, Any]:
    """By the names of the columns."""
    match item:
        case Listener():
            return _of_listener(item.tls)
        case Pool():
            return _of_pool(item.tls)
        case _:
            return {}


def _of_listener(tls: ListenerTls | None) -> dict[str, Any]:
    return {
        "tls_certificate": _reference(tls, "certificate"),
        "tls_ciphers": tls and tls.ciphers,
        "tls_hsts_max_age": tls and tls.hsts_max_age,
        "tls_hsts_include_subdomains": tls is not None and tls.hsts_include_subdomains,
        "tls_hsts_preload": tls is not None and tls.hsts_preload,
        "tls_client_authentication": (tls.client_authentication if tls else ClientAuthentication.NONE).value,
        "tls_client_authorities": _reference(tls, "client_authorities"),
        "tls_client_revocations": _reference(tls, "client_revocations"),
    }


def _of_pool(tls: PoolTls | None) -> dict[str, Any]:
    return {
        "tls_enabled": tls is not None and tls.enabled,
        "tls_certificate": _reference(tls, "certificate"),
        "tls_authorities": _reference(tls, "authorities"),
        "tls_revocations": _reference(tls, "revocations"),
        "tls_ciphers": tls and tls.ciphers,
    }


def _reference(tls: ListenerTls | PoolTls | None, name: str) -> str | None:
    secret: TlsSecret | None = getattr(tls, name, None)
    return None if secret is None else secret.reference
