"""What a check of HAProxy has found, in plain words with HAProxy's own code behind them. Pure.

``show stat`` has it in four columns. The words are for people who never read HAProxy's manual, the code for those who
look it up there: ``no connection: Connection refused (L4CON)``, ``wrong HTTP status: Service Unavailable (L7STS/503)``.
"""

_LATE = ("log-format string evaluated to an empty string", "tcp-check send : failed to build log-format string")
_LONGEST = 255
"""Characters: a member may answer with whatever it likes."""
_WORDS = {
    "SOCKERR": "the check could not be made",
    "L4TOUT": "no connection in time",
    "L4CON": "no connection",
    "L6TOUT": "no TLS handshake in time",
    "L6RSP": "no TLS handshake",
    "L7TOUT": "no answer in time",
    "L7RSP": "not the expected answer",
    "L7STS": "wrong HTTP status",
    "HANA": "too many faulty answers to clients",
}
"""By HAProxy's code, of what makes a member be down."""


def describe_check(code: str, number: str, description: str, detail: str) -> str | None:
    """``code``: check_status; ``number``: check_code, the protocol's own status; ``description`` and ``detail``:
    check_desc and last_chk. None where no check was made yet.

    Checks look at the clock by a text that is no pattern, or nothing to send, when it is too late
    (render/haproxy_checks).
    """
    code = code.removeprefix("* ")  # the next one is on its way
    if detail.startswith(_LATE):
        words = "the answer came after the monitor's timeout"
    else:
        words = ": ".join(word for word in (_WORDS.get(code, description), printable(detail)) if word)
    if not words:
        return None
    codes = "/".join(word for word in (code, number if code.startswith("L7") else "") if word)
    return f"{words} ({codes})" if codes else words


def printable(text: str) -> str:
    """One line of it, cut where it is too long."""
    plain = "".join(character if character.isprintable() else " " for character in text).strip()
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
