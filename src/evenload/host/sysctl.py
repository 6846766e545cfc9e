"""Settings under /proc/sys. Those below ``net`` belong to the network namespace of the calling thread."""

import os
from pathlib import Path

from evenload.host.refusal import refusal

_ROOT = Path("/proc/sys")


def read_sysctl(name: str) -> str | None:
    """``name`` with slashes, as interface names may hold dots. None where this kernel does not have it."""
    try:
        return (_ROOT / name).read_text().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(f"read {_ROOT / name}", error) from error


def write_sysctl(name: str, value: str | int) -> bool:
    """Returns False where this kernel does not have it, as all of IPv6 where that is switched off."""
    try:
        descriptor = os.open(f"{_ROOT}/{name}", os.O_WRONLY | os.O_CLOEXEC)  # a dozen of them in each new namespace
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refusal(f"set {_ROOT / name} to {value}", error) from error
    return True
