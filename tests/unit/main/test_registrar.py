"""The thread that keeps the agent registered outlives what goes wrong in it."""

import queue
from pathlib import Path

import pytest
from tests.contract.test_agent_link import NotedCalls
from tests.fakes.local_bus import LocalServer
from tests.waiting import NET

from evenload.main.registrar import Registrar
from evenload.main.state import StateDirectory
from evenload.model.registration import FEATURES
from evenload.threads import Faults


class Line(LocalServer):
    """A server whose end is whatever the test puts into ``ends``; an exception there is raised."""

    def __init__(self, gateway: NotedCalls) -> None:
        super().__init__(gateway, "edge-1")
        self.ends: queue.Queue[BaseException | None] = queue.Queue()

    def wait_until_lost(self) -> None:
        end = self.ends.get(timeout=NET)
        if end is not None:
            raise end

    def close(self) -> None:
        self.ends.put(None)


@pytest.mark.parametrize("fault", [None, ZeroDivisionError(), SystemExit(1)])
@pytest.mark.parametrize("moment", ["while it registers", "while it waits for the server's end"])
def test_a_fault_is_counted_and_the_next_registration_comes(
    tmp_path: Path, fault: BaseException | None, moment: str
) -> None:
    gateway, faults, resyncs = NotedCalls(), Faults(), queue.Queue[None]()
    line = Line(gateway)
    if moment == "while it registers":
        gateway.fail = fault
    with StateDirectory(tmp_path) as state:
        registrar = Registrar(
            line, state, "edge-1", "nova", FEATURES, lambda: (), lambda: resyncs.put(None), lambda: None, faults
        )
        registrar.working(lambda: None)
        registrar.start()
        try:
            resyncs.get(timeout=NET)
            line.ends.put(fault if moment != "while it registers" else None)
            resyncs.get(timeout=NET)
        finally:
            registrar.stop()
    assert faults.counts == ({} if fault is None else {"registrar": 1})
