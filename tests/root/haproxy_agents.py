"""For tests in which an agent begins HAProxy and is killed, while somebody asks the load balancer all the time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.root.haproxy_stage import Stage
from tests.waiting import Repeating

from evenload.host import haproxy_process
from evenload.host.haproxy_arguments import named_file

_AGENT = """
import sys
from pathlib import Path
from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HaproxySettings, HostSettings

state_dir, chroot, load_balancer_id = sys.argv[1:4]
settings = HostSettings(state_dir=Path(state_dir), haproxy=HaproxySettings(chroot=Path(chroot)))
files = StateFiles(settings.state_dir)
haproxy = Haproxy(settings, files)
{work}
print("begun", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """``spare``: it began as one."""

    pid: int
    number: int
    spare: bool


def read_workers(stage: Stage) -> list[Worker]:
    """Every HAProxy of this load balancer, with or without a pid file. A process has no arguments for the first moment
    of its life."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        arguments = haproxy_process.arguments_of(pid)
        named = named_file(arguments)
        if named is not None and named.parent == stage.files.path(stage.id):
            found.append(Worker(pid, int(named.stem.partition("-")[2]), spare=arguments[3] == "/dev/stdout"))
    return found


@contextmanager
def asking(stage: Stage) -> Iterator[None]:
    """Somebody asks all the while, on a new connection each time, and is answered."""

    def ask() -> str | None:
        try:
            return None if stage.get() == "backend 1" else "another answer"
        except OSError as error:
            return repr(error)

    with Repeating(ask) as repeating:
        repeating.await_more(1)
        yield
        repeating.await_more(3)
    assert repeating.bad == []


@contextmanager
def agent_to_be_killed(stage: Stage, work: str, *arguments: str) -> Iterator[None]:
    """Inside, another agent has done that ``work``: lines of Python with ``haproxy``, ``files``, ``load_balancer_id``,
    and the ``arguments`` as ``sys.argv[4:]``. It is killed afterwards, and its ends of pipes go with it."""
    places = [str(stage.settings.state_dir), str(stage.settings.haproxy.chroot), stage.id]
    program = [sys.executable, "-c", _AGENT.format(work=work), *places, *arguments]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stdout is not None
            assert agent.stdout.readline() == "begun\n"
            yield
        finally:
            agent.send_signal(signal.SIGKILL)
            agent.wait()
