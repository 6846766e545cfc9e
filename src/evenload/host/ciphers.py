"""Lists of ciphers as OpenSSL takes them, asked without a process: this host's library, which HAProxy has too."""

import ssl

_TLS_1_3 = "TLSv1.3"


def expand_ciphers(ciphers: str) -> frozenset[str] | None:
    """The names of all that a list for TLS 1.2 and earlier amounts to; None where it amounts to none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return None
    # Suites of TLS 1.3 are always there, and no list of this kind says anything of them.
    return frozenset(each["name"] for each in context.get_ciphers() if each["protocol"] != _TLS_1_3)
