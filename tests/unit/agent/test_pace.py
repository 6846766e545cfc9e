"""How often what is at rest is looked at."""

import pytest
from tests.fakes.desired import make_desired, monitor

from evenload.agent.pace import QUIET_AFTER, choose_pause
from evenload.model.enums import MonitorType


@pytest.mark.parametrize(
    ("delays", "quiet_looks", "pause"),
    [
        ((), QUIET_AFTER, 1.5),
        ((), QUIET_AFTER - 1, 0.0),
        ((), 0, 0.0),
        ((60,), QUIET_AFTER, 1.5),
        ((60, 1), QUIET_AFTER, 1.0),  # no verdict is older than a delay of its monitor when it is told
        ((1,), 1000, 1.0),
    ],
)
def test_the_pause(delays: tuple[int, ...], quiet_looks: int, pause: float) -> None:
    monitors = tuple(monitor(number=number, delay=delay) for number, delay in enumerate(delays))
    assert choose_pause(make_desired(monitors=monitors), quiet_looks, 1.0) == pause


def test_a_monitor_that_is_off_does_not_count() -> None:
    off = monitor(kind=MonitorType.TCP, delay=1, admin_state_up=False)
    assert choose_pause(make_desired(monitors=(off,)), QUIET_AFTER, 0.5) == 0.75
