"""Sockets bound for the tests of the bus."""

import os
import socket
from pathlib import Path

from evenload.bus.unix_sockets import bind_unix

ME = os.getuid()
MINE = frozenset({ME})
NOT_MINE = frozenset({ME + 1})


def stream_socket(path: Path) -> socket.socket:
    return bind_unix(path, socket.SOCK_STREAM, 0o600)


def datagram_socket(path: Path) -> socket.socket:
    return bind_unix(path, socket.SOCK_DGRAM, 0o600)
