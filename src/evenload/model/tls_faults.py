"""What is wrong with the TLS of a listener or a pool, whatever its certificates hold. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evenload.model.enums import ListenerProtocol
from evenload.model.errors import Invalid, Rejected, Unsupported
from evenload.model.tls import (
    AlpnProtocol,
    ClientAuthentication,
    ListenerTls,
    PoolTls,
    TlsVersion,
    choose_versions,
    split_ciphers,
)

CIPHERS = re.compile(r"[A-Za-z0-9+!:@=_.-]{1,2048}")
"""Octavia's characters of a list of ciphers; none of them means anything to HAProxy."""

ONLY_TERMINATED = "Only allowed on listeners of the protocol TERMINATED_HTTPS."


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFault:
    """``field``: the model's."""

    detail: str
    field: str
    error: type[Rejected] = Invalid


def find_tls_faults(protocol: ListenerProtocol, tls: ListenerTls | None) -> tuple[TlsFault, ...]:
    return tuple(_faults(protocol, tls))


def _faults(protocol: ListenerProtocol, tls: ListenerTls | None) -> Iterator[TlsFault]:
    if tls is None:
        if protocol.needs_certificate:
            yield _without_certificate(protocol)
        return
    if not protocol.terminates_tls:
        yield TlsFault(detail=f"A {protocol.value} listener does not terminate TLS.", field="protocol")
        return
    if not tls.certificates:
        yield _without_certificate(protocol)
    if not tls.alpn:
        yield TlsFault(detail="ALPN protocols are at least one, each of them once.", field="alpn")
    yield from _common(tls, tls.ciphers)
    yield from _of_clients(tls)
    if tls.speaks_quic and len(tls.alpn) == 1:
        yield TlsFault(detail="h3 needs h2 or http/1.1 beside it: by these clients learn of it.", field="alpn")
    if tls.speaks_quic and TlsVersion.TLS_1_3 not in tls.versions:
        yield TlsFault(detail="h3 needs TLSv1.3.", field="alpn")
    if protocol is ListenerProtocol.PROMETHEUS:
        yield from _of_numbers(tls)
    if tls.hsts_max_age is not None and tls.hsts_max_age < 0:
        yield TlsFault(detail="The maximum age of HSTS cannot be negative.", field="hsts_max_age")


def find_pool_tls_faults(tls: PoolTls | None) -> tuple[TlsFault, ...]:
    return () if tls is None else tuple(_pool_faults(tls))


def _pool_faults(tls: PoolTls) -> Iterator[TlsFault]:
    yield from _common(tls, tls.ciphers)
    if AlpnProtocol.HTTP_3 in tls.alpn:
        yield TlsFault(detail="HAProxy speaks no h3 to members.", field="alpn", error=Unsupported)
    if tls.revocations is not None and tls.authorities is None:
        yield TlsFault(
            detail="A list of revoked certificates needs the authorities that sign it (ca_tls_container_ref).",
            field="revocations",
        )


def _common(tls: ListenerTls | PoolTls, ciphers: str | None) -> Iterator[TlsFault]:
    if ciphers is not None and (not CIPHERS.fullmatch(ciphers) or not ciphers.strip(":")):
        yield TlsFault(detail="The list of ciphers holds something that is no cipher.", field="ciphers")
    if len(set(tls.alpn)) != len(tls.alpn):
        yield TlsFault(detail="ALPN protocols are at least one, each of them once.", field="alpn")
    if len(set(tls.versions)) != len(tls.versions):
        yield TlsFault(detail="Each TLS version can be named once.", field="versions")
    elif choose_versions(tls) is None:
        yield _of_versions(tls)


def _of_clients(tls: ListenerTls) -> Iterator[TlsFault]:
    if tls.client_authorities is not None:
        return
    if tls.client_authentication is not ClientAuthentication.NONE:
        yield TlsFault(
            detail="Certificates of clients need the authorities that sign them (client_ca_tls_container_ref).",
            field="client_authentication",
        )
    if tls.client_revocations is not None:
        yield TlsFault(
            detail="A list of revoked certificates needs the authorities that sign it (client_ca_tls_container_ref).",
            field="client_revocations",
        )


def _of_numbers(tls: ListenerTls) -> Iterator[TlsFault]:
    """No browser reads them."""
    if tls.speaks_quic:
        yield TlsFault(detail="h3 is for TERMINATED_HTTPS listeners alone.", field="alpn")
    if tls.hsts_max_age is not None:
        yield TlsFault(detail=ONLY_TERMINATED, field="hsts_max_age")


def _without_certificate(protocol: ListenerProtocol) -> TlsFault:
    purpose = "" if protocol.needs_certificate else " where it judges those of clients"
    return TlsFault(detail=f"A {protocol.value} listener needs a certificate{purpose}.", field="certificate")


def _of_versions(tls: ListenerTls | PoolTls) -> TlsFault:
    if not tls.versions:
        return TlsFault(detail="At least one TLS version is needed.", field="versions")
    if tls.ciphers is not None and not split_ciphers(tls.ciphers).others:
        return TlsFault(detail="No cipher of the list is for any of the TLS versions.", field="ciphers")
    return TlsFault(
        detail="TLS versions without one that lies between them cannot be had: HAProxy offers a range.",
        field="versions",
        error=Unsupported,
    )
