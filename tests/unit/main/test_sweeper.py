"""The housekeeping thread outlives what goes wrong in one sweep."""

import threading
from datetime import timedelta

import pytest
from tests.fakes.memory_store import MemoryStore
from tests.unit.service.conftest import make_world
from tests.waiting import NET

from evenload.main.housekeeping import Sweeper
from evenload.model.errors import StoreUnavailable
from evenload.service.housekeeping import Housekeeping
from evenload.threads import Faults


@pytest.mark.parametrize("fault", [StoreUnavailable("locked"), KeyError("a bug"), SystemExit(1)])
def test_a_sweep_that_fails_is_not_the_last(fault: BaseException) -> None:
    swept = threading.Event()

    class Failing(Housekeeping):
        sweeps = 0

        def sweep(self) -> None:
            self.sweeps += 1
            if self.sweeps == 1:
                raise fault
            swept.set()

    limit, faults = timedelta(seconds=60), Faults()
    world = make_world(MemoryStore())
    sweeper = Sweeper([Failing(world.context, world.hints, limit)], faults, interval=0.001)
    sweeper.start()
    try:
        assert swept.wait(NET)
    finally:
        sweeper.stop()
    assert faults.counts == ({} if isinstance(fault, StoreUnavailable) else {"housekeeping": 1})
