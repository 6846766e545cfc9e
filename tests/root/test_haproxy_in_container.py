"""A HAProxy in a container that has the same paths as this host is none of this host's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.waiting import eventually

from evenload.host.haproxy_process import arguments_of, lives_here

pytestmark = pytest.mark.root

_IN_CONTAINER = """
ip addr add {vip}/32 dev lo &&
mount -t tmpfs container {state} && mkdir -p {directory} && cp {config} {directory}/haproxy-7.cfg &&
mount -t tmpfs container {chroot} &&
haproxy -D -f {directory}/haproxy-7.cfg -p {directory}/haproxy-7.pid && exec sleep 600
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("isolation", [["--pid", "--fork", "--kill-child"], []], ids=["own pids", "the host's pids"])
def test_it_is_left_alone(stage: Stage, isolation: list[str]) -> None:
    stage.start(desired(member(1)))
    directory = stage.files.path(stage.id)
    config = stage.directory / "container.cfg"
    config.write_text((directory / "haproxy.cfg").read_text().replace("haproxy-1.sock", "haproxy-7.sock"))
    script = _IN_CONTAINER.format(
        vip=VIP,
        state=stage.settings.state_dir,
        directory=directory,
        config=config,
        chroot=stage.settings.haproxy.chroot,
    )
    command = ["unshare", "--net", "--mount", *isolation, "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as container:
        try:
            assert eventually(lambda: inside(directory))
            pid = inside(directory)
            assert pid is not None
            assert not lives_here(pid, [Path("/"), stage.settings.haproxy.chroot])
            assert stage.haproxy.find_orphans() == frozenset()
            stage.haproxy.stop_haproxy(stage.id)
            assert inside(directory) == pid
        finally:
            for pid in {container.pid, inside(directory) or container.pid}:
                os.kill(pid, 9)


def inside(directory: Path) -> int | None:
    """The pid, as this host has it, of the HAProxy in the container, when it has locked itself in.

    Before that, and until the process that started it has ended, something in there has the root that we have.
    """
    found = [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if f"{directory}/haproxy-7.pid" in arguments_of(pid)[5:6]
    ]
    with suppress(FileNotFoundError):  # one has ended
        if len(found) == 1 and not Path(f"/proc/{found[0]}/root").samefile("/"):
            return found[0]
    return None
