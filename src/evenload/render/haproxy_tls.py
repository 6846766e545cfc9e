"""TLS to clients: the words of a bind line, the list of certificates beside the text, and HSTS. Pure.

Certificates are files, named by fingerprint; the list that names them is one, too: five thousand do not go into a line.
HAProxy takes the names that each is for from the certificate itself, exact ones before wildcards, and the first of the
list for all others.
"""

from evenload.model.balancer import Listener, LoadBalancer
from evenload.model.desired import Desired
from evenload.model.named_file import DIRECTORY, NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.tls import ListenerTls, TlsVersion, choose_versions, split_ciphers
from evenload.render import quoting
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.options import RenderOptions

_LONGEST_AGE = 2**31 - 1
_VERSIONS = {
    TlsVersion.TLS_1_0: "TLSv1.0",
    TlsVersion.TLS_1_1: "TLSv1.1",
    TlsVersion.TLS_1_2: "TLSv1.2",
    TlsVersion.TLS_1_3: "TLSv1.3",
}
_OLD = (TlsVersion.TLS_1_0, TlsVersion.TLS_1_1)
_ANY_STRENGTH = "@SECLEVEL=0"
"""OpenSSL speaks TLS 1.0 and 1.1 at this level alone, for their signatures are made with SHA-1."""


def directory_of(load_balancer: LoadBalancer, options: RenderOptions) -> str:
    """Where the load balancer's files lie."""
    return f"{quoting.path(options.state_dir.rstrip('/'))}/{quoting.identifier(load_balancer.id)}"


def render_tls(listener: Listener, directory: str) -> str:
    """What follows the address in a bind line: nothing without TLS."""
    tls = listener.tls
    if tls is None:
        return ""
    versions = choose_versions(tls)
    if versions is None:
        raise quoting.UnsafeText("list of TLS versions")
    words = ["ssl", "crt-list", f"{directory}/{DIRECTORY}/{_certificate_list(tls, directory).name}"]
    words += ["ssl-min-ver", _VERSIONS[versions.lowest], "ssl-max-ver", _VERSIONS[versions.highest]]
    ciphers = split_ciphers(tls.ciphers)
    if ciphers.others:
        words += ["ciphers", quoting.ciphers(_strong_enough(ciphers.others, versions.lowest))]
    if ciphers.suites:
        words += ["ciphersuites", quoting.ciphers(ciphers.suites)]
    words += ["alpn", ",".join(protocol.value for protocol in tls.alpn)]
    return f" {' '.join(words)}"


def render_hsts(listener: Listener) -> list[str]:
    """In answers of HAProxy's own, too."""
    tls = listener.tls
    if tls is None or tls.hsts_max_age is None:
        return []
    parts = [f"max-age={quoting.number(tls.hsts_max_age, 0, _LONGEST_AGE, 'maximum age of HSTS')}"]
    parts += ["includeSubDomains"] if tls.hsts_include_subdomains else []
    parts += ["preload"] if tls.hsts_preload else []
    return [f"    http-after-response set-header Strict-Transport-Security '{'; '.join(parts)}'"]


def render_certificate_lists(desired: Desired, options: RenderOptions) -> tuple[NamedFile, ...]:
    """Those that the load balancer's text names."""
    directory = directory_of(desired.load_balancer, options)
    return tuple(
        _certificate_list(listener.tls, directory)
        for listener in listeners_in_service(desired)
        if listener.tls is not None
    )


def _certificate_list(tls: ListenerTls, directory: str) -> NamedFile:
    lines = [f"{directory}/{DIRECTORY}/{quoting.fingerprint(each.fingerprint)}\n" for each in tls.certificates]
    if not lines:
        raise quoting.UnsafeText("list of certificates")
    return NamedFile(SecretBytes("".join(lines).encode()))


def _strong_enough(ciphers: str, lowest: TlsVersion) -> str:
    return f"{ciphers}:{_ANY_STRENGTH}" if lowest in _OLD and "@SECLEVEL" not in ciphers else ciphers
