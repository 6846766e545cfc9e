"""The path of a role's socket is the role's alone, and stays: others find it by that.

Who is to bind it holds a lock beside it first, so that a second start is refused before it takes the path away. Nobody
can bind the path of a socket that is open already: where it was removed or replaced, the role ends with a reason, and
whoever watches it starts it anew.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from evenload.model.errors import EvenloadError
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_LOOK_EVERY = 2.0
_STOP_TIMEOUT = 5.0


class SocketLost(EvenloadError):
    """The path of a socket leads no longer to it."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else binds that path meanwhile; raises EvenloadError where somebody does, OSError where the lock cannot
    be made. Children that inherit the lock hold it, too."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EvenloadError(f"another process listens on {path}") from error
        yield
    finally:
        os.close(descriptor)


class SocketGuard:
    """Looks whether ``path`` leads to what it led to when this was made; calls ``on_lost`` once, when it does not."""

    def __init__(
        self, path: Path, on_lost: Callable[[], None], faults: Faults, *, interval: float = _LOOK_EVERY
    ) -> None:
        self._path = path
        self._bound = _identity(path)
        self._on_lost = on_lost
        self._interval = interval
        self._stopping = threading.Event()
        self._lost = False
        self._thread = LastingThread("socket-guard", self._look, faults)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.hurry()
        self._thread.join(_STOP_TIMEOUT)

    def check(self) -> None:
        """Raises SocketLost where it was found lost."""
        if self._lost:
            raise SocketLost(f"the socket {self._path} was removed or replaced; a new start makes it again")

    def _look(self) -> bool:
        if self._stopping.wait(self._interval):
            return False
        if self._bound is not None and _identity(self._path) == self._bound:
            return True
        self._lost = True
        log.error("the role's socket was removed or replaced: the role ends", path=str(self._path))
        self._on_lost()
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino
