"""Settings under /proc/sys. Those below ``net`` belong to the network namespace of the calling thread."""

import os
from collections.abc import Iterable
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
    return _write(name, value, f"{_ROOT}/{name}", None)


def write_sysctls(settings: Iterable[tuple[str, str | int]]) -> None:
    """Those that this kernel has. All namespaces have ``net/ipv4`` and the like under one name, and the kernel goes
    through them all to find the right one: that is done once for each such directory, not once for each setting."""
    opened: dict[str, int | None] = {}
    try:
        for name, value in settings:
            first, second, rest = name.split("/", 2)
            directory = f"{first}/{second}"
            if directory not in opened:
                opened[directory] = _open_directory(directory)
            descriptor = opened[directory]
            if descriptor is not None:
                _write(name, value, rest, descriptor)
    finally:
        for each in opened.values():
            if each is not None:
                os.close(each)


def _open_directory(name: str) -> int | None:
    try:
        return os.open(f"{_ROOT}/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(f"look into {_ROOT / name}", error) from error


def _write(name: str, value: str | int, path: str, directory: int | None) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refusal(f"set {_ROOT / name} to {value}", error) from error
    return True
