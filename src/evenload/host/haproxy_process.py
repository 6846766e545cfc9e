"""HAProxy as a process: started without forking the agent, recognised, waited for, ended.

A process is ours if its command line names a pid file in our state
directory, which no other process has a reason to do; a pid by itself proves nothing.
"""

import errno
import os
import select
import signal
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evenload.host.netns import visit
from evenload.host.refusal import refusal
from evenload.model.errors import HostError

_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    # Where HAProxy is linked with jemalloc (Debian 13): one thread needs one arena, and HAProxy keeps caches itself.
    "MALLOC_CONF": "narenas:1,tcache:false",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. ``code`` is negative for a signal; ``output`` is what it wrote on both streams."""

    code: int
    output: str


@dataclass(slots=True, eq=False)
class Begun:
    """A command at work. ``gate``: our end of the pipe that is its standard input, None once it is closed.

    ``hold``: the same of its standard output, where that is a pipe to read from.
    """

    name: str
    pid: int
    output: int
    gate: int | None
    hold: int | None = None
    ended: bool = False


def run(arguments: Sequence[str], namespace: Path | None, timeout: float) -> Ended:
    """Runs a command to its end, inside the namespace where one is given. ``timeout`` in seconds, then HostError."""
    return finish(begin(arguments, namespace), timeout)


def begin(arguments: Sequence[str], namespace: Path | None, *, held: bool = False) -> Begun:
    """Starts a command, whose standard input stays empty and open. To be followed by ``finish`` or ``abandon``.

    ``held``: its standard output, too, is an empty pipe to read from, which ends with ``let_read``: a second gate that
    needs no descriptor beyond the three that every process has.
    posix_spawn does not copy this process, and the child is in the namespace of the calling thread: no ``ip netns``.
    """
    output = os.memfd_create("haproxy-output", os.MFD_CLOEXEC)
    inside, gate = os.pipe()
    held_inside, hold = os.pipe() if held else (None, None)
    try:
        standard_output = output if held_inside is None else held_inside
        if namespace is None:
            pid = _spawn(arguments, inside, standard_output, output)
        else:
            with visit(namespace):
                pid = _spawn(arguments, inside, standard_output, output)
    except BaseException:
        for ours in (output, gate, hold):
            if ours is not None:
                os.close(ours)
        raise
    finally:
        os.close(inside)
        if held_inside is not None:
            os.close(held_inside)
    return Begun(arguments[0], pid, output, gate, hold)


def let_read(begun: Begun) -> None:
    """Ends what it reads as its standard output; it is still held by its standard input. May be repeated."""
    if begun.hold is not None:
        os.close(begun.hold)
        begun.hold = None


def is_alive(begun: Begun) -> bool:
    """Whether that command has not ended; ``finish`` or ``abandon`` is due all the same."""
    return not begun.ended and os.waitid(os.P_PID, begun.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def finish(begun: Begun, timeout: float) -> Ended:
    """Ends its standard input and waits for its end. ``timeout`` in seconds: then it is killed; HostError."""
    _open_gate(begun)
    try:
        code = _wait(begun, timeout)
        size = os.fstat(begun.output).st_size
        return Ended(code, os.pread(begun.output, min(size, 65536), 0).decode(errors="replace"))
    finally:
        if begun.ended:
            os.close(begun.output)


def abandon(begun: Begun) -> None:
    """Kills it before it has gone on; quiet about one that has ended."""
    if begun.ended:
        return
    os.kill(begun.pid, signal.SIGKILL)  # before its input ends; nobody else waits for this child of ours
    os.waitpid(begun.pid, 0)
    begun.ended = True
    _open_gate(begun)
    os.close(begun.output)


def start_time(pid: int) -> int | None:
    """In clock ticks since boot; with the pid it names a process for ever. None where there is no such process."""
    fields = _fields(pid)
    return None if fields is None or fields[0] in ("Z", "X") else int(fields[19])


def has_detached(pid: int) -> bool:
    """Whether it leads a session of its own: HAProxy's daemon does, the process that starts it does not."""
    fields = _fields(pid)
    return fields is not None and int(fields[3]) == pid


def is_stopped(pid: int) -> bool:
    """By a signal; a debugger's stop is none."""
    fields = _fields(pid)
    return fields is not None and fields[0] == "T"


def _fields(pid: int) -> list[str] | None:
    """Of ``/proc/<pid>/stat``, from the state on."""
    try:
        content = _read(f"/proc/{pid}/stat").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return content.rpartition(")")[2].split()


def arguments_of(pid: int) -> list[str]:
    """Empty where there is no such process, also for one that has ended and was not waited for."""
    try:
        return _read(f"/proc/{pid}/cmdline").decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read(path: str) -> bytes:
    """All of it. Every look at a load balancer reads several of these, so it goes without Python's file layers."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = b""
        while piece := os.read(descriptor, 65536):
            content += piece
        return content
    finally:
        os.close(descriptor)


def namespace_of(pid: int) -> int | None:
    """The inode of its network namespace."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def lives_here(pid: int, roots: Collection[Path]) -> bool:
    """Whether the process counts pids and sees files as we do, so that a path it names is the one that we know by that
    name: not in a container. ``roots``: directories that a process of ours may be locked into."""
    try:
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"NSpid:") and len(line.split()) > 2:
                return False  # it has another pid besides, in a namespace below ours
        if os.stat(f"/proc/{pid}/ns/mnt").st_ino == os.stat("/proc/self/ns/mnt").st_ino:
            return True
        # Mounts of its own alone prove nothing: a service manager may give us others at each start.
        root = os.stat(f"/proc/{pid}/root")
        ours = [os.stat(each) for each in roots if each.exists()]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any((root.st_dev, root.st_ino) == (each.st_dev, each.st_ino) for each in ours)


def open_pid(pid: int) -> int | None:
    """A descriptor of the process, which its successor under the same pid cannot be; None where there is none."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ESRCH):
            return None
        raise refusal(f"watch process {pid}", error) from error


def end(pid: int, pid_file: Path, timeout: float = 5.0) -> None:
    """Kills that HAProxy and waits for its end. Quiet where the pid is not (or no longer) the one of that pid file."""
    with _sent(pid, pid_file, signal.SIGKILL) as descriptor:
        if descriptor is not None and not _readable(descriptor, timeout):
            raise HostError(f"cannot end HAProxy process {pid}: it is still there after {timeout:g} s")


def let_finish(pid: int, pid_file: Path) -> None:
    """Tells that HAProxy to listen no more and to end with its last connection. Quiet as ``end`` is."""
    with _sent(pid, pid_file, signal.SIGUSR1):
        pass


def resume(pid: int, pid_file: Path) -> None:
    """Lets that HAProxy go on after a stop. Quiet as ``end`` is."""
    with _sent(pid, pid_file, signal.SIGCONT):
        pass


@contextmanager
def _sent(pid: int, pid_file: Path, number: signal.Signals) -> Iterator[int | None]:
    """Gives the descriptor of the process that got the signal; None where the pid is not the one of that pid file."""
    descriptor = open_pid(pid)
    if descriptor is None:
        yield None
        return
    try:
        ours = str(pid_file) in arguments_of(pid)
        if ours:
            try:
                signal.pidfd_send_signal(descriptor, number)
            except ProcessLookupError:
                ours = False
        yield descriptor if ours else None
    finally:
        os.close(descriptor)


def _open_gate(begun: Begun) -> None:
    let_read(begun)
    if begun.gate is not None:
        os.close(begun.gate)
        begun.gate = None


def _spawn(arguments: Sequence[str], standard_input: int, standard_output: int, standard_error: int) -> int:
    actions = [
        (os.POSIX_SPAWN_DUP2, standard_input, 0),
        (os.POSIX_SPAWN_DUP2, standard_output, 1),
        (os.POSIX_SPAWN_DUP2, standard_error, 2),
    ]
    try:
        # Every other descriptor of ours is closed at exec, as Python opens them. Python ignores SIGPIPE; a child
        # would inherit that.
        return os.posix_spawn(
            arguments[0],
            tuple(arguments),
            _ENVIRONMENT,
            file_actions=actions,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )
    except OSError as error:
        raise refusal(f"run {arguments[0]}", error) from error


def _wait(begun: Begun, timeout: float) -> int:
    """Our own child: its pid cannot pass to another process before we have waited for it."""
    descriptor = os.pidfd_open(begun.pid)
    try:
        in_time = _readable(descriptor, timeout)
        if not in_time:
            os.kill(begun.pid, signal.SIGKILL)
        _, status = os.waitpid(begun.pid, 0)
        begun.ended = True
    finally:
        os.close(descriptor)
    if not in_time:
        raise HostError(f"{begun.name} did not come to an end within {timeout:g} s and was killed")
    return os.waitstatus_to_exitcode(status)


def _readable(descriptor: int, timeout: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            return True
    return False
