"""What the server's start leaves behind goes back to the kernel, and the first request finds nothing to be made."""

import os
import subprocess
import sys

from evenload.main.memory import choose_unwritten

_MANY = """
import gc, sys
from evenload.main.memory import give_back, keep_few_arenas
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
keep_few_arenas()
# Above what Python keeps for small objects, below what glibc takes from the kernel by itself.
blocks = [bytearray(60_000) for _ in range(1000)]
last = bytearray(60_000)  # nothing below it goes back by itself
before = resident()
del blocks
gc.collect()
kept = before - resident()
give_back()
print(kept, before - resident())
"""


def test_what_was_freed_goes_back() -> None:
    said = subprocess.run([sys.executable, "-c", _MANY], check=True, capture_output=True, text=True, env=os.environ)
    kept, back = map(int, said.stdout.split())
    assert kept < 10_000_000 < 50_000_000 < back


_CODE = """
import hashlib, json, sqlite3, ssl, zlib
from evenload.main.memory import let_go_of_files
def work():
    sqlite3.connect(":memory:").execute("select json_array(1)").fetchall()
    ssl.create_default_context()
    return hashlib.new("sha3_256", zlib.compress(json.dumps(list(range(100))).encode())).hexdigest()
def resident():
    kilobytes, counts = 0, False
    for line in open("/proc/self/smaps"):
        words = line.split()
        if not words[0].endswith(":"):
            counts = words[1] == "r-xp" and "libcrypto" in line
        elif words[0] == "Rss:" and counts:
            kilobytes += int(words[1])
    return kilobytes
before = work()
first = resident()
let_go_of_files()
second = resident()
assert work() == before
print(first, second, resident())
"""


def test_what_the_start_has_run_is_resident_no_longer_and_runs_again() -> None:
    said = subprocess.run([sys.executable, "-c", _CODE], check=True, capture_output=True, text=True, env=os.environ)
    first, second, third = map(int, said.stdout.split())
    assert second < first
    assert second < third


LIBRARY = "/a library/with spaces.so"


def _mapping(rights: str, *, anonymous: int = 0, swap: int = 0, inode: int = 7, path: str = LIBRARY) -> list[str]:
    return [
        f"7f00000{inode:02x}000-7f00000{inode:02x}800 {rights} 00000000 fe:00 {inode}   {path}",
        "Rss:                 8 kB",
        f"Anonymous:           {anonymous} kB",
        f"Swap:                {swap} kB",
        "VmFlags: rd mr mw me",
    ]


def test_only_what_is_as_the_file_is_goes() -> None:
    """What the linker has written, and closed afterwards, would be lost, be it in memory or in swap."""
    lines = [
        *_mapping("r-xp", inode=1),
        *_mapping("r--p", inode=2),
        *_mapping("r--p", inode=3, anonymous=4),
        *_mapping("r--p", inode=4, swap=4),
        *_mapping("rw-p", inode=5),
        *_mapping("r--s", inode=6),
        *_mapping("r-xp", inode=0, path=""),
        *_mapping("r--p", inode=8, path="/usr/lib/locale/locale-archive"),
        *_mapping("r-xp", inode=9, path="/usr/lib/libz.so.1.2.13"),
        *_mapping("r-xp", inode=10, path=os.path.realpath(sys.executable)),
    ]
    assert [place & 0xFF000 for place, _ in choose_unwritten(lines)] == [0x1000, 0x2000, 0x9000, 0xA000]
