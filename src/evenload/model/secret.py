"""Bytes that nobody may read by accident: in a log, an error, a dry run or a document."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """A secret as documents name it. ``id``: where the server keeps it; ``fingerprint``: of its content, so that other
    content is another reference."""

    id: str
    fingerprint: str


class SecretBytes:
    """Says how long it is, and nothing else: printed, formatted, and in an error. Equal where the content is.

    ``expose`` alone gives the content. It cannot be pickled, and JSON does not know it.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def expose(self) -> bytes:
        return self._content

    def fingerprint(self) -> str:
        """SHA-256, 64 hexadecimal digits."""
        return sha256(self._content).hexdigest()

    def __repr__(self) -> str:
        return f"<redacted, {len(self._content)} bytes>"

    def __format__(self, specification: str) -> str:
        return format(repr(self), specification)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretBytes) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not for writing down")
