"""Waits for what a deleted load balancer still has: its address, its port.

A load balancer that is deleted is gone for its owner, as it was in LBaaS v1, but the host takes some tens of
milliseconds to let go of what it had. Who asks for the same address, or removes its subnet, has to wait for that,
outside of any transaction: the host's answer is one of its own.
"""

from collections.abc import Callable
from typing import TypeVar

from evenload.model.errors import AddressLetGo, InUse

T = TypeVar("T")

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.6)
"""Seconds between attempts, some two seconds in all."""


def until_let_go(attempt: Callable[[], T], pause: Callable[[float], None]) -> T:
    """What comes of the first attempt that does not raise AddressLetGo, or InUse by what is going; the last one may
    raise them."""
    for seconds in PAUSES:
        try:
            return attempt()
        except AddressLetGo:
            pause(seconds)
        except InUse as error:
            if not error.going:
                raise
            pause(seconds)
    return attempt()
