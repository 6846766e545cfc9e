"""PEM as people store it: blocks in any order, between them whatever tools write there."""

from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Block:
    """``text``: the block with its two lines and a line's end after each, as OpenSSL reads it."""

    label: str
    text: bytes

    def __repr__(self) -> str:
        return f"<{self.label}>"


def is_pem(content: bytes) -> bool:
    return _BEGIN in content


def blocks(content: bytes) -> Iterator[Block]:
    """One that does not end, or has another one in it, is passed over."""
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    at = content.find(_BEGIN)
    while at >= 0:
        following = content.find(_BEGIN, at + len(_BEGIN))
        here = content[at : following if following >= 0 else len(content)]
        found = _block(here)
        if found is not None:
            yield found
        at = following


def _block(text: bytes) -> Block | None:
    closing = text.find(_DASHES, len(_BEGIN), len(_BEGIN) + _LONGEST_LABEL + len(_DASHES))
    if closing < 0:
        return None
    label = text[len(_BEGIN) : closing]
    end = text.find(_END + label + _DASHES)
    if end < 0 or not label.isascii():
        return None
    lines = [line.strip() for line in text[closing + len(_DASHES) : end].split(b"\n")]
    # An encrypted key in the older form has headers, which end with an empty line.
    headers = any(b":" in line for line in lines)
    body = [line for line in lines if line or headers]
    if headers:
        while body and not body[0]:
            body.pop(0)
    begin, finish = _BEGIN + label + _DASHES, _END + label + _DASHES
    return Block(label.decode(), b"\n".join([begin, *body, finish]) + b"\n")
