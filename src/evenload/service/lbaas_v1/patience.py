"""Waits for an address that a deleted load balancer still has. Called by vips.py; the only use case that waits.

A VIP that is deleted is gone for its caller at once, as it was in LBaaS v1, but the host takes some tens of
milliseconds to let go of the address. Who asks for the same address again has to wait for that, outside of any
transaction: the host's answer is one of its own.
"""

from collections.abc import Callable
from typing import TypeVar

from evenload.model.errors import AddressLetGo

T = TypeVar("T")

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.6)
"""Seconds between attempts, some two seconds in all."""


def until_let_go(attempt: Callable[[], T], pause: Callable[[float], None]) -> T:
    """What comes of the first attempt that does not raise AddressLetGo; the last one may raise it."""
    for seconds in PAUSES:
        try:
            return attempt()
        except AddressLetGo:
            pause(seconds)
    return attempt()
