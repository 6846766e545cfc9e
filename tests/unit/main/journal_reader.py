"""Reads an entry of journald's native protocol, as journald does."""

import struct


def read_entry(content: bytes) -> dict[str, str]:
    found = {}
    while content:
        line, _, rest = content.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            name = line
            [length] = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        found[name.decode()] = value.decode()
        content = rest
    return found
