"""The state directory as the property of one Evenload: its lock, the name under which its agent is known, and
the identity of the database that gave it its load balancers.

The supervisor takes it before it starts anything and hands the lock to the agent; an agent on its own takes it itself.
The kernel drops the lock with the last process that holds it, however that ends. The server's own directory in it has a
lock of the same kind.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from evenload.model.errors import EvenloadError

_LOCK = "lock"
_AGENT = "agent"
_DATABASE = "database"
_ADOPT = "adopt-database"
_PATIENCE = 5.0
_LOOK_EVERY = 0.02


def read_holder(path: Path) -> int | None:
    """The process that took the state directory last; None where none did."""
    try:
        content = (path / _LOCK).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(content) if content.isdigit() else None


class StateTaken(EvenloadError):
    """Another process works in the state directory."""


class StateDirectory:
    """``with StateDirectory(path) as state``: raises StateTaken, or OSError where the directory cannot be made.

    ``held``: the lock, where a parent process took it. ``mode``: of the directory; others may pass through the agent's
    to the server's, and see nothing on their way.
    """

    def __init__(self, path: Path, *, held: int | None = None, mode: int = 0o711) -> None:
        self._path = path
        self._mode = mode
        self._descriptor = held

    @property
    def lock(self) -> int:
        """The descriptor of the lock, to hand on."""
        assert self._descriptor is not None
        return self._descriptor

    def __enter__(self) -> "StateDirectory":
        if self._descriptor is not None:
            return self
        self._path.mkdir(mode=self._mode, parents=True, exist_ok=True)
        if self._path.stat().st_mode & 0o777 != self._mode:
            self._path.chmod(self._mode)
        descriptor = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def _take(self, descriptor: int) -> None:
        """Where the process that took it was killed, those that have the lock from it are about to end with it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
                if time.monotonic() > deadline or Path(f"/proc/{holder}").exists():
                    raise StateTaken(
                        f"the state directory {self._path} is in use by process {holder}; stop that first"
                    ) from error
                time.sleep(_LOOK_EVERY)
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_agent_name(self) -> str | None:
        """The name that the load balancers here were given to; None before the first start."""
        return self._read(_AGENT)

    def ensure_agent_name(self, name: str) -> None:
        self._ensure(_AGENT, name)

    def read_database(self) -> str | None:
        """The identity of the database that gave the load balancers here; None where that was never written down."""
        return self._read(_DATABASE)

    def ensure_database(self, identity: str) -> None:
        """Also ends an adoption."""
        self._ensure(_DATABASE, identity)
        (self._path / _ADOPT).unlink(missing_ok=True)

    def adopts_any_database(self) -> bool:
        return (self._path / _ADOPT).exists()

    def adopt_any_database(self) -> None:
        """The next registration may be with any. Needs no lock."""
        (self._path / _ADOPT).touch(mode=0o600)

    def _read(self, name: str) -> str | None:
        try:
            return (self._path / name).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def _ensure(self, name: str, content: str) -> None:
        if self._read(name) == content:
            return
        fresh = self._path / f"{name}.new"
        with fresh.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{content}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path / name)
