"""The roles killed with ``kill -9`` while traffic runs that must not notice."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from demo.traces import read_haproxy_pids
from demo.traffic import FAILURES, Load
from tests.e2e.world import Balanced, World
from tests.waiting import Repeating

ROLES = ("server", "agent")
BURST = 30


@contextmanager
def undisturbed(world: World, made: Balanced) -> Iterator[Load]:
    """Traffic through the VIP, of which not one request may fail, on the same HAProxy from begin to end.

    One connection stays the same and in use.
    """
    pids = read_haproxy_pids(made.id)
    kept = world.client.open(made.vip)

    def ask() -> str | None:
        time.sleep(0.05)
        try:
            status = kept.ask().status
        except FAILURES as error:
            return f"on the kept connection: {error!r}"
        return None if status == 200 else str(status)

    with Load(world.client, made.vip) as load, Repeating(ask) as kept_asking:
        kept_asking.await_more(1)
        own = kept.sock.getsockname()
        yield load
        kept_asking.await_more(1)
        load.await_more(BURST)
        assert kept.sock.getsockname() == own
    kept.close()
    assert not load.failures, load.failures[:5]
    assert not kept_asking.bad, kept_asking.bad[:5]
    assert read_haproxy_pids(made.id) == pids


def kill_role(world: World, role: str) -> int:
    world.wait(lambda: role in world.service.roles(), f"a {role} to kill")
    pid = world.service.roles()[role]
    os.kill(pid, signal.SIGKILL)
    return pid


def await_role(world: World, role: str, former: int) -> None:
    world.wait(lambda: world.service.roles().get(role, former) != former, f"another {role}")
