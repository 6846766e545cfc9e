"""What a process may do: its user, its capabilities, and its end together with its parent. By libc, without a fork.

``main`` calls each function once, at the start of a role, while the process has one thread: capabilities belong to
threads.
"""

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass

from evenload.model.errors import Hopeless

CAPABILITIES = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_RESOURCE": 24,
}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 4, 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64
_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


@dataclass(frozen=True, slots=True)
class Account:
    """A user that a process may become."""

    name: str
    uid: int
    gid: int


def become(account: Account) -> None:
    """From now on that user, for good: its group alone, no capability in any set, no program that would give one back,
    and no other process of that user may look inside. Raises Hopeless."""
    try:
        _clear_bounding_set(keep=0)
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        _set_capabilities(0)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_DUMPABLE, 0)
    except OSError as error:
        raise Hopeless(f"cannot become the user {account.name}: {error}") from error
    if os.getresuid() != (account.uid,) * 3 or os.getgroups():
        raise Hopeless(f"could not become the user {account.name}")


def keep_capabilities(names: Iterable[str]) -> None:
    """This process, and all that it starts, has no more capabilities than these, and gets none by a program that would
    give them. Those of them that it lacks it goes on lacking. Raises Hopeless."""
    wanted = 0
    for name in names:
        wanted |= 1 << CAPABILITIES[name]
    try:
        _clear_bounding_set(keep=wanted)
        _set_capabilities(wanted & read_capabilities("CapPrm"))
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    except OSError as error:
        raise Hopeless(f"cannot give up capabilities: {error}") from error


def end_with_parent(signal_number: int) -> None:
    """The kernel sends this process that signal when the thread that started it ends. A change of user undoes it."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def read_capabilities(which: str) -> int:
    """``CapEff``, ``CapPrm``, ``CapBnd`` … of this process as a bit mask."""
    with open("/proc/thread-self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith(f"{which}:"):
                return int(line.split()[1], 16)
    return 0


def _clear_bounding_set(keep: int) -> None:
    for number in range(_MOST_CAPABILITIES):
        if keep >> number & 1:
            continue
        present = _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0)
        if present < 0:
            return  # the kernel knows no more
        if present:
            _prctl(_PR_CAPBSET_DROP, number)


def _set_capabilities(mask: int) -> None:
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)()
    for index in range(2):
        part = mask >> (32 * index) & 0xFFFFFFFF
        sets[index] = _Sets(part, part, 0)
    if _libc.capset(ctypes.byref(header), ctypes.byref(sets)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
