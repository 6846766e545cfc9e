"""TLS as a listener speaks it to its clients and a pool to its members: certificates, whom each believes, versions,
ciphers, the protocols within, and HSTS."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from evenload.model.secret import SecretReference


class TlsVersion(Enum):
    """In order. SSLv3 is none of them: the TLS libraries of our time are built without it."""

    TLS_1_0 = "TLSv1"
    TLS_1_1 = "TLSv1.1"
    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


class AlpnProtocol(Enum):
    HTTP_3 = "h3"
    """Over QUIC, by UDP at the listener's port; answers over TCP tell of it."""
    HTTP_2 = "h2"
    HTTP_1_1 = "http/1.1"
    HTTP_1_0 = "http/1.0"


class ClientAuthentication(Enum):
    """Whether clients have to show a certificate."""

    NONE = "NONE"
    """They are asked for none."""
    OPTIONAL = "OPTIONAL"
    """They are asked for one, and served without a good one too: L7 rules and headers tell what they showed."""
    MANDATORY = "MANDATORY"
    """Without a good one there is no connection."""


SUITES_OF_TLS_1_3 = frozenset(
    {
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    }
)
"""RFC 8446, B.4: all there are. TLS libraries keep them apart from the ciphers of earlier versions."""
SUITES_BY_DEFAULT = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
"""OpenSSL's own, where a list names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSecret:
    """What TLS needs of a store: a certificate with its chain and key, authorities, revocations. ``reference``: as the
    caller wrote it; ``id`` and ``fingerprint``: of the secret, as ``SecretReference`` has them. ``subject`` and
    ``not_after``: of a certificate, for people; ``key``: such as ``RSA 2048``; ``names``: those that clients may ask
    for; ``stapling``: whether a server can ask by OCSP whether it is good. None, empty and False where nobody has
    looked yet."""

    reference: str
    id: str
    fingerprint: str
    subject: str | None = None
    not_after: datetime | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    stapling: bool = False

    @property
    def secret(self) -> SecretReference:
        return SecretReference(id=self.id, fingerprint=self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerTls:
    """``certificate``: for clients that ask for no name, or for one that no other has; without one it is the first of
    ``sni``. ``ciphers``: OpenSSL's list, with the suites of TLS 1.3 among them. ``hsts_max_age`` in seconds, None: the
    header is not sent. ``client_authorities`` sign the certificates of clients, ``client_revocations`` take them
    back."""

    certificate: TlsSecret | None = None
    sni: tuple[TlsSecret, ...] = ()
    versions: tuple[TlsVersion, ...] = (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3)
    ciphers: str
    alpn: tuple[AlpnProtocol, ...] = (AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1, AlpnProtocol.HTTP_1_0)
    hsts_max_age: int | None = None
    hsts_include_subdomains: bool = False
    hsts_preload: bool = False
    client_authentication: ClientAuthentication = ClientAuthentication.NONE
    client_authorities: TlsSecret | None = None
    client_revocations: TlsSecret | None = None

    @property
    def speaks_quic(self) -> bool:
        return AlpnProtocol.HTTP_3 in self.alpn

    @property
    def certificates(self) -> tuple[TlsSecret, ...]:
        """The default one first, each content once."""
        default = () if self.certificate is None else (self.certificate,)
        return tuple({each.fingerprint: each for each in (*default, *self.sni)}.values())

    @property
    def secrets(self) -> tuple[TlsSecret, ...]:
        """All that are in force: nobody is judged by authorities where no certificate is asked for."""
        if self.client_authentication is ClientAuthentication.NONE:
            return self.certificates
        return (*self.certificates, *_given(self.client_authorities, self.client_revocations))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTls:
    """``enabled`` False: members are spoken to in clear, and all of this is kept for later. ``certificate``: shown to
    members that ask for one. ``authorities``: members are verified by them, less what
    ``revocations`` take back; without them any certificate will do. ``ciphers`` None: what the TLS library likes.
    ``alpn``: offered to members; without any, HTTP/1.1 is spoken unasked."""

    enabled: bool = True
    certificate: TlsSecret | None = None
    authorities: TlsSecret | None = None
    revocations: TlsSecret | None = None
    ciphers: str | None = None
    versions: tuple[TlsVersion, ...] = (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3)
    alpn: tuple[AlpnProtocol, ...] = ()

    @property
    def secrets(self) -> tuple[TlsSecret, ...]:
        """All that are in force."""
        return _given(self.certificate, self.authorities, self.revocations) if self.enabled else ()


AnyTls = TypeVar("AnyTls", ListenerTls, PoolTls)


def with_content(tls: AnyTls, fresh: Mapping[SecretReference, TlsSecret]) -> AnyTls:
    """``fresh``: what is stored now, by what was used so far. References stay as they were written."""

    def renewed(value: Any) -> Any:
        match value:
            case TlsSecret():
                return replace(fresh.get(value.secret, value), reference=value.reference)
            case tuple():
                return tuple(map(renewed, value))
            case _:
                return value

    return replace(tls, **{field.name: renewed(getattr(tls, field.name)) for field in fields(tls)})


def _given(*secrets: TlsSecret | None) -> tuple[TlsSecret, ...]:
    return tuple(secret for secret in secrets if secret is not None)


@dataclass(frozen=True, slots=True)
class Ciphers:
    """``suites``: of TLS 1.3; ``others``: for the versions before. Both in order, as lists with colons; empty where
    nothing is said of them."""

    suites: str
    others: str


def split_ciphers(ciphers: str | None) -> Ciphers:
    """Octavia has one list for what TLS libraries have in two."""
    parts = [part for part in (ciphers or "").split(":") if part]
    return Ciphers(
        suites=":".join(part for part in parts if part in SUITES_OF_TLS_1_3),
        others=":".join(part for part in parts if part not in SUITES_OF_TLS_1_3),
    )


@dataclass(frozen=True, slots=True)
class VersionRange:
    lowest: TlsVersion
    highest: TlsVersion


_IN_ORDER = tuple(TlsVersion)


def choose_versions(tls: ListenerTls | PoolTls) -> VersionRange | None:
    """Those that can come about: a list of suites of TLS 1.3 alone leaves nothing for the versions before. None where
    none is left, or one between two is: no TLS library can do without that."""
    asked = [version for version in _IN_ORDER if version in tls.versions]
    ciphers = split_ciphers(tls.ciphers)
    if not ciphers.others and ciphers.suites:
        asked = [version for version in asked if version is TlsVersion.TLS_1_3]
    if not asked:
        return None
    first, last = _IN_ORDER.index(asked[0]), _IN_ORDER.index(asked[-1])
    return VersionRange(asked[0], asked[-1]) if last - first + 1 == len(asked) else None
