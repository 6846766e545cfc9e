"""What the C library does with freed memory, where it is glibc: another one has neither of these, and needs neither."""

import ctypes
import resource

_ARENA_MAX = -8
"""mallopt(3): M_ARENA_MAX."""
_ARENAS = 2


def keep_few_arenas() -> None:
    """A thread gets an arena of its own else, up to eight for each core, and each keeps what was freed in it; threads
    that wait for Python's lock anyway gain nothing by that. Before threads are made."""
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None:
        option(_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """To the kernel, what was freed and lies between what was not: a tenth of a server's memory after its start."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def read_resident_bytes() -> int:
    """What this process has in memory, what it shares included."""
    with open("/proc/self/statm") as content:
        return int(content.read().split()[1]) * resource.getpagesize()
