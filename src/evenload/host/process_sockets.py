"""The sockets of another process, seen through copies of its descriptors.

The kernel's tables of connections would be walked for the whole machine to find those of one process.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress

_PIDFD_GETFD = 438
"""The same on every architecture. Wants CAP_SYS_PTRACE."""
_TCP_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_LIBC = ctypes.CDLL(None, use_errno=True)


def count_sockets(pid: int) -> int:
    """How many it has open; 0 where there is no such process."""
    return sum(1 for _ in _descriptors(pid))


def count_connections(pid: int, places: Collection[tuple[str, int]] | None) -> int:
    """How many TCP connections it has that came to one of these places (address, port); None: connections of any kind.

    0 where there is no such process. Raises OSError where the kernel lets nobody look.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    try:
        return sum(_is_connection(process, number, places) for number in _descriptors(pid))
    finally:
        os.close(process)


def _descriptors(pid: int) -> Iterator[int]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in names:
        with suppress(FileNotFoundError, ProcessLookupError):  # closed meanwhile
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                yield int(name)


def _is_connection(process: int, number: int, places: Collection[tuple[str, int]] | None) -> bool:
    copy = _LIBC.syscall(_PIDFD_GETFD, process, number, 0)
    if copy < 0:
        if ctypes.get_errno() == errno.EPERM:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return False  # closed meanwhile
    with socket.socket(fileno=copy) as found:
        if found.family not in _TCP_FAMILIES or found.type != socket.SOCK_STREAM:
            return False
        try:
            found.getpeername()
            address, port = found.getsockname()[:2]
        except OSError:  # not connected
            return False
    return places is None or (address, port) in places
