"""The state directory as the property of one process: its lock, and the name under which its agent is known.

``main`` takes it before anything else, the database included, and gives it back last. The kernel drops the lock with
the process, however that ends.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from evenload.model.errors import EvenloadError

_LOCK = "lock"
_AGENT = "agent"


class StateTaken(EvenloadError):
    """Another process works in the state directory."""


class StateDirectory:
    """``with StateDirectory(path) as state``: raises StateTaken, or OSError where the directory cannot be made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> "StateDirectory":
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StateTaken(f"the state directory {self._path} is in use by process {holder}") from error
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_agent_name(self) -> str | None:
        """The name that the load balancers here were given to; None before the first start."""
        try:
            return (self._path / _AGENT).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def ensure_agent_name(self, name: str) -> None:
        if self.read_agent_name() == name:
            return
        fresh = self._path / f"{_AGENT}.new"
        with fresh.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path / _AGENT)
