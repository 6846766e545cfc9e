"""Unix sockets: bound, connected to, and who is at their other end by the kernel's word."""

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")
_INTERVAL = struct.Struct("ll")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end; of a listening end the process that last called ``listen``."""

    pid: int
    user: int


def read_peer(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid, user)


def set_patience(connection: socket.socket, seconds: float) -> None:
    """How long the other end may take, for ever where that is 0; after it BlockingIOError is raised. Set in the kernel,
    so that a call costs no further system call."""
    interval = _INTERVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, interval)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, interval)


def connect_unix(path: str, patience: float) -> socket.socket:
    """A stream to whoever listens there. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        set_patience(connection, patience)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def bind_unix(path: Path, kind: socket.SocketKind, mode: int, group: int = -1) -> socket.socket:
    """A socket bound to that path with that mode, in place of one that a former process left. Each datagram that
    is sent to it has the kernel's word on its sender, from the first one on. Raises OSError."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, kind)
    try:
        if kind == socket.SOCK_DGRAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        former = os.umask(0o177)  # nobody may come in before the mode is set
        try:
            bound.bind(str(path))
        finally:
            os.umask(former)
        if group != -1:
            os.chown(path, -1, group)
        path.chmod(mode)
    except OSError:
        bound.close()
        raise
    return bound
