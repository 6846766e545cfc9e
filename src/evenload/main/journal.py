"""journald's native protocol: an entry with fields of its own, where stderr is journald's already.

Without it journald would take each line for an entry of priority info with a second time stamp in it. An entry is one
datagram; one that is too long for that travels as a sealed file in memory. https://systemd.io/JOURNAL_NATIVE_PROTOCOL
"""

import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
from array import array
from collections.abc import Iterable, Mapping

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_TOO_LONG = (errno.EMSGSIZE, errno.ENOBUFS)
_LOST = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN)
_NAME = re.compile(r"[^A-Z0-9_]")
_LONGEST_NAME = 64
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def is_journal(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether what is written there goes to journald: it says so by device and inode."""
    said = environment.get("JOURNAL_STREAM", "")
    try:
        there = os.fstat(descriptor)
    except OSError:
        return False
    return said == f"{there.st_dev}:{there.st_ino}"


def prefix(level: str) -> str:
    """What a line on standard error begins with so that journald knows its priority; nothing where it is another's."""
    return f"<{PRIORITIES.get(level, 6)}>" if is_journal(os.environ, 2) else ""


class Journal:
    """May be used from any thread, and after a fork."""

    def __init__(self, path: str = SOCKET) -> None:
        """Raises OSError where nobody listens there."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, fields: Iterable[tuple[str, str]]) -> None:
        """Raises OSError where the entry is lost."""
        entry = b"".join(_field(name, value) for name, value in fields)
        try:
            self._socket.send(entry)
        except OSError as error:
            if error.errno in _TOO_LONG:
                self._send_file(entry)
            elif error.errno in _LOST:  # journald was started anew
                self._socket.connect(self._path)
                self._socket.send(entry)
            else:
                raise

    def close(self) -> None:
        self._socket.close()

    def _send_file(self, entry: bytes) -> None:
        with contextlib.ExitStack() as stack:
            descriptor = os.memfd_create("evenload-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            stack.callback(os.close, descriptor)
            rest = memoryview(entry)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))
            self._socket.sendmsg([b""], [rights])


def field_name(key: str) -> str:
    """As journald allows it: ``EVENLOAD_`` and the key in capitals."""
    return f"EVENLOAD_{_NAME.sub('_', key.upper())}"[:_LONGEST_NAME]


def _field(name: str, value: str) -> bytes:
    content = value.encode(errors="replace")
    if b"\n" in content:
        return name.encode() + b"\n" + struct.pack("<Q", len(content)) + content + b"\n"
    return name.encode() + b"=" + content + b"\n"
