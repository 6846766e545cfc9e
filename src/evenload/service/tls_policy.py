"""What a deployment says of TLS: what a caller gets who names nothing, and what nobody gets.

Named after Octavia's settings; whoever changes them leaves what is there as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenload.model.ciphers import Cipher, Signer, is_for, level_of, reaches
from evenload.model.errors import Invalid
from evenload.model.tls import (
    SUITES_BY_DEFAULT,
    AlpnProtocol,
    ListenerTls,
    PoolTls,
    TlsSecret,
    TlsVersion,
    choose_versions,
    split_ciphers,
)

CIPHERS = ":".join(
    (
        *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
        *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        *("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
        *("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"),
    )
)
"""OWASP's "cipher suite B", as Octavia has it."""

ExpandCiphers = Callable[[str], frozenset[Cipher] | None]
"""The ciphers that a list for TLS 1.2 and earlier amounts to; None: no cipher at all."""

_IN_ORDER = tuple(TlsVersion)


def expand_by_words(ciphers: str) -> frozenset[Cipher] | None:
    """Where no TLS library can be asked: a list is its words, and each says by its name which key it is for."""
    signers = (("ECDSA", Signer.CURVE), ("RSA", Signer.RSA))
    return frozenset(
        Cipher(name=word, signer=next((signer for name, signer in signers if name in word), Signer.UNKNOWN))
        for word in ciphers.split(":")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsDefaults:
    """What a caller gets who names nothing."""

    ciphers: str = CIPHERS
    versions: tuple[TlsVersion, ...] = (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3)
    alpn: tuple[AlpnProtocol, ...] = (AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1, AlpnProtocol.HTTP_1_0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPolicy:
    """``minimum``: the lowest version that may be asked for; ``prohibited``: ciphers that may not. ``http_3``: the
    hosts' HAProxy can speak it."""

    listeners: TlsDefaults = TlsDefaults()
    pools: TlsDefaults = TlsDefaults()
    minimum: TlsVersion | None = None
    prohibited: frozenset[str] = frozenset()
    expand: ExpandCiphers = expand_by_words
    http_3: bool = False

    def require_ciphers(self, ciphers: str) -> None:
        """Raises Invalid for a list without any cipher, and where one of its ciphers is prohibited: also by a word that
        stands for several."""
        split = split_ciphers(ciphers)
        found: frozenset[Cipher] | None = frozenset()
        if split.others:
            found = self.expand(split.others)
        if found is None:
            raise Invalid("The list of ciphers holds none that is known.", field="ciphers")
        bare = sorted(cipher.name for cipher in found if not cipher.protects)
        if bare:
            raise Invalid(
                "These ciphers do not show who the server is, or do not encrypt: "
                f"{', '.join(bare)}. With !aNULL:!eNULL in the list they are left out of words such as HIGH.",
                field="ciphers",
            )
        rejected = sorted(self.prohibited & {*(cipher.name for cipher in found), *split.suites.split(":")})
        if rejected:
            raise Invalid(
                f"These ciphers have been prohibited by an administrator: {', '.join(rejected)}", field="ciphers"
            )

    def require_suites(self, chosen: Mapping[str, Any], there: ListenerTls | PoolTls | TlsDefaults) -> None:
        """Raises Invalid where ciphers or versions are chosen that leave TLS 1.3 to the suites of the TLS library, and
        one of these is prohibited. ``there``: what holds where nothing is chosen."""
        if chosen.keys().isdisjoint(("ciphers", "versions")):
            return
        ciphers, versions = (chosen.get(name, getattr(there, name)) for name in ("ciphers", "versions"))
        rejected = sorted(self.prohibited & SUITES_BY_DEFAULT)
        if rejected and TlsVersion.TLS_1_3 in versions and not split_ciphers(ciphers or "").suites:
            raise Invalid(
                "Without a suite of TLS 1.3 in the list all that are usual hold, of which an administrator has "
                f"prohibited {', '.join(rejected)}: name those that are wanted, or leave TLSv1.3 out.",
                field="ciphers",
            )

    def require_fitting(self, tls: ListenerTls) -> None:
        """Raises Invalid where no client could shake hands with one of the certificates."""
        for secret in tls.certificates:
            fault = self.fault_of(tls, secret)
            if fault is not None:
                raise Invalid(f"{fault}: every handshake would fail.", field="ciphers")

    def fault_of(self, tls: ListenerTls, certificate: TlsSecret) -> str | None:
        """Why no client could shake hands with that certificate, by its key; None where clients can. TLS 1.3 has its
        suites for every key."""
        versions = choose_versions(tls)
        if certificate.key is None or versions is None:
            return None
        owner = f"that of {certificate.subject or certificate.reference} ({certificate.key})"
        level = level_of(tls.ciphers)
        if level is not None and not reaches(certificate.key, level):
            return f"@SECLEVEL={level} asks for a longer key than {owner}"
        ciphers = split_ciphers(tls.ciphers).others
        if versions.highest is TlsVersion.TLS_1_3 or is_for(
            certificate.key, self.expand(ciphers) or (), versions.highest
        ):
            return None
        return f"No cipher of the list is for a key such as {owner} in these TLS versions"

    def require_protocols(self, alpn: Sequence[AlpnProtocol]) -> None:
        if AlpnProtocol.HTTP_3 in alpn and not self.http_3:
            raise Invalid(
                "h3 cannot be had in this deployment: it needs a HAProxy with QUIC on the hosts, such as Debian 13's,"
                " and [haproxy] http_3 = true.",
                field="alpn",
            )

    def require_versions(self, versions: Sequence[TlsVersion]) -> None:
        if self.minimum is None:
            return
        lowest = _IN_ORDER.index(self.minimum)
        rejected = [version.value for version in versions if _IN_ORDER.index(version) < lowest]
        if rejected:
            raise Invalid(
                f"Requested TLS versions are less than the minimum: {', '.join(rejected)} < {self.minimum.value}",
                field="versions",
            )
