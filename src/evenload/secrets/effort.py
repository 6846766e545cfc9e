"""How much work a passphrase is made to cost, found before anybody begins with it.

Keys and PKCS12 say themselves how often a passphrase is to be hashed: up to two thousand million times, by which a few
hundred bytes would keep a processor busy for an hour. Only the outside is looked at, in DER and BER.
"""

_MOST = 2_000_000
"""Tools use 2,048 to 600,000."""
_DEPTH = 24
_INTEGER, _OCTETS = 0x02, 0x04


def is_excessive(content: bytes) -> bool:
    """Whether a salt is followed by a count above what anybody needs: as PBES1, PBKDF2, scrypt and the MAC of PKCS12
    have it. What is no ASN.1 is not: it costs nothing either."""
    try:
        return _search(memoryview(content), 0, len(content), _DEPTH, indefinite=False)[0]
    except (IndexError, ValueError):
        return False


def _search(content: memoryview, at: int, end: int, depth: int, *, indefinite: bool) -> tuple[bool, int]:
    """What was found, and where it stopped. ``indefinite``: until an end of contents."""
    if not depth:
        raise ValueError("nested too deeply")
    after_octets = False
    while at < end:
        tag = content[at]
        if tag & 0x1F == 0x1F:
            raise ValueError("a tag that neither has")
        length, start = _length(content, at + 1)
        if indefinite and tag == 0 and length == 0:
            return False, start
        if length is None:
            if not tag & 0x20:
                raise ValueError("no length")
            found, at = _search(content, start, end, depth - 1, indefinite=True)
            if found:
                return True, at
            after_octets = tag & 0xDF == _OCTETS
            continue
        stop = start + length
        if stop > end:
            raise ValueError("too short")
        if tag == _INTEGER and after_octets and int.from_bytes(content[start:stop], "big", signed=True) > _MOST:
            return True, stop
        if (tag & 0x20 or tag == _OCTETS) and length and _inside(content, start, stop, depth):
            return True, stop
        after_octets = tag & 0xDF == _OCTETS
        at = stop
    return False, at


def _inside(content: memoryview, start: int, stop: int, depth: int) -> bool:
    """Octets may hold a structure of their own, or anything else."""
    try:
        return _search(content, start, stop, depth - 1, indefinite=False)[0]
    except (IndexError, ValueError):
        return False


def _length(content: memoryview, at: int) -> tuple[int | None, int]:
    """The length, None where it is indefinite, and where the contents begin."""
    first = content[at]
    if first < 0x80:
        return first, at + 1
    if first == 0x80:
        return None, at + 1
    size = first & 0x7F
    if size > 4:
        raise ValueError("longer than anything")
    return int.from_bytes(content[at + 1 : at + 1 + size], "big"), at + 1 + size
