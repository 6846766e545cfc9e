"""What the kernel says about memory: of the machine, of one process, of the processes in a namespace. In KiB."""

import re
import statistics
import time
from pathlib import Path


def available(samples: int = 20, pause: float = 0.05) -> float:
    """MemAvailable, the median over a second: other processes of the machine breathe."""
    seen = []
    for _ in range(samples):
        seen.append(field(Path("/proc/meminfo").read_text(), "MemAvailable"))
        time.sleep(pause)
    return statistics.median(seen)


def kernel() -> int:
    """What the kernel uses itself: its object caches, stacks, page tables, counters of each processor."""
    told = Path("/proc/meminfo").read_text()
    return sum(field(told, name) for name in ("Slab", "KernelStack", "PageTables", "Percpu"))


def resident(pid: int) -> int:
    return field(Path(f"/proc/{pid}/status").read_text(), "VmRSS")


def proportional(pid: int) -> int:
    """Memory shared with others is split among them."""
    return field(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")


def field(text: str, name: str) -> int:
    """A line ``name: 123 kB`` of the kernel's. Raises ValueError where there is none."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in what the kernel says")
    return int(found[1])
