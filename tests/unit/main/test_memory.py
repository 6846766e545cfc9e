"""What the server's start leaves behind goes back to the kernel, and the first request finds nothing to be made."""

import os
import subprocess
import sys

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
