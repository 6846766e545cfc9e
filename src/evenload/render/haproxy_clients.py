"""Certificates of clients: the words of a bind line, and the headers that tell members of them. Pure.

A client may show any certificate where one is optional. What it says of its holder is passed on only where the
listener's authorities answer for it; what a client itself sends under the names of these headers never is.
"""

from collections.abc import Iterable

from evenload.model.balancer import Listener
from evenload.model.enums import InsertedHeader
from evenload.model.slot import SLOTS, Slot, SlotKind
from evenload.model.tls import ClientAuthentication, ListenerTls
from evenload.render import quoting

USED, VERIFIED = "{ ssl_c_used }", "{ ssl_c_used } { ssl_c_verify 0 }"
"""Conditions: the client has shown a certificate, and it is a good one. Without one the result is 0, too; both hold for
a session that was resumed as they did when it began."""

_WORDS = {
    ClientAuthentication.NONE: (),
    # HAProxy refuses whoever shows a bad one otherwise, so that no rule and no member would ever see its result.
    ClientAuthentication.OPTIONAL: ("verify", "optional", "ca-ignore-err", "all", "crt-ignore-err", "all"),
    ClientAuthentication.MANDATORY: ("verify", "required"),
}
_FILES = {SlotKind.AUTHORITIES: "ca-file", SlotKind.REVOCATIONS: "crl-file"}
_H = InsertedHeader
_HEADERS = {
    _H.X_SSL_CLIENT_HAS_CERT: ("ssl_c_used", ""),
    _H.X_SSL_CLIENT_VERIFY: ("ssl_c_verify", USED),
    _H.X_SSL_CLIENT_DN: ("ssl_c_s_dn", VERIFIED),
    _H.X_SSL_CLIENT_CN: ("ssl_c_s_dn(cn)", VERIFIED),
    _H.X_SSL_ISSUER: ("ssl_c_i_dn", VERIFIED),
    _H.X_SSL_CLIENT_SHA1: ("ssl_c_sha1,hex", VERIFIED),
    _H.X_SSL_CLIENT_NOT_BEFORE: ("ssl_c_notbefore", VERIFIED),
    _H.X_SSL_CLIENT_NOT_AFTER: ("ssl_c_notafter", VERIFIED),
}
"""What each is set to, and if what."""


def render_client_words(listener: Listener, directory: str) -> list[str]:
    """``directory``: where the load balancer's files lie."""
    tls = listener.tls
    if tls is None or tls.client_authentication is ClientAuthentication.NONE:
        return []
    slots = judging_slots(listener)
    if not any(slot.kind is SlotKind.AUTHORITIES for slot in slots):
        raise quoting.UnsafeText("authority of client certificates")
    words = [word for slot in slots for word in (_FILES[slot.kind], f"{directory}/{SLOTS}/{slot.name}")]
    return [*words, *_WORDS[tls.client_authentication]]


def judging_slots(listener: Listener) -> tuple[Slot, ...]:
    """With who judges the certificates of clients."""
    tls = listener.tls
    if tls is None or tls.client_authentication is ClientAuthentication.NONE:
        return ()
    owner = quoting.identifier(listener.id)
    given = {SlotKind.AUTHORITIES: tls.client_authorities, SlotKind.REVOCATIONS: tls.client_revocations}
    return tuple(
        Slot(kind, f"{owner}.{kind.value}", quoting.fingerprint(secret.fingerprint))
        for kind, secret in given.items()
        if secret is not None
    )


def render_client_headers(listener: Listener) -> list[str]:
    """A client's own go, all of them, where any is inserted or certificates are asked for: beside ours they would look
    like ours. Members that are programs behind a gateway (RFC 3875) cannot tell a hyphen from an underscore, so names
    that differ in these alone go, too. HAProxy writes control characters in values as hexadecimal digits behind a
    percent sign."""
    inserted = [header for header in _HEADERS if header in listener.insert_headers]
    asks = listener.tls is not None and listener.tls.client_authentication is not ClientAuthentication.NONE
    if not inserted and not asks:
        return []
    names = "|".join(header.value.lower().replace("-", "[-_]") for header in _HEADERS)
    lines = [f"    http-request del-header '^({names})$' -m reg"]
    for header in inserted:
        value, condition = _HEADERS[header]
        lines.append(f"    http-request set-header {header.value} %[{value}]{condition and f' if {condition}'}")
    return lines


def shares_tickets(tls: ListenerTls) -> bool:
    """Whether sessions may be resumed by tickets of other listeners and of former processes. Where certificates are
    asked for they may not: a session that began elsewhere, or before a certificate was revoked, is resumed without a
    look at it. The keys of such a listener's tickets are its own and its process's."""
    return tls.client_authentication is ClientAuthentication.NONE


def shares_sessions(listeners: Iterable[Listener]) -> bool:
    """Whether sessions may be kept where all listeners find them. A session that began at another listener is resumed
    without a look at certificates; for tickets, the other way to resume one, see ``shares_tickets``."""
    asking = (listener.tls.client_authentication for listener in listeners if listener.tls is not None)
    return all(authentication is ClientAuthentication.NONE for authentication in asking)
