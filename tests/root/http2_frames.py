"""Frames of HTTP/2, as anybody may send them: nothing here is checked."""

import struct
from collections.abc import Iterator, Sequence

Field = tuple[str, str]

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)


def headers(stream: int, fields: Sequence[Field], *, end: bool = True, whole: bool = True) -> bytes:
    """``end``: no body follows; ``whole``: no further fields follow."""
    block = b"".join(literal(*field) for field in fields)
    return frame(HEADERS, (END_HEADERS if whole else 0) | (END_STREAM if end else 0), stream, block)


def literal(name: str, value: str) -> bytes:
    """A field of HPACK without index and without Huffman's code."""
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    data = text.encode("latin-1")
    length = len(data)
    if length < 127:
        return bytes([length]) + data
    rest, count = b"\x7f", length - 127
    while count >= 128:
        rest += bytes([count % 128 + 128])
        count //= 128
    return rest + bytes([count]) + data


def read_frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, stream and payload of each whole frame."""
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        if len(data) < 9 + length:
            return
        yield data[3], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]
        data = data[9 + length :]
