"""What is taken for left of a load balancer whose namespace is gone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.traces import Footprint, find_processes


@contextmanager
def process_of(pid_file: Path) -> Iterator[int]:
    """It is in our namespace, which stands for one whose number is used again."""
    program = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", str(pid_file)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_process_of_another_load_balancer_is_not_left_over(tmp_path: Path) -> None:
    directory = tmp_path / "0b2c4e0a-8b4e-4c6e-9d5a-0a1b2c3d4e5f"
    for other in ("spare", "another"):
        (tmp_path / other).mkdir()
    (tmp_path / "spare-000000000001").symlink_to("spare")
    footprint = Footprint(
        load_balancer_id=directory.name,
        namespace=Path("/run/netns/none"),
        namespace_number=os.stat("/proc/self/ns/net").st_ino,
        device="tapnone",
        processes={},
        directory=directory,
        address="192.0.2.1",
        answers_arp=False,
    )
    with (
        process_of(tmp_path / "spare-000000000001" / "haproxy-1.pid") as waiting,
        process_of(tmp_path / "another" / "haproxy-1.pid") as other_one,
        process_of(tmp_path / "spare-000000000002" / "haproxy-1.pid") as nameless,
        process_of(directory / "haproxy-1.pid") as own,
    ):
        found = find_processes(footprint)
    assert {waiting, other_one}.isdisjoint(found)
    assert {nameless, own} <= set(found)  # whose name leads nowhere any more may be its own
