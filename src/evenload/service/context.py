"""What every use case is given: the store, the ports, time and new ids.

Made once in ``main``; each class of this package takes one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from evenload.interfaces import Clock, UnitOfWork
from evenload.service.vip_ports import VipPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    uow: UnitOfWork
    ports: VipPorts
    clock: Clock
    new_id: Callable[[], str]

    def now(self) -> datetime:
        return self.clock.now()
