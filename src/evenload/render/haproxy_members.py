"""TLS to members: the words of a server, and the name that a member is asked for. Pure.

A member is asked for the host that the request is for, and where authorities are given its certificate has to be of
that name: HAProxy compares the two whenever it verifies and has asked for a name. Requests for no name (an address, no
host at all), connections that are no HTTP, and checks without a domain name ask for none, and then any certificate of
the authorities will do.
"""

from evenload.model.named_file import DIRECTORY
from evenload.model.tls import PoolTls, TlsSecret, TlsVersion, choose_versions, split_ciphers
from evenload.render import quoting
from evenload.render.haproxy_tls import VERSIONS, strong_enough

_NAME = "txn.member_name"


def render_member_tls(tls: PoolTls | None, directory: str, *, http: bool) -> list[str]:
    """``directory``: where the load balancer's files lie. ``http``: requests are read, so that they have a host."""
    if tls is None:
        return []
    versions = choose_versions(tls)
    if versions is None:
        raise quoting.UnsafeText("list of TLS versions")
    words = ["ssl", *_verification(tls, directory)]
    if tls.certificate is not None:
        words += ["crt", _file(tls.certificate, directory)]
    words += ["ssl-min-ver", VERSIONS[versions.lowest], "ssl-max-ver", VERSIONS[versions.highest]]
    words += _ciphers(tls, versions.lowest)
    if tls.alpn:
        words += ["alpn", ",".join(protocol.value for protocol in tls.alpn)]
    return [*words, "sni", f"var({_NAME})"] if http else words


def render_member_name() -> list[str]:
    """In a backend whose servers have ``render_member_tls`` of HTTP. An address is no name (RFC 6066, 3)."""
    return [
        f"    http-request set-var({_NAME}) req.hdr(host),host_only,lower,rtrim(.)",
        f"    http-request unset-var({_NAME}) unless {{ var({_NAME}) -m reg '^[a-z0-9_.-]*[a-z][a-z0-9_.-]*$' }}",
    ]


def _verification(tls: PoolTls, directory: str) -> list[str]:
    if tls.authorities is None:
        return ["verify", "none"]
    words = ["verify", "required", "ca-file", _file(tls.authorities, directory)]
    return words if tls.revocations is None else [*words, "crl-file", _file(tls.revocations, directory)]


def _ciphers(tls: PoolTls, lowest: TlsVersion) -> list[str]:
    ciphers = split_ciphers("DEFAULT" if tls.ciphers is None else tls.ciphers)
    words = [] if tls.ciphers is None else [*_listed("ciphersuites", ciphers.suites)]
    others = strong_enough(ciphers.others, lowest) if ciphers.others else ""
    return words if others == "DEFAULT" else [*_listed("ciphers", others), *words]


def _listed(word: str, ciphers: str) -> list[str]:
    return [word, quoting.ciphers(ciphers)] if ciphers else []


def _file(secret: TlsSecret, directory: str) -> str:
    return f"{directory}/{DIRECTORY}/{quoting.fingerprint(secret.fingerprint)}"
