"""TLS to clients: the words of a bind line, the list of certificates beside the text, and HSTS. Pure.

Certificates lie in slots (model/slot.py): the default one in the listener's own, the others in such as are named by
what their reference names, so that another content is the same slot. The list that names them is one, too: five
thousand do not go into a line. HAProxy takes the names that each is for from the certificate itself, exact ones before
wildcards, and the first of the list for all others.
"""

from collections import defaultdict
from collections.abc import Mapping

from evenload.model.balancer import Listener, LoadBalancer
from evenload.model.desired import Desired
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import SLOTS, Slot, SlotKind
from evenload.model.tickets import TICKETS
from evenload.model.tls import AlpnProtocol, TlsSecret, TlsVersion, choose_versions, split_ciphers
from evenload.render import quoting
from evenload.render.haproxy_clients import judging_slots, render_client_words, shares_tickets
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.options import RenderOptions

_LONGEST_AGE = 2**31 - 1
VERSIONS = {
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


def render_tls(listener: Listener, directory: str, *, quic: bool = False) -> str:
    """What follows the address in a bind line: nothing without TLS. ``quic``: the line is for HTTP/3."""
    tls = listener.tls
    if tls is None:
        return ""
    versions = choose_versions(tls)
    if versions is None:
        raise quoting.UnsafeText("list of TLS versions")
    words = ["ssl", "crt-list", f"{directory}/{SLOTS}/{_list_name(listener)}"]
    words += ["ssl-min-ver", VERSIONS[versions.lowest], "ssl-max-ver", VERSIONS[versions.highest]]
    ciphers = split_ciphers(tls.ciphers)
    if ciphers.others:
        words += ["ciphers", quoting.ciphers(strong_enough(ciphers.others, versions.lowest))]
    if ciphers.suites:
        words += ["ciphersuites", quoting.ciphers(ciphers.suites)]
    if shares_tickets(tls):
        words += ["tls-ticket-keys", f"{directory}/{TICKETS}"]
    words += ["alpn", ",".join(each.value for each in tls.alpn if (each is AlpnProtocol.HTTP_3) is quic)]
    words += render_client_words(listener, directory)
    return f" {' '.join(words)}"


def render_alternative(listener: Listener) -> list[str]:
    """Tells clients of HTTP/3 (RFC 7838), for a day."""
    if listener.tls is None or not listener.tls.speaks_quic:
        return []
    return [f"    http-after-response set-header Alt-Svc 'h3=\":{listener.port}\"; ma=86400'"]


def render_hsts(listener: Listener) -> list[str]:
    """In answers of HAProxy's own, too."""
    tls = listener.tls
    if tls is None or tls.hsts_max_age is None:
        return []
    parts = [f"max-age={quoting.number(tls.hsts_max_age, 0, _LONGEST_AGE, 'maximum age of HSTS')}"]
    parts += ["includeSubDomains"] if tls.hsts_include_subdomains else []
    parts += ["preload"] if tls.hsts_preload else []
    return [f"    http-after-response set-header Strict-Transport-Security '{'; '.join(parts)}'"]


def render_slots(listener: Listener, directory: str, options: RenderOptions) -> list[str]:
    """A comment for each slot of the listener, which says what is in it; before these what of them a new process alone
    brings into force."""
    if listener.tls is None:
        return []
    certificates = _certificate_slots(listener, options)
    names = SlotKind.CERTIFICATE_LIST, _list_name(listener), _certificate_list(listener, directory, options).name
    slots = (Slot(*names), *certificates, *judging_slots(listener))
    return [*_render_precedence(listener), *_render_stapling(certificates), *(slot.line for slot in slots)]


def _render_stapling(certificates: Mapping[Slot, bool]) -> list[str]:
    """HAProxy reads in the list alone whose staples it is to renew."""
    stapled = [slot.name for slot, stapled in certificates.items() if stapled]
    return [f"    # certificates with OCSP staples: {' '.join(stapled)}"] if stapled else []


def _render_precedence(listener: Listener) -> list[str]:
    """A comment with the certificates that are not alone with a name and a kind of key, in order. HAProxy answers by
    the one that it has had for the longest time: whatever changes of these is another skeleton, so that a new process
    reads all in their order."""
    certificates = () if listener.tls is None else listener.tls.certificates
    users: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for each in certificates:
        kind = (each.key or "").partition(" ")[0]
        for name in dict.fromkeys(each.names):
            users[name, kind].append(each.fingerprint)
    shared = {fingerprint for several in users.values() if len(several) > 1 for fingerprint in several}
    if not shared:
        return []
    ordered = (quoting.fingerprint(each.fingerprint) for each in certificates if each.fingerprint in shared)
    return [f"    # certificates of the same names, the first one answers: {' '.join(ordered)}"]


def render_certificate_lists(desired: Desired, options: RenderOptions) -> tuple[NamedFile, ...]:
    """The contents of the slots with lists that the load balancer's text has."""
    directory = directory_of(desired.load_balancer, options)
    listeners = [listener for listener in listeners_in_service(desired) if listener.tls is not None]
    return tuple(_certificate_list(listener, directory, options) for listener in listeners)


def _list_name(listener: Listener) -> str:
    return f"{quoting.identifier(listener.id)}.list"


def _certificate_list(listener: Listener, directory: str, options: RenderOptions) -> NamedFile:
    """By the slots' names: it stays as it is when their content changes."""
    lines = [
        f"{directory}/{SLOTS}/{slot.name}{' [ocsp-update on]' if stapled else ''}\n"
        for slot, stapled in _certificate_slots(listener, options).items()
    ]
    return NamedFile(SecretBytes("".join(lines).encode()))


def _certificate_slots(listener: Listener, options: RenderOptions) -> dict[Slot, bool]:
    """The default one first; and whether its staples are renewed."""
    certificates = () if listener.tls is None else listener.tls.certificates
    if not certificates:
        raise quoting.UnsafeText("list of certificates")
    owner = quoting.identifier(listener.id)
    default = Slot(SlotKind.CERTIFICATE, f"{owner}.default", quoting.fingerprint(certificates[0].fingerprint))
    others = (_listed(owner, each) for each in certificates[1:])
    found = {
        slot.name: (slot, options.ocsp_update and each.stapling)
        for slot, each in zip((default, *others), certificates, strict=True)
    }
    return dict(found.values())


def _listed(owner: str, certificate: TlsSecret) -> Slot:
    _, _, identifier = certificate.id.rpartition("/")
    name = f"{owner}.certificate-{quoting.identifier(identifier)}"
    return Slot(SlotKind.LISTED_CERTIFICATE, name, quoting.fingerprint(certificate.fingerprint))


def strong_enough(ciphers: str, lowest: TlsVersion) -> str:
    return f"{ciphers}:{_ANY_STRENGTH}" if lowest in _OLD and "@SECLEVEL" not in ciphers else ciphers
