"""Two files of one directory change places at once, which Python has no call for.

Where a file is renamed over another, ext4 begins to write its content to the disk, and the next one who waits for the
disk (the database) waits for that too. Exchanged files are written when the kernel likes, or never, where the next
content comes before.
"""

import ctypes
import errno
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_HERE = -100
"""AT_FDCWD: paths are as they are."""
_EXCHANGE = 2
_CANNOT = frozenset((errno.ENOENT, errno.EINVAL, errno.ENOSYS, errno.EPERM))
"""One of them is not there; or the file system does not know how, or something between keeps from it."""


def exchange(one: Path, other: Path) -> bool:
    """False where that cannot be done here. Raises OSError where the file system refuses."""
    if _LIBC.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(other))
