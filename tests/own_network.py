"""A network of its own for each worker of pytest-xdist, so that tests with real namespaces run side by side.

A plugin (``pytest -n 2 -p tests.own_network``, as ``make test`` does): before anything of Evenload is imported, each
worker moves into a new network namespace and a new mount namespace, with an empty ``/run/netns`` and a ``/sys`` of that
network. Bridges, addresses, ports on loopback and names of namespaces are then its own, and the host's are left alone;
all of it ends with the worker.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NEWNS, _NEWNET = 0x00020000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_former: list[int] = []
"""The network that this worker came from."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        enter_own_network()


def enter_own_network() -> None:
    """In the main thread, before others are started: they, and every process, are where it is."""
    _former.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    _check(_libc.unshare(_NEWNS | _NEWNET))
    Path("/run/netns").mkdir(parents=True, exist_ok=True)
    # In a chroot / is no mount; whoever made that has seen to its propagation.
    subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)
    for arguments in (["-t", "tmpfs", "tmpfs", "/run/netns"], ["-t", "sysfs", "sysfs", "/sys"]):
        subprocess.run(["mount", *arguments], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextmanager
def hosts_network() -> Iterator[None]:
    """Back in the network that the worker came from: some settings of the kernel are nowhere else."""
    if not _former:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(_former[0], _NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(own, _NEWNET))
    finally:
        os.close(own)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
