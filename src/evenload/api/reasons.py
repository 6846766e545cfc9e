"""Why something is in ERROR, or has to wait, in words for its owner. Pure.

The reason that is kept is the host's own, for its operator: it names files, devices, processes and agents, which are no
tenant's business. What is known to have none of those is said; of the rest that the operator's log has it.
"""

import re

_LOGGED = "Its host could not make the change; the operator's log has the reason."
_SILENT = re.compile(r"The agent .+ has not been heard of since (.+ UTC)\..*", re.DOTALL)
_SECRET = re.compile(r"cannot fetch the secret \S*?((?:secrets|containers)/[0-9a-f-]{36})\b.*", re.DOTALL)
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), sentence)
    for pattern, sentence in (
        (r"The agent .+ is not registered\..*", "Its host is gone."),
        (r"Its port could not be released: .*", "The port of its VIP could not be given back yet."),
        (r"internal fault: .*", "An internal fault; the operator's log has it."),
        (r".*(Address already in use|EADDRINUSE).*", "A port or an address that it needs is in use already."),
        (r".*(No space left|no space left|ENOSPC|EDQUOT).*", "Its host has no room left."),
        (r".*\((EXFULL|ENOBUFS|ENOMEM|EMFILE|ENFILE|EAGAIN)\).*", "Its host is out of resources."),
        (r".*\((EPERM|EACCES|EROFS|EOPNOTSUPP|EAFNOSUPPORT|ENAMETOOLONG)\).*", "Its host is not set up for it."),
        (r".*bridge .+ (does not exist|is down).*", "Its host has no connection to the VIP's network at present."),
        (r".*does not pass packets.*", "The VIP's network passes no packets yet."),
        (r"HAProxy refuses the configuration: .*", "Its configuration was refused by HAProxy."),
        (r"this host has no bridge .*", "Its host has no connection to the VIP's network at present."),
        (r"The host is not ready yet\.", "Its host is not ready yet."),
        (r"The host gave no reason\.", "Its host gave no reason."),
    )
)
_FOR_OWNERS = re.compile(
    r"another machine on the network has the address: [0-9a-f:., ()]+"
    r"|(listener [0-9a-f-]+|its flavor): a connection_limit of [0-9]+ cannot be had, its host allows [0-9]+ connections"
    r"|its flavor: a log cannot be had, its host has no log_socket"
)
"""What the host says of the owner's own things; shown as it is."""


def reason_for_owner(fault: str | None) -> str | None:
    """None where there is no reason."""
    if fault is None:
        return None
    silent = _SILENT.fullmatch(fault)
    if silent is not None:
        return f"Its host has not been heard of since {silent[1]}."
    secret = _SECRET.fullmatch(fault)
    if secret is not None:
        return f"{secret[1]}, which it names, cannot be read: deleted or replaced meanwhile, or the store is away."
    for pattern, sentence in _KNOWN:
        if pattern.fullmatch(fault):
            return sentence
    return fault if _FOR_OWNERS.fullmatch(fault) else _LOGGED
