"""Memory that nobody needs any longer goes back to the kernel: what was freed, where the C library is glibc (another
has neither of its two functions, and needs neither), and what of files the start alone needed.
"""

import ctypes
import os
import re
import resource
import sys
from collections.abc import Iterable

_ARENA_MAX = -8
"""mallopt(3): M_ARENA_MAX."""
_ARENAS = 2
_DONTNEED = 4
"""madvise(2): MADV_DONTNEED."""
_LIBRARY = re.compile(r"\.so(\.[0-9.]+)?$")
_PROGRAM = os.path.realpath(sys.executable)


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


def let_go_of_files() -> None:
    """What the start alone has run and read of the interpreter's and the libraries' files, some 15 MiB, is resident no
    longer: machine code, tables for relocation. The kernel has it still, and gives it back page by page where it is
    wanted again. Only of mappings that nobody can write, and of which no page was written before: the others are not
    what the file says."""
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as content:
            unwritten = choose_unwritten(content)
    except FileNotFoundError:
        return  # a kernel without it
    advise = ctypes.CDLL(None).madvise
    for begin, end in unwritten:
        advise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONTNEED)


def choose_unwritten(smaps: Iterable[str]) -> list[tuple[int, int]]:
    """Begin and end of each mapping of a library or program that is as the file is: private, for nobody to write,
    without a page of its own in memory or in swap, where what the linker has written may be. ``smaps``: lines of
    proc(5)'s file. Another file might be mapped no longer when its place is let go, and something else lie there."""
    found: dict[tuple[int, int], None] = {}
    place = 0, 0
    for line in smaps:
        name, *words = line.split()
        if not name.endswith(":"):
            begin, _, end = name.partition("-")
            place = int(begin, 16), int(end, 16)
            rights, path = words[0], " ".join(words[4:])
            if "w" not in rights and rights.endswith("p") and (_LIBRARY.search(path) or path == _PROGRAM):
                found[place] = None
        elif name in ("Anonymous:", "Swap:") and words[0] != "0":
            found.pop(place, None)
    return list(found)
