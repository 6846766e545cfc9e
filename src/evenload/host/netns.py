"""Network namespaces with a name in the file system, made, entered and removed without starting a process.

A namespace belongs to a thread, not to the process: ``visit`` moves just the calling thread, and whatever that thread
opens or spawns meanwhile belongs to the namespace. Names are bind mounts as ``ip netns add`` makes them, so that
``ip netns exec`` works. Devices, addresses and processes inside are the business of other modules.
"""

import ctypes
import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from evenload.host.refusal import refusal
from evenload.threads import Stranded

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 1 << 20
_MNT_DETACH = 2
_OWN = "/proc/thread-self/ns/net"
_HOST = os.stat("/proc/self/ns/net")
"""Where this process began: nothing of ours is there yet, and no thread has moved."""

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def visit(path: Path) -> Iterator[None]:
    """The calling thread is in that namespace inside the ``with`` block, and back in its former one after it.

    Raises HostError where there is no such namespace, Stranded where there is no way back. No thread may be started
    inside: it would stay there, and with it the namespace after its name is gone.
    """
    with _returning():
        _enter(path)
        yield


def exists(path: Path) -> bool:
    """Whether a namespace is mounted there; a plain file, as a crash between two steps leaves it, is none, and the
    host's own namespace does not count."""
    return inode(path) is not None


def inode(path: Path) -> int | None:
    """The number by which /proc/<pid>/ns/net names the namespace; None where none is mounted.

    Also None where somebody gave that name to the host's own: to take it for a load balancer's would mean to remove the
    host's devices and to kill its processes.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise refusal(f"look at {path}", error) from error
    return found.st_ino if found.st_dev == _HOST.st_dev and found.st_ino != _HOST.st_ino else None


def ensure(path: Path, furnish: Callable[[], None] | None = None) -> bool:
    """Makes the namespace where it is missing; returns whether it had to.

    ``furnish`` is called inside the new namespace before it gets its name, so that nobody finds it half made; an
    exception of it is raised here and no namespace remains.
    """
    if exists(path):
        return False
    namespace = make(furnish)
    try:
        give_name(namespace, path)
    finally:
        os.close(namespace)
    return True


def make(furnish: Callable[[], None] | None = None) -> int:
    """A namespace without a name; returns a descriptor of it, with which it ends unless something runs in it."""
    with _returning():
        _check(_libc.unshare(_CLONE_NEWNET) and ctypes.get_errno(), "make a network namespace")
        if furnish is not None:
            furnish()
        try:
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise refusal("hold a network namespace", error) from error


def give_name(namespace: int, path: Path) -> None:
    """Gives the namespace of that descriptor a name."""
    ensure_shared(path.parent)
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    except OSError as error:
        raise refusal(f"make {path}", error) from error
    _check(_mount(path_of(namespace), path, _MS_BIND), f"mount a network namespace at {path}")


def path_of(namespace: int) -> Path:
    """Where this process finds the namespace of that descriptor."""
    return Path(f"/proc/self/fd/{namespace}")


def ensure_shared(directory: Path) -> None:
    """Makes the directory a shared mount point, as ``ip netns add`` does: otherwise unmounting a name here would
    leave the namespace alive in every mount namespace that was made meanwhile."""
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if _mount(None, directory, _MS_SHARED | _MS_REC) == errno.EINVAL:  # not a mount point yet
            _check(_mount(directory, directory, _MS_BIND | _MS_REC), f"bind {directory} to itself")
            _check(_mount(None, directory, _MS_SHARED | _MS_REC), f"share the mount {directory}")
    except OSError as error:
        raise refusal(f"make {directory} a shared mount point", error) from error


def remove(path: Path) -> None:
    """Takes the name away; the kernel removes the namespace and its devices when nothing runs in it any more."""
    while True:  # mounted twice where somebody else had the same idea
        number = _libc.umount2(os.fsencode(path), _MNT_DETACH) and ctypes.get_errno()
        if number in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):  # no mount point (any more)
            break
        _check(number, f"unmount {path}")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise refusal(f"remove {path}", error) from error


def nobody() -> Collection[int]:
    return ()


def processes(settled: Callable[[], Collection[int]] = nobody) -> dict[int, list[int]]:
    """The processes of the machine by the inode of their network namespace, this one excepted. ``settled``: the pids of
    those of which nobody has to ask where they are, and of which every one lives while it is called; they are left
    out. Asking is most of the work, and a full host has a thousand of them."""
    found: dict[int, list[int]] = {}
    own = os.getpid()
    listed = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    for pid in listed.difference(settled(), (own,)):
        try:
            found.setdefault(os.stat(f"/proc/{pid}/ns/net").st_ino, []).append(pid)
        except OSError:
            continue  # it ended just now, or is a zombie
    return found


class Inhabitants:
    """Which processes are in a namespace. Only a look at every process of the machine tells, so those who ask at the
    same time share one that began after they asked. May be used from any thread."""

    def __init__(self, look: Callable[[], Mapping[int, Sequence[int]]] = processes) -> None:
        self._look = look
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._found: Mapping[int, Sequence[int]] = {}

    def of(self, number: int) -> Sequence[int]:
        """``number``: the namespace's inode."""
        with self._turn:
            wanted = self._begun + 1
            while self._ended < wanted:
                if self._begun > self._ended:
                    self._turn.wait()
                else:
                    self._look_in_turn()
            return self._found.get(number, ())

    def _look_in_turn(self) -> None:
        """The lock is held before and after, and not meanwhile."""
        self._begun += 1
        self._turn.release()
        try:
            found = self._look()
        except BaseException:
            self._turn.acquire()
            self._begun -= 1  # whoever waits looks for himself
            raise
        else:
            self._turn.acquire()
            self._found, self._ended = found, self._begun
        finally:
            self._turn.notify_all()


def end_processes(number: int, inhabitants: Inhabitants | None = None, timeout: float = 5.0) -> Sequence[int]:
    """Kills what runs in the namespace, also what is started meanwhile; returns those that did not end in time."""
    inhabitants = inhabitants or Inhabitants()
    deadline = time.monotonic() + timeout
    while running := inhabitants.of(number):
        if time.monotonic() >= deadline:
            return running
        for pid in running:
            _kill(pid, number)
        time.sleep(0.001)
    return ()


def _kill(pid: int, number: int) -> None:
    """That process and no other: by its descriptor, and only if it is (still) in the namespace."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it has just ended; if not, the next look finds it again
        return
    try:
        if os.stat(f"/proc/{pid}/ns/net").st_ino == number:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return
    finally:
        os.close(descriptor)


@contextmanager
def _returning() -> Iterator[None]:
    try:
        former = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal("find the way back to this thread's namespace", error) from error
    try:
        yield
    finally:
        failed = _libc.setns(former, _CLONE_NEWNET) and ctypes.get_errno()
        os.close(former)
        if failed:
            raise Stranded(f"the thread cannot return to its network namespace: {os.strerror(failed)}")


def _enter(path: Path) -> None:
    try:
        target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(f"enter the namespace {path}", error) from error
    try:
        _check(_libc.setns(target, _CLONE_NEWNET) and ctypes.get_errno(), f"enter the namespace {path}")
    finally:
        os.close(target)


def _mount(source: Path | None, target: Path, flags: int) -> int:
    """The errno, 0 for success."""
    words = None if source is None else os.fsencode(source)
    return _libc.mount(words, os.fsencode(target), b"none", ctypes.c_ulong(flags), None) and ctypes.get_errno()


def _check(number: int, attempted: str) -> None:
    if number:
        cause = OSError(number, os.strerror(number))
        raise refusal(attempted, cause) from cause
